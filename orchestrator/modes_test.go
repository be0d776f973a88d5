package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestConfig_ModeOf(t *testing.T) {
	t.Parallel()
	modes := func(pairs ...string) map[string]orchestrator.Mode {
		m := map[string]orchestrator.Mode{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = orchestrator.Mode(pairs[i+1])
		}
		return m
	}
	for _, tt := range []struct {
		name        string
		global, own orchestrator.Mode
		modes       map[string]orchestrator.Mode
		action      string
		want        orchestrator.Mode
	}{
		{"nothing said", "", "", nil, "vercel.rollback", orchestrator.Advise},
		{"of all", orchestrator.Live, "", nil, "vercel.rollback", orchestrator.Live},
		{"of the project", orchestrator.Live, orchestrator.Shadow, nil, "vercel.rollback", orchestrator.Shadow},
		{"narrower", orchestrator.Live, "", modes("vercel.rollback", "advise"), "vercel.rollback", orchestrator.Advise},
		{"another one", orchestrator.Live, "", modes("vercel.rollback", "advise"), "vercel.promote", orchestrator.Live},
		{"never looser", orchestrator.Advise, "", modes("vercel.rollback", "live"), "vercel.rollback", orchestrator.Advise},
		{"all others", orchestrator.Live, "", modes("*", "advise", "vercel.rollback", "live"), "vercel.promote", orchestrator.Advise},
		{"but this one", orchestrator.Live, "", modes("*", "advise", "vercel.rollback", "live"), "vercel.rollback", orchestrator.Live},
		{"the project itself", orchestrator.Live, "", modes("*", "shadow"), "", orchestrator.Live},
		{"an unknown word", orchestrator.Live, "", modes("vercel.rollback", "bold"), "vercel.rollback", "bold"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := orchestrator.Config{Mode: tt.global, Projects: []orchestrator.Project{{ID: "shop", Mode: tt.own, Modes: tt.modes}}}
			if got := c.ModeOf("shop", tt.action); got != tt.want {
				t.Errorf("mode is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFold_switchToLiveIsToldWithItsFigures(t *testing.T) {
	t.Parallel()
	cfg := testConfig(orchestrator.Advise)
	cfg.Chat, cfg.OpsChannel = true, "C0OPS"
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.config(cfg)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	if r := b.say("ann", "shadow", "INC-1", "answer=right"); !r.OK {
		t.Fatalf("%+v\n%s", r, b.story())
	}
	next := testConfig(orchestrator.Live)
	next.Chat, next.OpsChannel = true, "C0OPS"
	foretold := b.state.SwitchesTo(next, "bob")
	if len(foretold) != 1 || !strings.Contains(foretold[0].Sentence(), "bob switched shop to live (was advise). So far: vercel.rollback 1 right, 0 wrong, 0 unclear, 0 missed") {
		t.Fatalf("%+v", foretold)
	}
	b.config(next)
	kept := b.state.Shadow("shop").Switches
	if len(kept) != 1 || kept[0].At == 0 || len(kept[0].Figures) != 1 {
		t.Fatalf("kept: %+v", kept)
	}
	_, steps := b.state.Incident(2)
	told := ""
	for _, st := range steps {
		if st.ID == "announce" {
			told = string(st.Inputs)
		}
	}
	if !strings.Contains(told, "C0OPS") || !strings.Contains(told, "1 right") {
		t.Fatalf("the ops channel is told %q", told)
	}
	b.config(next) // said once
	if n := len(b.state.Shadow("shop").Switches); n != 1 {
		t.Fatalf("%d switches", n)
	}
}
