package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/workflows"
)

// TestDemo_yes runs the demo as a newcomer does: it closes its incident within a
// minute, by the embedded playbook, with one rollback and one promotion.
func TestDemo_yes(t *testing.T) {
	t.Parallel()
	bin := must(built.plain())(t)
	dir := filepath.Join(t.TempDir(), "demo")
	began := time.Now()
	code, out, said := once(t, "", nil, bin, "demo", "--yes", "-o", "json", "--data", dir)
	if code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, said, out)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s, want less than a minute", took)
	}
	var sum summary
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		t.Fatalf("stdout is not one JSON document: %v: %s", err, out)
	}
	if sum.Incident.State != "closed" || sum.Incident.Playbook != "rollback" || sum.Seconds <= 0 {
		t.Errorf("incident %s by %s after %v s, want closed by rollback", sum.Incident.State, sum.Incident.Playbook, sum.Seconds)
	}
	lib := must(workflows.Load(nil))(t)
	_, body, err := lib.Compile("rollback", must(actionSpecs())(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := workflows.Hash(body); sum.Incident.PlanHash != want {
		t.Errorf("the demo ran plan %s, the embedded playbook is %s", sum.Incident.PlanHash, want)
	}
	count := map[string]int{}
	for _, c := range sum.Calls {
		for _, what := range []string{"/rollback/", "/promote/"} {
			if c.System == "vercel" && strings.Contains(c.Path, what) {
				count[what]++
			}
		}
	}
	if count["/rollback/"] != 1 || count["/promote/"] != 1 {
		t.Errorf("effects %v, want one rollback and one promotion: %+v", count, sum.Calls)
	}
}

// TestDemo_nobodyAnswers: at the end of input the demo ends and names --yes.
func TestDemo_nobodyAnswers(t *testing.T) {
	t.Parallel()
	code, _, said := once(t, "", nil, must(built.plain())(t), "demo", "--data", t.TempDir())
	if code != 1 || !strings.Contains(said, "demo --yes") {
		t.Errorf("exit %d, want 1 and a hint at --yes: %s", code, said)
	}
}
