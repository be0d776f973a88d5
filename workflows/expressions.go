package workflows

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// costLimit bounds one evaluation, in CEL cost units (about one per operation).
const costLimit = 100_000

// maxExpression is the longest expression that is compiled, in bytes.
const maxExpression = 4096

// language is the CEL that playbooks, rules and policies may use.
type language struct {
	env *cel.Env
}

// newLanguage declares the variables and the part of the standard library that
// is allowed: no clock, no doubles, no time zones. Maps are walked in the order of
// their keys, so nothing depends on Go's random order.
func newLanguage() (*language, error) {
	opts := []cel.EnvOption{
		cel.CustomTypeAdapter(exactAdapter{}),
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{
			IncludeMacros:    []string{operators.Has, operators.All, operators.Exists, operators.Filter, operators.Map},
			IncludeFunctions: allowedFunctions(),
		})),
		cel.ParserRecursionLimit(60),
		cel.ParserExpressionSizeLimit(maxExpression),
	}
	for _, name := range variableNames() {
		opts = append(opts, cel.Variable(name, variableType(name)))
	}
	e, err := cel.NewCustomEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("preparing the expression language: %w", err)
	}
	return &language{env: e}, nil
}

// variableType is int for plain counters and a map with unknown values for
// everything else.
func variableType(name string) *cel.Type {
	switch name {
	case "now", "failing", "value":
		return cel.IntType
	default:
		return cel.MapType(cel.StringType, cel.DynType)
	}
}

func allowedFunctions() []*env.Function {
	names := []string{
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional,
		operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
		operators.Index, operators.In, operators.NotStrictlyFalse,
		"size", "contains", "startsWith", "endsWith", "matches", "int", "string",
	}
	out := make([]*env.Function, len(names))
	for i, n := range names {
		out[i] = env.NewFunction(n)
	}
	return out
}

// exprError is a fault in an expression; column counts characters from 0.
type exprError struct {
	column  int
	message string
}

func (e *exprError) Error() string { return e.message }

// compile parses and type-checks an expression and refuses doubles in it.
func (l *language) compile(expr string) (*cel.Ast, error) {
	if strings.TrimSpace(expr) == "" {
		return nil, &exprError{message: "the expression is empty"}
	}
	if len(expr) > maxExpression {
		return nil, &exprError{message: fmt.Sprintf("the expression is longer than %d bytes", maxExpression)}
	}
	parsed, issues := l.env.Parse(expr)
	if err := firstIssue(issues); err != nil {
		return nil, err
	}
	if err := refuseInexact(parsed.NativeRep()); err != nil {
		return nil, err
	}
	checked, issues := l.env.Check(parsed)
	if err := firstIssue(issues); err != nil {
		return nil, err
	}
	return checked, nil
}

func firstIssue(issues *cel.Issues) error {
	if issues == nil || issues.Err() == nil {
		return nil
	}
	for _, e := range issues.Errors() {
		message, _, _ := strings.Cut(e.Message, " expecting {") // the list of every token helps nobody
		return &exprError{column: max(0, e.Location.Column()), message: strings.TrimSpace(message)}
	}
	return &exprError{message: strings.TrimSpace(issues.Err().Error())}
}

// refuseInexact finds what is not exact or has no plain form: doubles, unsigned
// integers, bytes, and maps written in the expression (CEL walks those in
// random order).
func refuseInexact(a *ast.AST) error {
	var found error
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if message := inexact(e); message != "" && found == nil {
			found = &exprError{column: a.SourceInfo().GetStartLocation(e.ID()).Column(), message: message}
		}
	}))
	return found
}

// inexact says what is wrong with e itself, or nothing.
func inexact(e ast.Expr) string {
	if e.Kind() == ast.MapKind || e.Kind() == ast.StructKind {
		return "a map cannot be written in an expression"
	}
	if e.Kind() != ast.LiteralKind {
		return ""
	}
	switch e.AsLiteral().(type) {
	case types.Double:
		return "doubles are not exact and not allowed: scores and rates are integers from 0 to 1000"
	case types.Uint, types.Bytes:
		return "only booleans, integers and strings may be written here"
	}
	return ""
}

// column is where in its expression err is, counted from 0.
func column(err error) int {
	if ee, ok := errors.AsType[*exprError](err); ok {
		return ee.column
	}
	return 0
}
