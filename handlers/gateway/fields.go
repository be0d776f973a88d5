package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// fields reads an object member by member. It notes the first thing that is
// wrong, by the member's path, and knows what nobody asked for.
type fields struct {
	path    string
	values  map[string]json.RawMessage
	problem string
}

func (f *fields) wrong(name, what string) {
	if f.problem == "" {
		f.problem = f.path + name + " " + what
	}
}

// take removes a member; nil when it is missing or null.
func (f *fields) take(name string) json.RawMessage {
	raw := f.values[name]
	delete(f.values, name)
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// text reads a string; "" when it is missing.
func (f *fields) text(name string) string {
	raw := f.take(name)
	if raw == nil {
		return ""
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		f.wrong(name, "must be a string, it is "+kindOf(raw))
	}
	return s
}

// need reads a string that must be there.
func (f *fields) need(name string) string {
	s := f.text(name)
	if s == "" {
		f.wrong(name, "is missing")
	}
	return s
}

// word reads a string or a number as text.
func (f *fields) word(name string) string {
	if raw := f.values[name]; len(raw) > 0 && (isDigit(raw[0]) || raw[0] == '-') {
		f.take(name)
		return string(raw)
	}
	return f.text(name)
}

// ident reads an id that ends up in calls to providers and in commands for people:
// letters, digits and ._:/@- only, so that it is nothing but a name wherever it is used:
// no way up a path and no option of a command.
func (f *fields) ident(name string) string {
	s := f.text(name)
	if !isIdent(s) {
		f.wrong(name, "may only hold letters, digits and ._:/@-, at most 128 of them, no .. or //, and begins with a letter, a digit or _")
	}
	return s
}

func isIdent(s string) bool {
	if s != "" && !isAlnum(s[0]) && s[0] != '_' || strings.Contains(s, "..") || strings.Contains(s, "//") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case isAlnum(c):
		case c == '.' || c == '_' || c == ':' || c == '/' || c == '@' || c == '-':
		default:
			return false
		}
	}
	return len(s) <= 128
}

func (f *fields) millis(name string) int64 {
	ms, err := millis(f.take(name))
	if err != nil {
		f.wrong(name, err.Error())
	}
	return ms
}

// labels reads an object of strings.
func (f *fields) labels(name string) map[string]string {
	raw := f.take(name)
	if raw == nil {
		return nil
	}
	var out map[string]string
	if err := json.Unmarshal(raw, &out); err != nil {
		f.wrong(name, "must be an object of strings")
	}
	return out
}

// list reads a list of strings.
func (f *fields) list(name string) []string {
	raw := f.take(name)
	if raw == nil {
		return nil
	}
	var out []string
	if err := json.Unmarshal(raw, &out); err != nil {
		f.wrong(name, "must be a list of strings")
	}
	return out
}

// kindOf names what a JSON value is.
func kindOf(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// mistake says what is wrong with JSON in words that name the member.
func mistake(err error) string {
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := wrongType.Field
		if field == "" {
			field = "the body"
		}
		return fmt.Sprintf("%s has the wrong type, it is a JSON %s", field, wrongType.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("broken JSON at byte %d: %s", syntax.Offset, syntax.Error())
	}
	return "broken JSON: " + err.Error()
}
