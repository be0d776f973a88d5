package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// pair is one key of a mapping with its value and the place of the key.
type pair struct {
	key   string
	value ast.Node
	place place
}

func (p pair) problem(message, fix string) Problem {
	return Problem{File: p.place.file, Line: p.place.line, Column: p.place.column, Message: message, Fix: fix}
}

// pairs are the keys of a mapping in the order of the file. Keys that stand twice,
// and keys that YAML 1.1 reads as booleans unless they are quoted, are reported and left
// out.
func (r *reader) pairs(n ast.Node) []pair {
	var pairs []pair
	first := map[string]place{}
	for _, node := range mappingValues(n) {
		key, ok := scalarText(node.Key)
		if !ok || node.Key.Type() != ast.StringType {
			r.fail(node.Key, "a key is a plain word", "write it without brackets, or in quotes")
			continue
		}
		p := pair{key: key, value: node.Value, place: place{file: r.file}}
		if pos := position(node.Key); pos != nil {
			p.place.line, p.place.column = pos.Line, pos.Column
		}
		earlier, twice := first[key]
		switch {
		case twice:
			r.problems = append(r.problems, p.problem(fmt.Sprintf("the key %.64q stands here and in line %d", key, earlier.line), "keep one of the two"))
		case slices.Contains([]string{"on", "off", "yes", "no", "y", "n"}, strings.ToLower(key)) && !quoted(node.Key):
			r.problems = append(r.problems, p.problem(fmt.Sprintf("other YAML tools read the key %.64q as a boolean", key), "put it in quotes, or use another word"))
		default:
			pairs = append(pairs, p)
		}
		first[key] = p.place
	}
	return pairs
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// quoted reports whether a text stands in quotes, so that nobody takes it for anything
// else.
func quoted(n ast.Node) bool {
	tk := n.GetToken()
	return tk != nil && (tk.Type == token.DoubleQuoteType || tk.Type == token.SingleQuoteType)
}
