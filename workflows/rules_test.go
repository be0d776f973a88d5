package workflows

import (
	"maps"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// decide does what the fold does with rules: the highest priority that matches,
// the earlier one of equals.
func decide(t *testing.T, set *orchestrator.RuleSet, vars map[string]any) *orchestrator.Rule {
	t.Helper()
	e := NewEvaluator()
	var best *orchestrator.Rule
	for i := range set.Rules {
		r := &set.Rules[i]
		v, err := e.Eval(r.When, vars)
		if err != nil {
			t.Errorf("rule %s could not be evaluated: %v", r.ID, err)
		}
		if v == true && (best == nil || r.Priority > best.Priority) {
			best = r
		}
	}
	return best
}

func TestEmbeddedRules(t *testing.T) {
	t.Parallel()
	set, _, err := load(t, nil).RuleSet()
	if err != nil {
		t.Fatal(err)
	}
	minute := int64(60_000)
	type change map[string]any
	none := change{}
	cases := []struct {
		name                     string
		signal, deployment, open change
		want                     string
	}{
		{"critical soon after a promotion", none, none, none, "bad_deployment"},
		{"exactly at both limits", change{"age_ms": 20 * minute}, change{"promoted_ms_ago": 30 * minute}, none, "bad_deployment"},
		{"Vercel's own alert, whatever its severity", change{"source": "vercel", "severity": "warning"}, none, none, "bad_deployment"},
		{"three webhooks", change{"type": "backout.webhook.failed", "severity": "warning", "distinct": int64(3)}, none, none, "bad_deployment"},
		{"even when an incident is open, so that it can take the lead", none, none, change{"n": int64(4), "playbook": "respond", "state": "triggered"}, "bad_deployment"},
		{"two webhooks", change{"type": "backout.webhook.failed", "distinct": int64(2)}, none, none, "few_webhooks"},
		{"a failed build", change{"type": "backout.deploy.failed"}, none, none, "failed_build"},
		{"a promotion", change{"type": "backout.deploy.promoted"}, none, none, "deploy_news"},
		{"a resolved alert", change{"type": "backout.alert.resolved"}, none, none, "good_news"},
		{"stale", change{"age_ms": 20*minute + 1}, none, none, "urgent_without_suspect"},
		{"from the future", change{"age_ms": -10 * minute}, none, none, "urgent_without_suspect"},
		{"without a time", change{"has_time": false, "age_ms": int64(0)}, none, none, "urgent_without_suspect"},
		{"unsigned", change{"auth": false}, none, none, "urgent_without_suspect"},
		{"no promotion known", none, change{"known": false, "id": "", "promoted_ms_ago": int64(1_700_000_000_000)}, none, "urgent_without_suspect"},
		{"promoted long ago", none, change{"promoted_ms_ago": 30*minute + 1}, none, "urgent_without_suspect"},
		{"promoted long ago, named and new", change{"new": true}, change{"promoted_ms_ago": 30*minute + 1, "named": true}, none, "late_deployment"},
		{"promoted long ago, named and old", none, change{"promoted_ms_ago": 30*minute + 1, "named": true}, none, "urgent_without_suspect"},
		{"promoted long ago, new and not named", change{"new": true}, change{"promoted_ms_ago": 30*minute + 1}, none, "urgent_without_suspect"},
		{"promoted yesterday, named and new", change{"new": true}, change{"promoted_ms_ago": 24*60*minute + 1, "named": true}, none, "urgent_without_suspect"},
		{"what serves is a rollback", none, change{"rolled_back": true}, none, "urgent_without_suspect"},
		{"a warning while something is open", change{"severity": "warning"}, none, change{"n": int64(4), "state": "mitigating"}, "joins_open"},
		{"a warning after it was resolved", change{"severity": "warning"}, none, change{"n": int64(4), "state": "resolved"}, "recorded"},
		{"a leaked secret soon after a promotion", change{"source": "github"}, none, none, "leaked_secret"},
		{"a failed run of a workflow", change{"source": "github", "severity": "warning"}, none, none, "recorded"},
		{"a warning", change{"severity": "warning"}, none, none, "recorded"},
		{"an unknown severity", change{"severity": "sev9"}, none, none, "recorded"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			vars := map[string]any{
				"signal":     map[string]any{"type": "backout.alert.firing", "severity": "critical", "source": "sentry", "name": "x", "project": "shop", "environment": "production", "component": "", "release": "", "provider": "", "age_ms": minute, "distinct": int64(0), "counted": false, "has_time": true, "auth": true, "new": false, "data_at_risk": false},
				"deployment": map[string]any{"id": "dpl_1", "commit": "c", "promoted_ms_ago": 3 * minute, "rolled_back": false, "known": true, "named": false},
				"open":       map[string]any{"n": int64(0), "playbook": "", "state": ""},
				"limit":      map[string]any{"signal_age": 20 * minute, "auto_window": 30 * minute, "ask_window": 24 * 60 * minute, "min_distinct": int64(3)},
				"now":        int64(1_700_000_000_000),
			}
			for name, ch := range map[string]change{"signal": c.signal, "deployment": c.deployment, "open": c.open} {
				m, ok := vars[name].(map[string]any)
				if !ok {
					t.Fatal(name)
				}
				maps.Copy(m, ch)
			}
			if got := decide(t, set, vars); got == nil || got.ID != c.want {
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}
