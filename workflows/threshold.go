package workflows

import (
	"errors"
	"fmt"
)

// CheckThreshold type-checks the expression that a query's value is held against: true
// or false over the integer `value` and nothing else. expr is without the leading "=".
func CheckThreshold(expr string) error {
	return checkAlone(expr, inThreshold, "value >= 3", "a threshold knows the integer value only")
}

// CheckPass type-checks the expression that a watch is held against: true or false over
// `out`, what its measure gives, and nothing else. expr is without the leading "=".
func CheckPass(expr string) error {
	return checkAlone(expr, inWatch, "out.value < 10", "a watch knows out only")
}

func checkAlone(expr string, at where, such, knows string) error {
	lang, err := newLanguage()
	if err != nil {
		return err
	}
	checked, err := lang.compile(expr)
	if err != nil {
		return err
	}
	if got := checked.OutputType().String(); got != "bool" {
		return fmt.Errorf("it gives %s; it must be true or false, such as %s", got, such)
	}
	for _, ref := range references(checked) {
		if message, _ := shapeReference(ref, at); message != "" {
			return errors.New(message + "; " + knows)
		}
	}
	return nil
}
