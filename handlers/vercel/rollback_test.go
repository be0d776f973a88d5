package vercel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

func TestRollback_wholeRoad(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	preview, err := a.Plan(t.Context(), c)
	if err != nil || !strings.HasPrefix(preview.Text, "Roll shop back from dpl_bad to dpl_good2 (commit ") ||
		preview.Manual != "vercel rollback dpl_good2 --scope team_aim" || field(t, preview.Data, "target") != "dpl_good2" {
		t.Fatalf("preview %+v %v", preview, err)
	}
	seen, err := a.(orchestrator.Observer).Observe(t.Context(), c)
	if err != nil || seen.Deployment != "dpl_bad" || len(seen.Domains) != 3 || !seen.AutoAssign {
		t.Fatalf("observed %+v %v", seen, err)
	}
	out, err := n.do(a, c)
	if err != nil || out.Accepted == nil || out.Accepted.Until != 180_000 {
		t.Fatalf("do %+v %v", out, err)
	}
	if early, _ := a.Verify(t.Context(), c, out.Accepted.Token); early.Kind != orchestrator.OutcomeRunning || early.CheckAfter == 0 {
		t.Errorf("right after the request: %+v", early)
	}
	end := n.wait(a, c, out.Accepted.Token)
	if end.Kind != orchestrator.OutcomeDone || field(t, end.Data, "deployment_id") != "dpl_good2" || field(t, end.Data, "previous") != "dpl_bad" {
		t.Errorf("in the end: %+v %s", end, end.Data)
	}
	n.forward(time.Minute)
	if again, err := n.do(a, c); err != nil || again.Accepted != nil || field(t, again.Data, "deployment_id") != "dpl_good2" {
		t.Errorf("a repeat: %+v %v", again, err)
	}
	effects := n.effects()
	if len(effects) != 1 || effects[0].Path != "/v1/projects/prj_shop/rollback/dpl_good2" || effects[0].Query != "description=INC-1&teamId=team_aim" || effects[0].Body != "{}" {
		t.Errorf("Vercel was changed by %+v", effects)
	}
	n.fits()
}

// TestRollback_lostAnswers: whatever was lost, the look tells, and the second
// attempt never makes a second rollback.
func TestRollback_lostAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind    string
		worked  bool
		inDoubt bool
	}{
		{"500_after", true, true},
		{"drop_after", true, true},
		{"500_before", false, true},
		{"hang", false, true},
		{"429", false, false},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			a, c := n.rollback()
			n.fault(tt.kind, "POST", 1)
			if _, err := n.do(a, c); err == nil || orchestrator.IsInDoubt(err) != tt.inDoubt || orchestrator.IsPermanent(err) {
				t.Fatalf("do: %v (in doubt %v)", err, orchestrator.IsInDoubt(err))
			} else if tt.kind == "429" && orchestrator.RetryDelay(err) != 7*time.Second {
				t.Errorf("429: retry after %v", orchestrator.RetryDelay(err))
			}
			end := n.wait(a, c, "")
			if want := map[bool]orchestrator.OutcomeKind{true: orchestrator.OutcomeDone, false: orchestrator.OutcomeNotDone}[tt.worked]; end.Kind != want {
				t.Fatalf("the look after it: %+v, want %s", end, want)
			}
			n.forward(time.Minute) // Until then the domains differ, and the answer is to look again.
			out, err := n.do(a, c)
			if err != nil || (out.Accepted == nil) != tt.worked {
				t.Errorf("second attempt: %+v %v", out, err)
			}
			if out.Accepted != nil {
				if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeDone {
					t.Errorf("second attempt ended %+v", end)
				}
			}
			if effects := n.effects(); len(effects) != 1 {
				t.Errorf("Vercel was changed %d times", len(effects))
			}
		})
	}
}

