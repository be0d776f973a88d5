package configs

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// reader takes a YAML tree apart into Go values along the yaml tags of the types.
// It differs from the library's own decoder in three points: it goes on after a
// problem, it remembers where every value stood, and it refuses what other YAML
// tools read differently.
type reader struct {
	file     string
	at       map[string]place
	problems Problems
}

// textValue is a scalar with a form of its own. The error says what is wrong
// without repeating a secret; fix says what to write instead.
type textValue interface {
	setText(text string) (fix string, err error)
}

// shortForm is a struct that may be written as one plain value.
type shortForm interface {
	setShort(text string)
}

func (r *reader) read(n ast.Node, v reflect.Value, path string) {
	r.remember(n, path)
	if !r.plain(n) {
		return
	}
	if special, ok := reflect.TypeAssert[textValue](v.Addr()); ok {
		r.readSpecial(n, special)
		return
	}
	if short, ok := reflect.TypeAssert[shortForm](v.Addr()); ok && !isMapping(n) {
		if text, ok := r.text(n); ok {
			short.setShort(text)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.read(n, v.Elem(), path)
	case reflect.Struct:
		r.readStruct(n, v, path)
	case reflect.Slice:
		r.readSlice(n, v, path)
	case reflect.Map:
		r.readMap(n, v, path)
	default:
		r.readScalar(n, v)
	}
}

// plain refuses what this file format does without.
func (r *reader) plain(n ast.Node) bool {
	switch n.Type() {
	case ast.NullType:
		r.fail(n, "there is no value here", "give one, or take the key out")
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType, ast.TagType:
		r.fail(n, "anchors, aliases, merges and tags are not read here", "write the value out")
	default:
		return true
	}
	return false
}

func (r *reader) readSpecial(n ast.Node, v textValue) {
	text, ok := scalarText(n)
	if !ok {
		r.fail(n, "a plain value belongs here", "write it in one line")
		return
	}
	if fix, err := v.setText(text); err != nil {
		r.fail(n, err.Error(), fix)
	}
}

func (r *reader) readScalar(n ast.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if text, ok := r.text(n); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if flag, ok := n.(*ast.BoolNode); ok {
			v.SetBool(flag.Value)
			return
		}
		r.fail(n, "this is neither true nor false", "write true or false")
	case reflect.Int:
		text, _ := scalarText(n)
		if number, err := strconv.ParseInt(text, 10, 32); err == nil && n.Type() == ast.IntegerType {
			v.SetInt(number)
			return
		}
		r.fail(n, "this is not a whole number", "write digits only")
	default:
		r.fail(n, "a value of this kind cannot be configured", "take it out")
	}
}

func (r *reader) readSlice(n ast.Node, v reflect.Value, path string) {
	if name := keyField(v.Type().Elem()); name != "" && isMapping(n) {
		r.readKeyed(n, v, path)
		return
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(n, "a list belongs here", "write [a, b], or one line for each that begins with -")
		return
	}
	items := reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values))
	for i, item := range list.Values {
		r.read(item, items.Index(i), index(path, i))
	}
	v.Set(items)
}

// readKeyed reads a mapping into a slice that keeps the order of the file; each
// key becomes the field tagged from:"key".
func (r *reader) readKeyed(n ast.Node, v reflect.Value, path string) {
	name := keyField(v.Type().Elem())
	for _, pair := range r.pairs(n) {
		item := reflect.New(v.Type().Elem()).Elem()
		item.FieldByName(name).SetString(pair.key)
		r.read(pair.value, item, join(path, pair.key))
		r.at[join(path, pair.key)] = pair.place
		v.Set(reflect.Append(v, item))
	}
}

func (r *reader) readMap(n ast.Node, v reflect.Value, path string) {
	if !r.isMapping(n) {
		return
	}
	if v.IsNil() { // otherwise it holds defaults, which the file overrides one by one
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, pair := range r.pairs(n) {
		item := reflect.New(v.Type().Elem()).Elem()
		r.read(pair.value, item, join(path, pair.key))
		v.SetMapIndex(reflect.ValueOf(pair.key), item)
	}
}

func (r *reader) readStruct(n ast.Node, v reflect.Value, path string) {
	if !r.isMapping(n) {
		return
	}
	for _, pair := range r.pairs(n) {
		field, ok := fieldFor(v, pair.key)
		if !ok {
			known := fieldKeys(v.Type())
			r.problems = append(r.problems, pair.problem(fmt.Sprintf("the key %.64q is not known here", pair.key), nearest(pair.key, known)))
			continue
		}
		r.read(pair.value, field, join(path, pair.key))
		// A collection is best pointed at by its key, a plain value by itself.
		if _, scalar := scalarText(pair.value); !scalar {
			r.at[join(path, pair.key)] = pair.place
		}
	}
}

func (r *reader) isMapping(n ast.Node) bool {
	if isMapping(n) {
		return true
	}
	r.fail(n, "keys with values belong here", "write key: value, one on a line")
	return false
}

// text is the value of a string. A number or a boolean is not quietly made one:
// 0123 or 1e3 would lose its writing on the way.
func (r *reader) text(n ast.Node) (string, bool) {
	text, ok := scalarText(n)
	switch {
	case !ok:
		r.fail(n, "text belongs here", "write it in one line")
	case n.Type() != ast.StringType && n.Type() != ast.LiteralType:
		r.fail(n, "text belongs here, and this reads as a number or a boolean", "put it in quotes")
		return "", false
	}
	return text, ok
}

func (r *reader) remember(n ast.Node, path string) {
	if pos := position(n); pos != nil {
		r.at[path] = place{r.file, pos.Line, pos.Column}
	}
}

func (r *reader) fail(n ast.Node, message, fix string) {
	r.problems = append(r.problems, r.problemAt(n, message, fix))
}

func (r *reader) problemAt(n ast.Node, message, fix string) Problem {
	problem := Problem{File: r.file, Message: message, Fix: fix}
	if pos := position(n); pos != nil {
		problem.Line, problem.Column = pos.Line, pos.Column
	}
	return problem
}
