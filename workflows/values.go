package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// exactAdapter turns Go values into CEL values and keeps evaluation exact and
// repeatable: whole doubles (JSON numbers) become integers, other doubles are
// errors, and maps are walked in the order of their keys.
type exactAdapter struct{}

// NativeToValue implements types.Adapter.
func (a exactAdapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case nil:
		return types.NullValue
	case ref.Val:
		return v
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case int:
		return types.Int(v)
	case float64:
		return wholeNumber(v)
	case json.Number:
		return jsonNumber(v)
	case []any:
		return types.NewList(a, v)
	case []string:
		return types.NewList(a, v)
	case []ref.Val:
		return types.NewRefValList(a, v)
	case map[string]any:
		return sortedMap{Mapper: types.NewStringInterfaceMap(a, v), keys: sortedKeys(v)}
	case map[string]string:
		return sortedMap{Mapper: types.NewStringStringMap(a, v), keys: sortedKeys(v)}
	case map[string]int64:
		return sortedMap{Mapper: types.NewMap(a, v), keys: sortedKeys(v)}
	default:
		return types.NewErr("a value of type %T cannot be used in an expression", value)
	}
}

// maxWhole is the largest double up to which every integer is exact.
const maxWhole = 1 << 53

func wholeNumber(v float64) ref.Val {
	if !(v >= -maxWhole && v <= maxWhole) || v != float64(int64(v)) { // NaN is neither
		return types.NewErr("the number %v is not a whole number: measures are integers", v)
	}
	return types.Int(int64(v))
}

func jsonNumber(v json.Number) ref.Val {
	n, err := v.Int64()
	if err != nil {
		return types.NewErr("the number %s is not a whole number: measures are integers", v)
	}
	return types.Int(n)
}

func sortedKeys[V any](m map[string]V) func() []string {
	return func() []string { return slices.Sorted(maps.Keys(m)) }
}

// sortedMap is a map whose iteration does not show Go's random order.
type sortedMap struct {
	traits.Mapper
	keys func() []string
}

// Iterator walks the keys in ascending order.
func (m sortedMap) Iterator() traits.Iterator {
	return types.NewStringList(exactAdapter{}, m.keys()).Iterator()
}

var errNotPlain = errors.New("the result is not a boolean, an integer, a string, a list or a map")

// plain turns a CEL value into bool, int64, string, nil, []any or
// map[string]any.
func plain(v ref.Val) (any, error) {
	switch t := v.(type) {
	case types.Bool:
		return bool(t), nil
	case types.Int:
		return int64(t), nil
	case types.String:
		return string(t), nil
	case types.Null:
		return nil, nil //nolint:nilnil // null is a value of the language
	case traits.Lister:
		return plainList(t)
	case traits.Mapper:
		return plainMap(t)
	case *types.Err:
		return nil, t
	default:
		return nil, fmt.Errorf("%w but %s", errNotPlain, v.Type().TypeName())
	}
}

func plainList(l traits.Lister) (any, error) {
	out := []any{}
	for it := l.Iterator(); it.HasNext() == types.True; {
		item, err := plain(it.Next())
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

func plainMap(m traits.Mapper) (any, error) {
	out := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, fmt.Errorf("%w: its keys are not strings", errNotPlain)
		}
		item, err := plain(m.Get(key))
		if err != nil {
			return nil, err
		}
		out[string(name)] = item
	}
	return out, nil
}
