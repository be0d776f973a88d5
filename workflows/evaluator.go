package workflows

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// maxPrograms is how many compiled expressions are kept. The expressions of a
// configuration are a few hundred; when there are more, all are dropped and
// compiled again as they come.
const maxPrograms = 2048

// Evaluator evaluates expressions for the fold; it implements
// orchestrator.Rules. It is for use by one goroutine at a time.
type Evaluator struct {
	language *language
	broken   error
	programs map[string]program
}

// program is a compiled expression, or the reason why it does not compile.
type program struct {
	run    cel.Program
	guards []guard
	err    error
}

// NewEvaluator prepares an evaluator. It never fails; a fault in the language
// itself would come back from every Eval.
func NewEvaluator() *Evaluator {
	lang, err := newLanguage()
	return &Evaluator{language: lang, broken: err, programs: map[string]program{}}
}

// Eval evaluates expr (without the leading "=") over vars and returns bool,
// int64, string, nil, []any or map[string]any. An expression that does not
// compile, reads a missing key, costs too much or meets a double is an error.
func (e *Evaluator) Eval(expr string, vars map[string]any) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("evaluating %q: %v", expr, r)
		}
	}()
	p := e.program(expr)
	if p.err != nil {
		return nil, p.err
	}
	for i := range p.guards {
		if !p.guards[i].holds(vars) {
			return false, nil
		}
	}
	val, _, err := p.run.Eval(vars)
	if err != nil {
		return nil, fmt.Errorf("evaluating %q: %w", expr, err)
	}
	out, err = plain(val)
	if err != nil {
		return nil, fmt.Errorf("evaluating %q: %w", expr, err)
	}
	return out, nil
}

// Check compiles expr without evaluating it, for expressions that come from
// elsewhere (such as the `when` of a policy).
func (e *Evaluator) Check(expr string) error {
	if e.broken != nil {
		return e.broken
	}
	_, err := e.language.compile(expr)
	return err
}

// program looks the compiled form up or makes it.
func (e *Evaluator) program(expr string) program {
	if p, ok := e.programs[expr]; ok {
		return p
	}
	if len(e.programs) >= maxPrograms {
		clear(e.programs)
	}
	p := e.compile(expr)
	e.programs[expr] = p
	return p
}

func (e *Evaluator) compile(expr string) program {
	if e.broken != nil {
		return program{err: e.broken}
	}
	checked, err := e.language.compile(expr)
	if err != nil {
		return program{err: fmt.Errorf("compiling %q: %w", expr, err)}
	}
	run, err := e.language.env.Program(checked, limits(checked)...)
	if err != nil {
		return program{err: fmt.Errorf("planning %q: %w", expr, err)}
	}
	return program{run: run, guards: guardsOf(checked)}
}

// limits counts cost only where an expression can cost more than its own
// length: counting makes every evaluation several times slower, and without a
// loop or a pattern the length (at most maxExpression) is the bound.
func limits(checked *cel.Ast) []cel.ProgramOption {
	loops := false
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		pattern := e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "matches"
		loops = loops || pattern || e.Kind() == ast.ComprehensionKind
	}))
	if !loops {
		return nil
	}
	return []cel.ProgramOption{cel.CostLimit(costLimit)}
}