// TestRollback_repeatWhileOursRuns: the answer was lost and somebody asks again at once.
func TestRollback_repeatWhileOursRuns(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	n.fault("drop_after", "POST", 1)
	if _, err := n.do(a, c); !orchestrator.IsInDoubt(err) {
		t.Fatal(err)
	}
	out, err := n.do(a, c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeDone || len(n.effects()) != 1 {
		t.Errorf("%+v after %d changes", end, len(n.effects()))
	}
}

func TestRollback_somebodyElseActed(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	n.person("/v1/projects/prj_shop/rollback/dpl_good1")
	if _, err := n.do(a, c); orchestrator.RetryDelay(err) == 0 {
		t.Errorf("while somebody's rollback runs: %v", err)
	}
	n.forward(time.Minute)
	out, err := n.do(a, c)
	if err != nil || !out.Superseded || !strings.Contains(out.Text, "dpl_good1") {
		t.Errorf("after somebody's rollback: %+v %v", out, err)
	}
	if effects := n.effects(); len(effects) != 1 {
		t.Errorf("Vercel was changed %d times", len(effects))
	}
}

func TestRollback_somebodyElseDidTheSame(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	n.person("/v9/projects/prj_shop/rollback/dpl_good2")
	n.forward(time.Minute)
	if out, err := n.do(a, c); err != nil || out.Accepted != nil || out.Superseded || field(t, out.Data, "deployment_id") != "dpl_good2" {
		t.Errorf("%+v %v", out, err)
	}
}

func TestRollback_jobFailsOrIsSkipped(t *testing.T) {
	t.Parallel()
	for _, fate := range []string{"failed", "skipped"} {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			n.control(n.urls.Vercel, "setup", map[string]any{"next_job": fate})
			a, c := n.rollback()
			out, err := n.do(a, c)
			if err != nil {
				t.Fatal(err)
			}
			if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeFailed || !strings.Contains(end.Text, fate) {
				t.Fatalf("%+v", end)
			}
			// A person says retry: the half that moved is no reason not to.
			n.forward(time.Minute)
			if seen, err := a.(orchestrator.Observer).Observe(t.Context(), c); err != nil || seen.Deployment != "dpl_bad" {
				t.Errorf("observed %+v %v", seen, err)
			}
			out, err = n.do(a, c)
			if err != nil || out.Accepted == nil {
				t.Fatalf("%+v %v", out, err)
			}
			if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeDone {
				t.Errorf("%+v", end)
			}
		})
	}
}

func TestRollback_refusals(t *testing.T) {
	t.Parallel()
	deployments := []map[string]any{
		{"id": "dpl_old"}, {"id": "dpl_gone", "deleted": true}, {"id": "dpl_staged", "substate": "STAGED"}, {"id": "dpl_prev"}, {"id": "dpl_now"},
	}
	for target, says := range map[string]string{
		"dpl_old":         "402",
		"dpl_gone":        "410",
		"dpl_staged":      "422",
		"dpl_nope":        "404",
		"main; rm -rf /":  "not a deployment id",
		"dpl_$(shutdown)": "not a deployment id",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			n.control(n.urls.Vercel, "setup", map[string]any{"projects": []map[string]any{{"id": "prj_shop", "plan": "hobby", "deployments": deployments}}})
			a, c := n.action("vercel.rollback", map[string]any{"expect_serving": "dpl_now", "target": target})
			if _, err := n.do(a, c); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), says) {
				t.Errorf("%v", err)
			}
			if len(n.effects()) != 0 {
				t.Error("Vercel was changed")
			}
		})
	}
}

// TestRollback_twoWrongIDs: what is wrong is told in the same words each time, or every
// retry would be news in the timeline.
func TestRollback_twoWrongIDs(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.action("vercel.rollback", map[string]any{"expect_serving": "one", "target": "other"})
	for range 20 {
		if _, err := n.do(a, c); err == nil || !strings.Contains(err.Error(), `target "other"`) {
			t.Fatalf("%v", err)
		}
	}
}

func TestRollback_tokenRevoked(t *testing.T) {
	t.Parallel()
	n := start(t, func(o *vercel.Options) { o.Token = "vct_revoked" })
	a, c := n.rollback()
	_, err := n.do(a, c)
	if !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "token") || strings.Contains(err.Error(), "vct_revoked") {
		t.Errorf("do: %v", err)
	}
	if out, err := a.Verify(t.Context(), c, ""); err != nil || out.Kind != orchestrator.OutcomeCannotTell {
		t.Errorf("verify: %+v %v", out, err)
	}
	if _, err := a.(orchestrator.Observer).Observe(t.Context(), c); err == nil {
		t.Error("observed without a token")
	}
}

func TestRollback_descriptionIsCut(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.action("vercel.rollback", map[string]any{"expect_serving": "dpl_bad", "target": "dpl_good2", "description": strings.Repeat("쇼", 300)})
	if out, err := n.do(a, c); err != nil || out.Accepted == nil {
		t.Errorf("%+v %v", out, err)
	}
}

func TestRollback_readsAreRepeatedEffectsAreNot(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	n.fault("500_before", "GET", 2)
	if out, err := n.do(a, c); err != nil || out.Accepted == nil {
		t.Errorf("two broken reads: %+v %v", out, err)
	}
}

func TestRollback_nobodyListens(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{"refused": "http://127.0.0.1:1", "private": "http://10.255.255.1"} {
		client, err := vercel.New(vercel.Options{BaseURL: base, Token: secret, AllowPrivate: []string{"127.0.0.1"}, Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		n := &night{T: t, clock: &clock{now: time.Now()}, client: client}
		a, c := n.rollback()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := a.Do(ctx, c); err == nil || orchestrator.IsInDoubt(err) || orchestrator.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleNew_withoutToken() {
	_, err := vercel.New(vercel.Options{})
	fmt.Println(err)
	// Output: vercel: a token is needed; make one under Account Settings, Tokens
}
