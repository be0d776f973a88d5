package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// lostFolder begins a night whose release brought a migration: it is rolled back, and
// the branch named hotfix lacks the folder. It returns the commits by what they are.
func (s *shop) lostFolder() (trees map[string]any, bad, fix string) {
	s.t.Helper()
	good, bad, fix := fmt.Sprintf("%040x", 0xc0ffee2), strings.Repeat("9f3c2e1a", 5), strings.Repeat("f1f1f1f1", 5)
	trees = map[string]any{good: []string{"1_init"}, bad: []string{"1_init", "2_toss"}, fix: []string{"1_init"}}
	s.order(s.urls.GitHub+"/_sandbox/world", map[string]any{"trees": trees})
	s.order(s.urls.GitHub+"/_sandbox/setup", map[string]any{"refs": map[string]string{"hotfix": fix, "main": bad}})
	s.waitServing("dpl_good2")
	s.ship("dpl_bad", bad, true)
	s.waitServing("dpl_bad")
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": bad})
	s.fires("health")
	s.waitBack()
	s.ends("health")
	return trees, bad, fix
}

// TestHotfix_aBranchWithoutAnAppliedFolderIsRefused: nothing is built of it, and the
// sentence says how to put the folder back.
func TestHotfix_aBranchWithoutAnAppliedFolderIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Veto: autoVeto})
	trees, _, fix := s.lostFolder()
	s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "database").State == "awaiting" })
	s.mustSay("choose INC-1 database leave")
	s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "investigate").State == "awaiting" })
	s.mustSay("answer INC-1 investigate root_cause='a receipt without an address' fix_ref=hotfix checked=all")
	inc := s.waitIncident("INC-1", "refusing the branch", func(inc *console.Incident) bool { return stepOf(inc, "keeps").State == "awaiting" })
	s.wantTold(told(&inc), "hotfix lacks prisma/migrations/2_toss, which commit 9f3c2e1 has and the database has run: put it back (`git checkout 9f3c2e1 -- prisma/migrations/2_toss`) and push")
	if st := stepOf(&inc, "staging"); st.ID != "" {
		t.Errorf("staging is %s", st.State)
	}
	trees[fix] = []string{"1_init", "2_toss"}
	s.order(s.urls.GitHub+"/_sandbox/world", map[string]any{"trees": trees})
	s.mustSay("choose INC-1 keeps retry")
	inc = s.waitIncident("INC-1", "asking to promote the fix", func(inc *console.Incident) bool {
		st := stepOf(inc, "promote")
		return st.State == "awaiting" && st.Preview != nil
	})
	s.wantTold(told(&inc), "hotfix keeps all 2 migration folders of what has served")
	s.backout.stop(t)
}

// TestHotfix_aRevertKeepsTheAppliedFolder: on request Backout opens the revert, puts back
// the folder that it deletes, and its branch goes the hotfix road.
func TestHotfix_aRevertKeepsTheAppliedFolder(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Veto: autoVeto})
	trees, bad, _ := s.lostFolder()
	s.order(s.urls.GitHub+"/_sandbox/world", map[string]any{"trees": trees, "pulls": []any{
		map[string]any{"number": 41, "title": "Show the receipt", "merge_commit": bad, "adds": []string{"2_toss"}},
	}})
	if text, ok := s.say("revert INC-1 forty-one"); ok || !strings.Contains(text, "that is not the number of a pull request") {
		t.Errorf("no number: %s", text)
	}
	s.mustSay("revert INC-1")
	s.mustApprove("INC-1", "revert")
	inc := s.waitIncident("INC-1", "with a revert", func(inc *console.Incident) bool { return stepOf(inc, "revert").State == "done" })
	s.wantTold(told(&inc), "asks on-call: Open a pull request that reverts #41 (Show the receipt) of aimarketplace/shop. It is not merged. A plain revert deletes prisma/migrations/2_toss, which was applied: it stays in the branch",
		"For the hotfix road answer fix_ref=revert-41-main. The revert deleted prisma/migrations/2_toss, which was applied: I put it back in the branch")
	s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "database").State == "awaiting" })
	s.mustSay("choose INC-1 database leave")
	s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "investigate").State == "awaiting" })
	s.mustSay("answer INC-1 investigate root_cause='a receipt without an address' fix_ref=revert-41-main checked=all")
	inc = s.waitIncident("INC-1", "asking to promote the fix", func(inc *console.Incident) bool {
		st := stepOf(inc, "promote")
		return st.State == "awaiting" && st.Preview != nil
	})
	s.wantTold(told(&inc), "revert-41-main keeps all 2 migration folders of what has served")
	s.backout.stop(t)
}
