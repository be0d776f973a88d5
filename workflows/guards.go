package workflows

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// guard is a part of a conjunction that compares a text with others: where it does not
// hold, the whole expression is false, whatever its other parts are, an error among
// them. It is looked at before CEL is asked, since in a storm nearly every rule is about
// something else.
type guard struct {
	object, field string
	values        []string
	// prefix is set when the text only has to begin with one of the values.
	prefix bool
}

// holds is true as well where the text is missing: CEL then says what is wrong.
func (g *guard) holds(vars map[string]any) bool {
	object, ok := vars[g.object].(map[string]any)
	if !ok {
		return true
	}
	text, ok := object[g.field].(string)
	if !ok {
		return true
	}
	if g.prefix {
		return slices.ContainsFunc(g.values, func(v string) bool { return strings.HasPrefix(text, v) })
	}
	return slices.Contains(g.values, text)
}

// guardsOf finds the guards of an expression: parts of its outermost conjunction.
func guardsOf(checked *cel.Ast) []guard {
	var out []guard
	todo := []ast.Expr{checked.NativeRep().Expr()}
	for len(todo) > 0 {
		e := todo[0]
		todo = todo[1:]
		if e.Kind() != ast.CallKind {
			continue
		}
		if c := e.AsCall(); c.FunctionName() == operators.LogicalAnd {
			todo = append(todo, c.Args()...)
		} else if g, ok := guardOf(c); ok {
			out = append(out, g)
		}
	}
	return out
}

func guardOf(c ast.CallExpr) (guard, bool) {
	args := c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	if len(args) != 2 {
		return guard{}, false
	}
	path, _ := pathOf(args[0])
	g := guard{prefix: c.FunctionName() == "startsWith"}
	switch c.FunctionName() {
	case operators.Equals, "startsWith":
		text, ok := textOf(args[1])
		if !ok {
			return guard{}, false
		}
		g.values = []string{text}
	case operators.In:
		if args[1].Kind() != ast.ListKind {
			return guard{}, false
		}
		for _, e := range args[1].AsList().Elements() {
			text, ok := textOf(e)
			if !ok {
				return guard{}, false
			}
			g.values = append(g.values, text)
		}
	default:
		return guard{}, false
	}
	if len(path) != 2 {
		return guard{}, false
	}
	g.object, g.field = path[0], path[1]
	return g, true
}
