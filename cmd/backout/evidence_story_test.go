package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestEvidence_isKeptAtOnceAndHoldsNothingUp: what would expire is kept when the plan
// begins, while the rollback goes on; a log that cannot be read stops nothing.
func TestEvidence_isKeptAtOnceAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Repository: "aim/shop", Kind: true, Veto: autoVeto})
	s.waitServing("dpl_good2")
	good, bad := fmt.Sprintf("%040x", 0xc0ffee2), strings.Repeat("9f3c2e1a", 5)
	s.order(s.urls.GitHub+"/_sandbox/world", map[string]any{"trees": map[string]any{fmt.Sprintf("%040x", 0xc0ffee1): []string{"1_init"}, good: []string{"1_init"}, bad: []string{"1_init", "2_toss"}}})
	s.backout.stop(t)
	s.restart("") // a repository that did not answer is left alone for a while
	s.fault(map[string]any{"kind": "hang", "method": "GET", "path": "/v3/deployments/dpl_bad/events", "count": -1})
	s.ship("dpl_bad", bad, true)
	s.waitServing("dpl_bad")
	var v verdictShown
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/verdict", map[string][]string{"project": {"shop"}}, &v) == nil && v.Migrations != nil
	}) {
		t.Fatal("the migrations are not known")
	}
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": bad})
	s.fires("health")
	inc := s.waitIncident("INC-1", "rolled back, with evidence", func(inc *console.Incident) bool {
		return stepOf(inc, "proven").State == "done" && stepOf(inc, "logs").State == "done" && stepOf(inc, "commits").State == "done"
	})
	s.wantTold(told(&inc), "could not keep: build.log: reading the build log of dpl_bad from Vercel")
	if !stepOf(&inc, "verdict").Since.Before(stepOf(&inc, "logs").Since) {
		t.Error("the verdict waited for the logs")
	}
	var list []console.Evidence
	s.wantTold(s.asks(&list, "incident", "evidence", "INC-1"), "runtime.jsonl", "runtime log of dpl_bad", "compare.json", "0000000...9f3c2e1 of aim/shop: 1 commit, 2 files",
		"verdict.json", "changes.json", "signals.json")
	var one console.Evidence
	s.wantTold(s.asks(&one, "incident", "evidence", "INC-1", "compare.json"), "prisma/migrations/2_toss/migration.sql", "Show the receipt (#41)")
	s.wantTold(s.asks(&one, "incident", "evidence", "INC-1", "verdict.json"), `"migrations"`, "2_toss")
	s.wantTold(s.asks(&one, "incident", "evidence", "INC-1", "signals.json"), "HealthCheckFailed")
	if one.Bytes != len(one.Body) {
		t.Errorf("%d bytes, %d said", len(one.Body), one.Bytes)
	}
	s.wantTold(s.asks(&inc, "incident", "show", "INC-1"), "Evidence, `backout incident evidence INC-1 NAME` prints it: ", "runtime.jsonl ", " B, compare.json ")
	if said := s.cliFails("incident", "evidence", "INC-1", "nope", "--server", s.at("admin"), "--token", s.token); !strings.Contains(said, "there is no evidence") {
		t.Error(said)
	}
	s.backout.stop(t)
}
