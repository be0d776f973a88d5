package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestVerdict_saysWhatWouldRevert: a release with a migration, a new cron and a variable
// that was changed; then a secret is rotated, and nothing older may serve any more. No
// webhook tells any of it.
func TestVerdict_saysWhatWouldRevert(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Repository: "aim/shop", Kind: true})
	s.waitServing("dpl_good2")
	good, bad := fmt.Sprintf("%040x", 0xc0ffee2), strings.Repeat("9f3c2e1a", 5)
	s.order(s.urls.GitHub+"/_sandbox/world", map[string]any{"trees": map[string]any{
		fmt.Sprintf("%040x", 0xc0ffee1): []string{"20261001_init"}, good: []string{"20261001_init"}, bad: []string{"20261001_init", "20261127_toss"},
	}})
	s.backout.stop(t)
	s.restart("") // a repository that did not answer is left alone for a while
	s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"projects": []any{map[string]any{
		"id": "prj_shop", "env": []any{map[string]any{"key": "DATABASE_URL"}, map[string]any{"key": "PAY_MODE", "updated_at": time.Now().UTC().Add(-time.Minute)}},
	}}})
	s.order(s.urls.Vercel+"/_sandbox/deploy", map[string]any{
		"id": "dpl_new", "commit": bad, "crons": []any{map[string]string{"path": "/api/crons/new", "schedule": "* * * * *"}},
	})
	s.waitServing("dpl_new")
	var v verdictShown
	known := func() bool {
		return s.get("/api/v1/verdict", map[string][]string{"project": {"shop"}}, &v) == nil && v.Migrations != nil && len(v.Variables) == 1 && len(v.Crons) == 2
	}
	if !s.eventually(40*time.Second, known) {
		t.Fatalf("the verdict is %+v", v)
	}
	s.wantTold(s.asks(&v, "verdict", "shop"), "Serving   9f3c2e1 (dpl_new)  since ", "Could go back to  0000000 (dpl_good2)  served ",
		"Schema    1 migration between, class not known: 20261127_toss",
		"Also reverts: 2 crons (* * * * * /api/crons/new, 0 3 * * * /api/crons/settle), 1 environment variable (PAY_MODE)    Restore point  none known",
		"Answer    ASK: dpl_good2 served production for ", "1 migration since, whose class is not known: 20261127_toss; 1 variable would have the value of before: PAY_MODE")
	var lines []orchestrator.LedgerLine
	s.wantTold(s.asks(&lines, "deployments", "shop"), "dpl_new              9f3c2e1  built ", "2 migrations, newest 20261127_toss", "different since: variables PAY_MODE; crons ")
	s.publish("deploy", orchestrator.DeployChanged, map[string]any{"title": "STRIPE_SECRET_KEY", "kind": "secret", "by": "ann"})
	refused := func() bool {
		return s.get("/api/v1/verdict", map[string][]string{"project": {"shop"}}, &v) == nil && v.Answer == orchestrator.VerdictRefuse
	}
	if !s.eventually(20*time.Second, refused) || !strings.Contains(strings.Join(v.Reasons, "; "), "dpl_good2 is not a target: it was built before a secret was rotated (STRIPE_SECRET_KEY)") {
		t.Fatalf("after the rotation: %s because %v", v.Answer, v.Reasons)
	}
	s.backout.stop(t)
}
