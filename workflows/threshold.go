package workflows

import (
	"errors"
	"fmt"
)

// CheckThreshold type-checks the expression that a query's value is held against: true
// or false over the integer `value` and nothing else. expr is without the leading "=".
func CheckThreshold(expr string) error {
	lang, err := newLanguage()
	if err != nil {
		return err
	}
	checked, err := lang.compile(expr)
	if err != nil {
		return err
	}
	if got := checked.OutputType().String(); got != "bool" {
		return fmt.Errorf("it gives %s; it must be true or false, such as value >= 3", got)
	}
	for _, ref := range references(checked) {
		if message, _ := shapeReference(ref, inThreshold); message != "" {
			return errors.New(message + "; a threshold knows the integer value only")
		}
	}
	return nil
}
