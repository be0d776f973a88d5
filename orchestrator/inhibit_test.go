package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func respondPlan() *orchestrator.Plan {
	return &orchestrator.Plan{Playbook: "respond", Title: "Respond", Nodes: []orchestrator.Node{{
		ID: "decide", Kind: orchestrator.NodeAsk, Ask: &orchestrator.Ask{Roles: []string{"on-call"}, Choice: []orchestrator.Choice{{Key: "watch", Text: "Watch"}}},
	}}}
}

// newRespondBook is a book whose critical signals lead to respond at once.
func newRespondBook(t *testing.T, change func(*orchestrator.Config)) *book {
	t.Helper()
	b := newBook(t, respondPlan(), orchestrator.Live)
	cfg := testConfig(orchestrator.Live)
	cfg.Policies.Limits.ConfirmPage = -1
	if change != nil {
		change(cfg)
	}
	b.config(cfg)
	return b
}

func (b *book) signal(name, severity string) string {
	b.t.Helper()
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop", Name: name, Severity: severity, StartsAt: b.now, ID: name})
	seen, _ := b.state.Seen("nats/shop", name, b.now)
	return seen.Why
}

// TestInhibit_anEchoIsHeldBack: while one signal fires, its echo opens and joins
// nothing; when the other one is gone it is decided about.
func TestInhibit_anEchoIsHeldBack(t *testing.T) {
	rules := testRules()
	rules["is echo"] = func(v map[string]any) any { return v["signal"].(map[string]any)["name"] == "queue" }
	rules["is cause"] = func(v map[string]any) any { return v["other"].(map[string]any)["name"] == "database" }
	b := newRespondBook(t, nil)
	fold, err := orchestrator.NewFold(rules)
	if err != nil {
		t.Fatal(err)
	}
	b.fold = fold
	b.doc(orchestrator.DocRules, "", &orchestrator.RuleSet{
		Rules:   []orchestrator.Rule{{ID: "all", When: "critical", Do: orchestrator.RuleOpen, Playbook: "respond", Why: "critical"}},
		Inhibit: []orchestrator.Inhibition{{ID: "behind_database", When: "is echo", By: "is cause", Equal: []string{"project", "environment"}, Why: "the queue grows because the database is down"}},
	})
	b.signal("database", "critical")
	if why := b.signal("queue", "critical"); !strings.Contains(why, "behind_database") || !strings.Contains(why, "while database of INC-1 fires") {
		t.Fatalf("the echo: %s", why)
	}
	if got := b.incident().Firing; got != 1 || len(b.state.Held(10)) != 1 {
		t.Fatalf("%d signals fire, %d are held", got, len(b.state.Held(10)))
	}
	b.wait(3 * minute)
	if len(b.state.Held(10)) != 1 {
		t.Fatal("the echo was let go while its cause fires")
	}
	b.resolved("database", 0)
	b.wait(2 * minute)
	if got := b.incident().Firing; got != 1 || len(b.state.Held(10)) != 0 {
		t.Fatalf("%d signals fire, %d are held, though the cause is gone", got, len(b.state.Held(10)))
	}
	b.resolved("queue", 0)
	if got := b.incident().Firing; got != 0 {
		t.Fatalf("%d signals fire", got)
	}
}

// TestHeld_endsWithItsSignal: what is well before its silence is over is decided
// about never.
func TestHeld_endsWithItsSignal(t *testing.T) {
	b := newRespondBook(t, func(c *orchestrator.Config) {
		c.Silences = []orchestrator.Silence{{Project: "shop", By: "the configuration", Reason: "moving", From: 1, Until: 1_700_000_000_000 + 30*minute}}
	})
	if why := b.signal("down", "critical"); !strings.Contains(why, "maintenance window of the configuration") {
		t.Fatalf("it is not held: %s", why)
	}
	b.signal("down2", "critical")
	b.resolved("down", 0)
	if held := b.state.Held(10); len(held) != 1 || held[0].Event.Name != "down2" {
		t.Fatalf("held: %+v", held)
	}
	b.wait(31 * minute)
	if inc := b.incident(); inc == nil || inc.Distinct != 1 || inc.Title != "down2" {
		t.Fatalf("what still fires was not decided about: %+v", inc)
	}
}

// TestBudget_countsWhatOnlyAdds: past the budget of a source, what only adds to an
// open incident is counted; what opens one and what ends is taken as ever.
func TestBudget_countsWhatOnlyAdds(t *testing.T) {
	b := newRespondBook(t, func(c *orchestrator.Config) {
		c.Policies.Limits.SourceBudget = 3
		c.Projects = append(c.Projects, orchestrator.Project{ID: "api", Environments: []orchestrator.Environment{{ID: "production", Kind: "production"}}})
	})
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		b.signal(name, "critical")
	}
	inc := b.incident()
	if n, _ := b.state.Incident(1); n.Distinct != 3 || n.Overflow != 2 {
		t.Fatalf("%d kept and %d counted, want 3 and 2", n.Distinct, n.Overflow)
	}
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "api", Origin: "nats/shop", Name: "down", Severity: "critical", StartsAt: b.now})
	if got := b.incident(); got == inc || got.Project != "api" {
		t.Fatal("past the budget, a signal that opens an incident was lost")
	}
	b.resolved("a", 0)
	if n, _ := b.state.Incident(1); n.Firing != 2 {
		t.Fatalf("%d fire after one ended", n.Firing)
	}
	b.after(2 * minute)
	b.signal("f", "critical")
	if n, _ := b.state.Incident(1); n.Distinct != 4 {
		t.Fatalf("a new minute has no new budget: %d kept", n.Distinct)
	}
	found := false
	for _, f := range b.state.Findings() {
		found = found || f.Name == orchestrator.FindStorm
	}
	if !found {
		t.Fatal("nobody is told of the storm")
	}
}
