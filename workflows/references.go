package workflows

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// reference is a path of names an expression reads, such as
// steps.cured.answer; equals is the text it is compared with, if any.
type reference struct {
	path   []string
	column int
	equals string
}

// references lists what an expression reads: every variable with the fields
// that are named right behind it.
func references(checked *cel.Ast) []reference {
	a := checked.NativeRep()
	var out []reference
	inner := map[int64]bool{} // parts of a longer path
	bound := boundNames(a)
	compared := comparisons(a)
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if inner[e.ID()] {
			return
		}
		path, parts := pathOf(e)
		if len(path) == 0 || bound[path[0]] {
			return
		}
		for _, id := range parts {
			inner[id] = true
		}
		out = append(out, reference{path: path, column: a.SourceInfo().GetStartLocation(parts[len(parts)-1]).Column(), equals: compared[e.ID()]})
	}))
	return out
}

// pathOf takes a.b.c or a['b'] apart; parts are the ids of its expressions,
// outermost first.
func pathOf(e ast.Expr) (path []string, parts []int64) {
	for {
		parts = append(parts, e.ID())
		if e.Kind() == ast.IdentKind {
			path = append(path, e.AsIdent())
			slices.Reverse(path)
			return path, parts
		}
		name, inner, ok := lastName(e)
		if !ok {
			return nil, nil
		}
		path = append(path, name)
		e = inner
	}
}

// lastName takes x.name or x['name'] apart.
func lastName(e ast.Expr) (name string, inner ast.Expr, ok bool) {
	if e.Kind() == ast.SelectKind {
		return e.AsSelect().FieldName(), e.AsSelect().Operand(), true
	}
	if e.Kind() != ast.CallKind {
		return "", nil, false
	}
	call := e.AsCall()
	if call.FunctionName() != operators.Index || len(call.Args()) != 2 {
		return "", nil, false
	}
	name, ok = textOf(call.Args()[1])
	return name, call.Args()[0], ok
}

func textOf(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// boundNames are the variables of loops (`all(d, …)`), which are not inputs.
func boundNames(a *ast.AST) map[string]bool {
	out := map[string]bool{}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			c := e.AsComprehension()
			out[c.IterVar()], out[c.AccuVar()] = true, true
		}
	}))
	return out
}

// comparisons maps an expression to the text it is compared with by == or !=.
func comparisons(a *ast.AST) map[int64]string {
	out := map[int64]string{}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		if n := call.FunctionName(); n != operators.Equals && n != operators.NotEquals {
			return
		}
		left, right := call.Args()[0], call.Args()[1]
		if s, ok := textOf(right); ok {
			out[left.ID()] = s
		} else if s, ok := textOf(left); ok {
			out[right.ID()] = s
		}
	}))
	return out
}
