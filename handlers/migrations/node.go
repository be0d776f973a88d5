package migrations

import (
	"maps"
	"slices"
	"strings"
)

// Node is a node of the parser's tree: its fields by name. A node inside another one
// is a map with one key, the kind, unless its field always has the same kind.
type Node map[string]any

func asNode(v any) Node {
	switch v := v.(type) {
	case map[string]any:
		return v
	case Node:
		return v
	}
	return nil
}

// node is the field as a node; nil when it is none.
func (n Node) node(field string) Node { return asNode(n[field]) }

// text is the field as a string.
func (n Node) text(field string) string {
	s, _ := n[field].(string)
	return s
}

// flag is the field as a bool.
func (n Node) flag(field string) bool {
	b, _ := n[field].(bool)
	return b
}

// int is the field as a number; 0, which the parser leaves out, when there is none.
func (n Node) int(field string) int {
	f, _ := n[field].(float64)
	return int(f)
}

// list are the elements of the field.
func (n Node) list(field string) (out []Node) {
	all, _ := n[field].([]any)
	for _, v := range all {
		out = append(out, asNode(v))
	}
	return out
}

// only takes a wrapper apart: the one kind and the node inside it.
func (n Node) only() (kind string, inner Node) {
	if len(n) != 1 {
		return "", nil
	}
	for kind, v := range n {
		return kind, asNode(v)
	}
	return "", nil
}

// as is the node inside the wrapper if it is of that kind.
func (n Node) as(kind string) Node {
	k, inner := n.only()
	if k != kind {
		return nil
	}
	return inner
}

// has reports whether the field is there at all.
func (n Node) has(field string) bool {
	_, there := n[field]
	return there
}

// str is the text of a wrapped string.
func (n Node) str() string { return n.as("String").text("sval") }

// beyond names the first field that is not among the known ones, "" if there is none.
// A rule that did not understand a field has not understood the statement.
func (n Node) beyond(known ...string) string {
	for _, field := range slices.Sorted(maps.Keys(n)) {
		if !slices.Contains(known, field) {
			return field
		}
	}
	return ""
}

// kinds calls see for every node below v, with its kind and itself; see returns
// whether to go on into it.
func kinds(v any, see func(kind string, n Node) bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			kinds(e, see)
		}
	case Node:
		kinds(map[string]any(v), see)
	case map[string]any:
		for field, e := range v {
			inner := asNode(e)
			if inner != nil && field != "" && field[0] >= 'A' && field[0] <= 'Z' && !see(field, inner) {
				continue
			}
			kinds(e, see)
		}
	}
}

// names are the parts of a dotted name.
func names(list []Node) (out []string) {
	for _, n := range list {
		out = append(out, n.str())
	}
	return out
}

// dotted writes a name as SQL, every part quoted.
func dotted(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, ident(p))
		}
	}
	return strings.Join(out, ".")
}

// ident quotes an identifier.
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// literal quotes a string.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// relation is the name of a RangeVar as SQL.
func relation(n Node) string { return dotted(n.text("schemaname"), n.text("relname")) }
