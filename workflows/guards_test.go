package workflows

import "testing"

// A guard answers false only where CEL does, errors in the other parts included.
func TestGuards_sayWhatCELSays(t *testing.T) {
	t.Parallel()
	expressions := []string{
		"signal.type == 'a'", "signal.type == 'a' && signal.n > 1", "signal.missing > 1 && signal.type == 'a'",
		"signal.type in ['a', 'b'] && signal.source == 'x'", "signal.type.startsWith('back') && signal.n == 2", "!(signal.type == 'a')",
		"signal.type == 'a' || signal.n == 2", "(signal.type == 'a' || signal.n == 2) && signal.source == 'x'", "signal.type == signal.source && signal.n == 2",
		"'a' == signal.type && signal.n == 2", "signal.n in [1, 2] && signal.type == 'b'", "signal.missing == 'a' && signal.n == 2", "other.type == 'a' && signal.n == 2",
		"['a'].exists(v, v == signal.type) && signal.source == 'x'", "signal.type.startsWith(signal.source) && signal.n == 2",
	}
	guarded := 0
	for _, expr := range expressions {
		with, without := NewEvaluator(), NewEvaluator()
		p := without.program(expr)
		guarded += len(p.guards)
		p.guards = nil
		without.programs[expr] = p
		for _, typ := range []any{"a", "b", "backout", "", 7, nil} {
			for _, source := range []string{"x", "a", "back"} {
				vars := map[string]any{"signal": map[string]any{"type": typ, "source": source, "n": int64(2)}}
				got, gotErr := with.Eval(expr, vars)
				want, wantErr := without.Eval(expr, vars)
				if got != want || (gotErr == nil) != (wantErr == nil) {
					t.Errorf("%s over %v and %s: %v, %v; CEL says %v, %v", expr, typ, source, got, gotErr, want, wantErr)
				}
			}
		}
	}
	if guarded < 10 {
		t.Errorf("only %d guards were found", guarded)
	}
}
