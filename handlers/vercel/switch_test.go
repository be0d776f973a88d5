package vercel_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestSwitch_ofAGlobalConfig: a key that was never written is created, then updated; what
// the plan does not allow is said with what a person can do.
func TestSwitch_ofAGlobalConfig(t *testing.T) {
	t.Parallel()
	const key = "w-w" // Vercel's document escapes its pattern twice, so only w and - fit it
	n := start(t)
	setup := func(v map[string]any) { n.control(n.urls.Vercel, "setup", v) }
	setup(map[string]any{"configs": map[string]any{"ecfg_shop": map[string]any{"other": 1}}})
	s := n.client.Switch("ecfg_shop", key, json.RawMessage(`false`), json.RawMessage(`true`))
	wants := func(want string) {
		t.Helper()
		if got, err := s.Read(t.Context()); err != nil || got != want {
			t.Fatalf("it says %q, want %q: %v", got, want, err)
		}
	}
	wants("")
	for _, to := range []string{orchestrator.SwitchOff, orchestrator.SwitchOn, orchestrator.SwitchOn, orchestrator.SwitchOff} {
		if err := s.Set(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		wants(to)
	}
	setup(map[string]any{"config_writes": 0})
	if err := s.Set(t.Context(), orchestrator.SwitchOn); orchestrator.RetryDelay(err) != time.Hour || !strings.Contains(err.Error(), "the hour's writes are used up (Pro and Enterprise: 100 an hour)") {
		t.Errorf("a Pro team's limit: %v", err)
	}
	setup(map[string]any{"config_writes": 0, "projects": []any{map[string]any{"id": "prj_shop", "plan": "hobby", "domains": domains}}})
	if err := s.Set(t.Context(), orchestrator.SwitchOn); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "the plan's writes are used up (Hobby: 250 a month), so switch it in the application, or upgrade") {
		t.Errorf("a Hobby team's limit: %v", err)
	}
	wants(orchestrator.SwitchOff)
	setup(map[string]any{})
	n.fault("drop_after", "PATCH", 1)
	if err := s.Set(t.Context(), orchestrator.SwitchOn); !orchestrator.IsInDoubt(err) {
		t.Errorf("a lost answer: %v", err)
	}
	wants(orchestrator.SwitchOn)
	gone := n.client.Switch("ecfg_gone", key, json.RawMessage(`false`), json.RawMessage(`true`))
	if err := gone.Set(t.Context(), orchestrator.SwitchOff); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "check that ecfg_gone belongs to the configured team") {
		t.Errorf("a config that is not there: %v", err)
	}
	n.fits()
}
