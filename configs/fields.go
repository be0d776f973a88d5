package configs

import (
	"reflect"
	"slices"
	"strings"
)

// keyField is the name of the field that takes the key of a keyed list.
func keyField(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	for field := range t.Fields() {
		if field.Tag.Get("from") == "key" {
			return field.Name
		}
	}
	return ""
}

func fieldFor(v reflect.Value, key string) (reflect.Value, bool) {
	for field, value := range v.Fields() {
		if key == fieldKey(field) && key != "" {
			return value, true
		}
	}
	return reflect.Value{}, false
}

func fieldKeys(t reflect.Type) []string {
	var keys []string
	for field := range t.Fields() {
		if key := fieldKey(field); key != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// fieldKey is the key a field is written with, empty for one that is not in the file.
func fieldKey(field reflect.StructField) string {
	return strings.TrimPrefix(field.Tag.Get("yaml"), "-")
}
