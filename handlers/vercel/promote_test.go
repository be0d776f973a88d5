package vercel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// rolledBack is a night in which dpl_good2 serves again and a fix was pushed.
func rolledBack(t *testing.T) *night {
	t.Helper()
	n := start(t)
	n.person("/v1/projects/prj_shop/rollback/dpl_good2")
	n.forward(time.Minute)
	n.deploy("dpl_fix", "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1")
	return n
}

func (n *night) promote(commit string) (orchestrator.Action, orchestrator.Call) {
	n.Helper()
	return n.action("vercel.promote", map[string]any{"expect_serving": "dpl_good2", "commit": commit, "under_hold": true})
}

func TestPromote_wholeRoad(t *testing.T) {
	t.Parallel()
	for _, commit := range []string{"f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1", "f1f1f1f"} {
		n := rolledBack(t)
		a, c := n.promote(commit)
		preview, err := a.Plan(t.Context(), c)
		if err != nil || !strings.HasPrefix(preview.Text, "Promote dpl_fix of shop (commit f1f1f1f) in place of dpl_good2") || preview.Manual != "vercel promote dpl_fix --scope team_aim" {
			t.Fatalf("preview %+v %v", preview, err)
		}
		c.Preview = preview.Data
		out, err := n.do(a, c)
		if err != nil || out.Accepted == nil {
			t.Fatalf("do %+v %v", out, err)
		}
		end := n.wait(a, c, out.Accepted.Token)
		if end.Kind != orchestrator.OutcomeDone || field(t, end.Data, "deployment_id") != "dpl_fix" {
			t.Errorf("in the end: %+v", end)
		}
		n.forward(time.Minute)
		seen, err := a.(orchestrator.Observer).Observe(t.Context(), c)
		if err != nil || seen.Deployment != "dpl_fix" || !seen.AutoAssign {
			t.Errorf("observed %+v %v", seen, err)
		}
		if again, err := n.do(a, c); err != nil || field(t, again.Data, "deployment_id") != "dpl_fix" || len(n.effects()) != 2 {
			t.Errorf("a repeat: %+v %v, %d changes", again, err, len(n.effects()))
		}
		n.fits()
	}
}

func TestPromote_lostAnswerFindsTheBuildAgain(t *testing.T) {
	t.Parallel()
	n := rolledBack(t)
	a, c := n.promote("f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1")
	n.fault("drop_after", "POST", 1)
	if _, err := n.do(a, c); !orchestrator.IsInDoubt(err) {
		t.Fatalf("do: %v", err)
	}
	if end := n.wait(a, c, ""); end.Kind != orchestrator.OutcomeDone || len(n.effects()) != 2 {
		t.Errorf("%+v after %d changes", end, len(n.effects()))
	}
}

// TestPromote_approvedBuildIsTheOne: a push after the yes does not slip in.
func TestPromote_approvedBuildIsTheOne(t *testing.T) {
	t.Parallel()
	n := rolledBack(t)
	a, c := n.promote("f1f1f1f")
	preview, err := a.Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	n.deploy("dpl_rebuilt", "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1")
	c.Preview = preview.Data
	if out, err := n.do(a, c); err != nil || !strings.Contains(out.Accepted.Token, "dpl_fix") {
		t.Errorf("%+v %v", out, err)
	}
}

func TestPromote_refusesWhatWouldRebuild(t *testing.T) {
	t.Parallel()
	n := rolledBack(t)
	for id, order := range map[string]map[string]any{
		"preview": {"id": "dpl_preview", "commit": "aaaaaaaaaa", "target": "preview"},
		"broken":  {"id": "dpl_broken", "commit": "bbbbbbbbbb", "state": "ERROR"},
		"builds":  {"id": "dpl_builds", "commit": "cccccccccc", "state": "BUILDING"},
	} {
		n.control(n.urls.Vercel, "deploy", order)
		a, c := n.promote(order["commit"].(string))
		_, err := n.do(a, c)
		if orchestrator.IsPermanent(err) == (id == "builds") || !strings.Contains(err.Error(), order["id"].(string)) {
			t.Errorf("%s: %v", id, err)
		}
	}
	a, c := n.promote("dddddddddd")
	if _, err := n.do(a, c); orchestrator.RetryDelay(err) == 0 {
		t.Errorf("a commit nobody built: %v", err)
	}
	a, c = n.action("vercel.promote", map[string]any{"expect_serving": "dpl_good2", "target": "dpl_preview"})
	if _, err := a.Plan(t.Context(), c); !orchestrator.IsPermanent(err) {
		t.Errorf("preview of a preview: %v", err)
	}
	if _, err := n.do(a, c); !orchestrator.IsPermanent(err) {
		t.Errorf("a preview by id: %v", err)
	}
	if len(n.effects()) != 1 {
		t.Errorf("Vercel was changed %d times", len(n.effects()))
	}
}

func TestPromote_somethingElseServes(t *testing.T) {
	t.Parallel()
	n := rolledBack(t)
	n.person("/v10/projects/prj_shop/promote/dpl_bad")
	n.forward(time.Minute)
	a, c := n.promote("f1f1f1f")
	if out, err := n.do(a, c); err != nil || !out.Superseded {
		t.Errorf("%+v %v", out, err)
	}
}
