package workflows

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// FuzzCompile feeds files to the decoder and everything behind it: nothing may
// panic or hang, every problem has a place and a fix, and what compiles gives
// the same bytes twice and can be printed and drawn.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "testdata/lint/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds at %s: %v", pattern, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	lang, err := newLanguage()
	if err != nil {
		f.Fatal(err)
	}
	specs, cfg := sampleSpecs(), sampleConfig()
	f.Fuzz(func(t *testing.T, src []byte) {
		pb := parsePlaybook("rollback.yaml", src)
		l := &Library{playbooks: map[string]*playbook{pb.name: pb}, rules: parseRules(rulesFile, src), language: lang}
		for _, p := range l.Lint(LintOptions{Specs: specs, Config: cfg}) {
			if p.Line < 1 || p.Column < 1 || p.Fix == "" || p.Message == "" {
				t.Errorf("no place or no fix: %+v", p)
			}
		}
		plan, canonical, err := l.Compile("rollback", specs)
		if err != nil {
			return
		}
		if _, again, err := l.Compile("rollback", specs); err != nil || Hash(again) != Hash(canonical) {
			t.Errorf("compiled twice: %v", err)
		}
		if err := json.Unmarshal(canonical, &orchestrator.Plan{}); err != nil {
			t.Error(err)
		}
		if err := Print(io.Discard, plan); err != nil || Graph(plan) == "" {
			t.Errorf("printing: %v", err)
		}
	})
}

// FuzzEval feeds expressions to the evaluator: it may fail but not panic, gives
// the same twice, and never a double.
func FuzzEval(f *testing.F) {
	for _, s := range []string{"1 + 1", "steps.cured.state == 'done'", "out.domains.map(d, out.domains[d])", "failing > 0.5", "'a'.matches('b')", "[1].all(x, x > 0)"} {
		f.Add(s)
	}
	vars := sampleVars()
	e := NewEvaluator()
	f.Fuzz(func(t *testing.T, expr string) {
		got, err := e.Eval(expr, vars)
		again, errAgain := e.Eval(expr, vars)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(again)
		if string(a) != string(b) || (err == nil) != (errAgain == nil) || (err != nil && err.Error() != errAgain.Error()) {
			t.Errorf("%q: %s %v, then %s %v", expr, a, err, b, errAgain)
		}
		if _, double := got.(float64); double {
			t.Errorf("%q gave a double", expr)
		}
	})
}
