package workflows

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestEmbeddedPlaybooks(t *testing.T) {
	t.Parallel()
	l := load(t, nil)
	for _, p := range l.Lint(LintOptions{Specs: sampleSpecs(), Config: sampleConfig()}) {
		t.Errorf("the embedded files have a problem: %s", p)
	}
	for _, name := range l.Playbooks() {
		plan, canonical, err := l.Compile(name, sampleSpecs())
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := Print(&text, plan); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".plan.txt", text.String())
		golden(t, name+".mmd", Graph(plan))
		golden(t, name+".json", string(canonical)+"\n")

		var back orchestrator.Plan
		if err := json.Unmarshal(canonical, &back); err != nil {
			t.Fatal(err)
		}
		again, err := canonicalJSON(&back)
		if err != nil || string(again) != string(canonical) {
			t.Errorf("%s: the canonical JSON does not survive a round trip: %v", name, err)
		}
	}
	set, canonical, err := l.RuleSet()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rules.json", string(canonical)+"\n")
	if len(set.Rules) == 0 {
		t.Error("no rules")
	}
}

func TestHashIsStable(t *testing.T) {
	t.Parallel()
	first := ""
	for range 20 {
		_, canonical, err := load(t, nil).Compile("rollback", sampleSpecs())
		if err != nil {
			t.Fatal(err)
		}
		h := Hash(canonical)
		if first == "" {
			first = h
		}
		if h != first || len(h) != 64 {
			t.Fatalf("hash %s, then %s", first, h)
		}
	}
}
