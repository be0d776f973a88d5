package workflows

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

var _ orchestrator.Rules = (*Evaluator)(nil)

func sampleVars() map[string]any {
	return map[string]any{
		"steps": map[string]any{
			"cured": map[string]any{"state": "done", "answer": "", "output": map[string]any{"count": float64(3), "rate": 0.5}},
		},
		"verdict":  map[string]any{"answer": "safe", "target": map[string]any{"id": "dpl_1"}},
		"timing":   map[string]any{"cured_every": int64(30000)},
		"failing":  int64(0),
		"out":      map[string]any{"domains": map[string]any{"b.example": "dpl_1", "a.example": "dpl_1"}, "proven": true},
		"signal":   map[string]any{"type": "backout.alert.firing", "age_ms": int64(1000)},
		"incident": map[string]any{"id": "INC-1", "title": "x"},
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	cases := []struct {
		expr string
		want any
		err  string
	}{
		{expr: "verdict.answer in ['safe', 'ask']", want: true},
		{expr: "failing == 0", want: true},
		{expr: "timing.cured_every * 2", want: int64(60000)},
		{expr: "steps.cured.state == 'done' && steps.cured.answer != 'undo'", want: true},
		{expr: "steps.cured.output.count > 2", want: true},
		{expr: "steps.cured.output.count", want: int64(3)},
		{expr: "incident.id + ': ' + incident.title", want: "INC-1: x"},
		{expr: "out.domains.all(d, out.domains[d] == verdict.target.id)", want: true},
		{expr: "out.domains.map(d, d)", want: []any{"a.example", "b.example"}},
		{expr: "out.domains", want: map[string]any{"b.example": "dpl_1", "a.example": "dpl_1"}},
		{expr: "[1, null, 'x', true, []]", want: []any{int64(1), nil, "x", true, []any{}}},
		{expr: "has(verdict.reasons) ? 1 : 2", want: int64(2)},
		{expr: "signal.type.startsWith('backout.alert.')", want: true},

		{expr: "steps.cured.output.rate", err: "not a whole number"},
		{expr: "steps.cured.output.rate > 0", err: "not a whole number"},
		{expr: "verdict.nothing", err: "no such key"},
		{expr: "suspect.score > 1", err: "no such attribute"},
		{expr: "0.5", err: "doubles are not exact"},
		{expr: "failing > 0.5", err: "doubles are not exact"},
		{expr: "double(1)", err: "undeclared reference"},
		{expr: "timestamp('2026-01-01T00:00:00Z')", err: "undeclared reference"},
		{expr: "duration('1s')", err: "undeclared reference"},
		{expr: "1u", err: "only booleans"},
		{expr: "b'x'", err: "only booleans"},
		{expr: "{'a': 2}.all(x, true)", err: "a map cannot be written"},
		{expr: "unknown_name", err: "undeclared reference"},
		{expr: "failing ==", err: "Syntax error"},
		{expr: "", err: "empty"},
		{expr: "1 / failing", err: "division by zero"},
		{expr: strings.Repeat("[1,1,1,1,1,1,1,1,1,1].all(x, ", 6) + "true" + strings.Repeat(")", 6), err: "cost limit exceeded"},
		{expr: strings.Repeat("(", 100) + "1" + strings.Repeat(")", 100), err: "recursion"},
		{expr: strings.Repeat("1+", 3000) + "1", err: "longer than"},
	}
	e := NewEvaluator()
	for _, c := range cases {
		for range 2 { // the second time from the cache
			got, err := e.Eval(c.expr, sampleVars())
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%.60s: got %v, %v; want an error with %q", c.expr, got, err, c.err)
				}
				continue
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%.60s: got %#v, %v; want %#v", c.expr, got, err, c.want)
			}
		}
	}
}

func TestEvalCacheIsBounded(t *testing.T) {
	t.Parallel()
	e := NewEvaluator()
	for i := range maxPrograms {
		e.programs[strings.Repeat("x", i%50)+string(rune(i))] = program{}
	}
	if _, err := e.Eval("1 + 1", nil); err != nil {
		t.Fatal(err)
	}
	if len(e.programs) > maxPrograms {
		t.Fatalf("%d programs kept", len(e.programs))
	}
}

func BenchmarkEval(b *testing.B) {
	for _, expr := range []string{
		"verdict.answer in ['safe', 'ask']",
		"steps.cured.state == 'done' && steps.cured.answer != 'undo'",
		"failing == 0",
		"timing.cured_every",
		"out.domains.all(d, out.domains[d] == verdict.target.id)",
	} {
		b.Run(expr, func(b *testing.B) {
			e, vars := NewEvaluator(), sampleVars()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Eval(expr, vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
