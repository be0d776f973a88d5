package workflows

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
)

// TestRules_sameSignalSameAnswer evaluates the conditions of the embedded rules over
// 1,000 random signals, twenty times each, in evaluators of their own, on one and on
// several processors: every answer is equal, errors included.
func TestRules_sameSignalSameAnswer(t *testing.T) {
	lib, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := lib.RuleSet()
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(7, 1))
	signals := make([]map[string]any, 1000)
	for i := range signals {
		signals[i] = randomVars(chance)
	}
	answer := func() []string {
		e := NewEvaluator()
		var out []string
		for _, vars := range signals {
			for _, r := range rules.Rules {
				v, err := e.Eval(r.When, vars)
				out = append(out, fmt.Sprint(v, err))
			}
		}
		return out
	}
	want := answer()
	matched := map[string]int{}
	for _, a := range want {
		matched[a]++
	}
	if len(matched) < 2 {
		t.Fatalf("the signals are all alike to the rules: %v", matched)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 4} {
		runtime.GOMAXPROCS(procs)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if got := answer(); !reflect.DeepEqual(got, want) {
					t.Error("the same signals got other answers")
				}
			})
		}
		all.Wait()
	}
	t.Logf("%d signals, %d rules, 20 evaluations each: all equal (%d different answers)", len(signals), len(rules.Rules), len(matched))
}

// randomVars is what the fold hands to a rule, drawn at random.
func randomVars(r *rand.Rand) map[string]any {
	pick := func(all ...any) any { return all[r.IntN(len(all))] }
	ms := func(most int) int64 { return int64(r.IntN(most)) * 60_000 }
	return map[string]any{
		"signal": map[string]any{
			"type": pick("backout.alert.firing", "backout.webhook.failed"), "severity": pick("critical", "warning", "info", ""),
			"source": pick("alertmanager", "vercel", "sentry"), "name": fmt.Sprint("n", r.IntN(20)), "project": "shop", "environment": "production",
			"component": pick("", "checkout"), "release": pick("", "9f3c2e1"), "provider": pick("", "stripe", "toss"),
			"age_ms": ms(40), "distinct": int64(r.IntN(6)), "counted": r.IntN(2) == 0, "has_time": pick(true, false), "auth": pick(true, false), "new": pick(true, false), "data_at_risk": pick(true, false),
		},
		"deployment": map[string]any{
			"id": pick("", "dpl_1"), "commit": pick("", "9f3c2e1"), "promoted_ms_ago": ms(90), "rolled_back": pick(true, false), "known": pick(true, false), "named": pick(true, false),
		},
		"open":  map[string]any{"n": int64(r.IntN(2)), "playbook": pick("", "respond", "rollback"), "state": pick("", "triggered", "monitoring")},
		"limit": map[string]any{"signal_age": int64(20 * 60_000), "auto_window": int64(30 * 60_000), "ask_window": int64(86_400_000), "min_distinct": int64(3)},
		"now":   int64(1_700_000_000_000),
	}
}
