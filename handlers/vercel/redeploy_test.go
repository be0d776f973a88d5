package vercel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

func (n *night) redeploy(serves string) (orchestrator.Action, orchestrator.Call) {
	n.Helper()
	return n.action("vercel.redeploy", map[string]any{"expect_serving": serves, "deployment": serves})
}

func TestRedeploy_wholeRoad(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.redeploy("dpl_bad")
	preview, err := a.Plan(t.Context(), c)
	if err != nil || !strings.HasPrefix(preview.Text, "Build dpl_bad of shop (commit bad0) anew") || !strings.HasSuffix(preview.Text, "It goes live when it is ready.") ||
		preview.Manual != "vercel redeploy dpl_bad --scope team_aim" {
		t.Fatalf("preview %+v %v", preview, err)
	}
	out, err := n.do(a, c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("do %+v %v", out, err)
	}
	again, err := n.do(a, c)
	if err != nil || again.Accepted == nil || again.Accepted.Token != out.Accepted.Token {
		t.Errorf("a repeat: %+v %v", again, err)
	}
	end := n.wait(a, c, out.Accepted.Token)
	if end.Kind != orchestrator.OutcomeDone || field(t, end.Data, "built") != out.Accepted.Token || field(t, end.Data, "deployment_id") != nil {
		t.Errorf("in the end: %+v %s", end, end.Data)
	}
	if effects := n.effects(); len(effects) != 1 || effects[0].Query != "forceNew=1&teamId=team_aim" {
		t.Errorf("Vercel was changed by %+v", effects)
	}
	n.fits()
}

// TestRedeploy_lostAnswers: the build is found by its meta, and never made twice.
func TestRedeploy_lostAnswers(t *testing.T) {
	t.Parallel()
	for kind, worked := range map[string]bool{"500_after": true, "drop_after": true, "500_before": false, "hang": false} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			a, c := n.redeploy("dpl_bad")
			n.fault(kind, "POST", 1)
			if _, err := n.do(a, c); !orchestrator.IsInDoubt(err) {
				t.Fatalf("do: %v", err)
			}
			want := map[bool]orchestrator.OutcomeKind{true: orchestrator.OutcomeDone, false: orchestrator.OutcomeNotDone}[worked]
			if end := n.wait(a, c, ""); end.Kind != want {
				t.Fatalf("the look after it: %+v, want %s", end, want)
			}
			if out, err := n.do(a, c); err != nil || out.Accepted == nil || len(n.effects()) != 1 {
				t.Errorf("second attempt: %+v %v, %d builds", out, err, len(n.effects()))
			}
		})
	}
}

func TestRedeploy_stagedFailedAndSuperseded(t *testing.T) {
	t.Parallel()
	n := rolledBack(t)
	a, c := n.redeploy("dpl_good2")
	if preview, err := a.Plan(t.Context(), c); err != nil || !strings.Contains(preview.Text, "It stays staged") {
		t.Errorf("%+v %v", preview, err)
	}
	out, err := n.do(a, c)
	if err != nil {
		t.Fatal(err)
	}
	if end := n.wait(a, c, out.Accepted.Token); field(t, end.Data, "staged") != true {
		t.Errorf("%+v %s", end, end.Data)
	}
	n.control(n.urls.Vercel, "setup", map[string]any{"next_build": "ERROR"})
	c.Key = "another step"
	if out, err = n.do(a, c); err != nil {
		t.Fatal(err)
	}
	if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeFailed {
		t.Errorf("%+v", end)
	}
	a, c = n.redeploy("dpl_bad")
	c.Key = "a third"
	if out, err := n.do(a, c); err != nil || !out.Superseded {
		t.Errorf("%+v %v", out, err)
	}
	for _, with := range []map[string]any{{}, {"expect_serving": "dpl_good2", "deployment": "main"}} {
		a, c := n.action("vercel.redeploy", with)
		if _, err := n.do(a, c); !orchestrator.IsPermanent(err) {
			t.Errorf("%v: %v", with, err)
		}
	}
}

// canary is a night in which dpl_bad takes a tenth of the visitors from dpl_good2.
func canary(t *testing.T) *night {
	t.Helper()
	n := start(t)
	n.control(n.urls.Vercel, "setup", map[string]any{"projects": []map[string]any{{
		"id": "prj_shop", "deployments": []map[string]any{{"id": "dpl_good1"}, {"id": "dpl_good2"}, {"id": "dpl_bad"}}, "serving": "dpl_good2",
		"rolling": map[string]any{"stages": []int{10, 100}, "canary": "dpl_bad"},
	}}})
	n.began = n.Now()
	return n
}

// TestRollback_abortsARollingRelease: the base serves already, and is asked for all the same.
func TestRollback_abortsARollingRelease(t *testing.T) {
	t.Parallel()
	for _, expect := range []string{"dpl_bad", "dpl_good2"} {
		n := canary(t)
		a, c := n.action("vercel.rollback", map[string]any{"expect_serving": expect, "target": "dpl_good2"})
		seen, err := a.(orchestrator.Observer).Observe(t.Context(), c)
		if err != nil || seen.Deployment != "dpl_good2" || seen.Rolling == nil || seen.Rolling.Canary != "dpl_bad" {
			t.Fatalf("observed %+v %v", seen, err)
		}
		if look, err := a.Verify(t.Context(), c, ""); err != nil || look.Kind != orchestrator.OutcomeNotDone {
			t.Errorf("before it was asked: %+v %v", look, err)
		}
		out, err := n.do(a, c)
		if err != nil || out.Accepted == nil {
			t.Fatalf("do %+v %v", out, err)
		}
		if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeDone {
			t.Errorf("in the end: %+v", end)
		}
		n.forward(time.Minute)
		if again, err := n.do(a, c); err != nil || again.Accepted != nil || len(n.effects()) != 1 {
			t.Errorf("a repeat: %+v %v, %d changes", again, err, len(n.effects()))
		}
		n.fits()
	}
}

func TestPromote_waitsForARollingRelease(t *testing.T) {
	t.Parallel()
	n := canary(t)
	a, c := n.action("vercel.promote", map[string]any{"expect_serving": "dpl_good2", "target": "dpl_good1"})
	out, err := n.do(a, c)
	if err != nil || out.Accepted == nil || out.Accepted.Until != (30*time.Minute).Milliseconds() || !strings.Contains(out.Text, "queued") {
		t.Errorf("%+v %v", out, err)
	}
}
