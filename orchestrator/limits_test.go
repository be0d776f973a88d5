package orchestrator_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// previewAs answers a preview with another text.
func (b *book) previewAs(id, hash, text string) {
	b.t.Helper()
	st := b.wantStep(id, orchestrator.StepAwaiting)
	if st.Work != orchestrator.WorkPreview {
		b.t.Fatalf("step %s wants %q, not a preview\n%s", id, st.Work, b.story())
	}
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: st.StepRef, Hash: hash, Text: text}})
}

func (b *book) wantSaid(parts ...string) {
	b.t.Helper()
	for _, part := range parts {
		if !strings.Contains(b.story(), part) {
			b.t.Errorf("the timeline does not say %q:\n%s", part, b.story())
		}
	}
}

func asked(t *testing.T) *book {
	t.Helper()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	return b
}

func TestLimits_anApprovalIsOfWhatWasShown(t *testing.T) {
	t.Parallel()
	t.Run("it expires, and what would be done has changed", func(t *testing.T) {
		t.Parallel()
		b := asked(t)
		b.say("ann", "approve", "INC-1")
		b.after(16 * minute)
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("accepted")
		}
		if r := b.say("bob", "approve", "INC-1", "rollback"); r.OK {
			t.Fatalf("approved while it is looked at: %+v", r)
		}
		b.previewAs("rollback", "h2", "roll shop back to dpl_older")
		b.wantSaid("has changed since it was shown", "Before: roll shop back to dpl_old Now: roll shop back to dpl_older")
		if st := b.wantStep("rollback", orchestrator.StepAwaiting); st.Approval == nil || len(st.Approval.Votes) != 0 {
			t.Fatalf("the yes to the other counts: %+v", st.Approval)
		}
		b.say("ann", "approve", "INC-1", "rollback")
		if d := b.intend("rollback", "dpl_bad"); !d.Accepted {
			t.Fatalf("%+v", d)
		}
	})
	t.Run("it expires, and nothing has changed", func(t *testing.T) {
		t.Parallel()
		b := asked(t)
		b.say("ann", "approve", "INC-1")
		b.after(16 * minute)
		b.intend("rollback", "dpl_bad")
		b.preview("rollback")
		if strings.Contains(b.story(), "has changed since") {
			t.Errorf("nothing changed:\n%s", b.story())
		}
		if st := b.wantStep("rollback", orchestrator.StepAwaiting); st.Approval == nil || len(st.Approval.Votes) != 0 {
			t.Fatalf("%+v", st.Approval)
		}
	})
	t.Run("what was shown long ago is looked at before it can be agreed to", func(t *testing.T) {
		t.Parallel()
		b := asked(t)
		b.wait(16 * minute)
		if r := b.say("ann", "approve", "INC-1", "rollback"); r.OK || !strings.Contains(r.Text, "looked at again") {
			t.Fatalf("%+v", r)
		}
		b.preview("rollback")
		if r := b.say("ann", "approve", "INC-1", "rollback"); !r.OK {
			t.Fatalf("%+v\n%s", r, b.story())
		}
	})
	t.Run("a look that fails leaves the question as it was", func(t *testing.T) {
		t.Parallel()
		b := asked(t)
		b.wait(11 * minute)
		st := b.step("rollback")
		b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: st.StepRef, Error: "no answer"}})
		if r := b.say("ann", "approve", "INC-1", "rollback"); !r.OK {
			t.Fatalf("%+v\n%s", r, b.story())
		}
	})
}

func TestLimits_newerDeploymentVoidsWhatIsAsked(t *testing.T) {
	t.Parallel()
	t.Run("while it waits for a yes", func(t *testing.T) {
		t.Parallel()
		b := asked(t)
		b.after(minute)
		b.promoted("dpl_newer")
		b.wantStep("rollback", orchestrator.StepCancelled)
		b.wantSaid("deployment dpl_newer took over from dpl_bad", "I decide anew")
	})
	t.Run("not what is under way", func(t *testing.T) {
		t.Parallel()
		b := asked(t)
		b.say("ann", "approve", "INC-1")
		if d := b.intend("rollback", "dpl_bad"); !d.Accepted {
			t.Fatal(d.Reason)
		}
		b.promoted("dpl_newer")
		b.wantStep("rollback", orchestrator.StepRunning)
	})
}

func TestLimits_rollbackByHandIsAdoptedWhileAsked(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_old")
	b.after(minute)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.after(2 * minute)
	b.act(b.serves("dpl_old"))
	b.wantStep("rollback", orchestrator.StepDone)
	b.wantSaid("somebody brought dpl_old back by hand", "1m before you did (dpl_bad to dpl_old at")
	if r := b.state.Shadow(""); len(r.Missed) != 0 {
		t.Errorf("missed: %+v", r.Missed)
	}
}

func TestLimits_holdEndsByItself(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	until := func(ms int64) string { return "until_ms=" + itoa(b.now+ms) }
	if r := b.say("bob", "hold", "#shop", "action=set", until(-minute)); r.OK {
		t.Errorf("a hold that has ended: %+v", r)
	}
	if r := b.say("bob", "hold", "#shop", "action=set", until(10*minute), ":migration"); !r.OK {
		t.Fatal(r.Text)
	}
	h := b.state.Env("shop", "production").Hold
	if h == nil || h.Owner != "bob" || h.Reason != "migration" || h.Until != b.now+10*minute {
		t.Fatalf("%+v", h)
	}
	b.wait(5 * minute)
	b.say("bob", "hold", "#shop", "action=set", until(20*minute))
	b.wait(6 * minute)
	if b.state.Env("shop", "production").Hold == nil {
		t.Fatal("the end of the first one ended the second")
	}
	b.wait(20 * minute)
	if h := b.state.Env("shop", "production").Hold; h != nil {
		t.Fatalf("%+v", h)
	}
}

func TestLimits_decisionsNameWhatTheyLookedAt(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	b.promoted("dpl_bad")
	b.after(minute)
	b.alert("5xx")
	b.preview("rollback")
	b.wantSaid("I roll back to dpl_old in 1m. Say `stop INC-1` to prevent it, `now` not to wait. Decided by policy line 1 (vercel.rollback)",
		"with score 0.60", "signal 0s old (alone up to 20m)", "began 1m after the promotion (alone up to 30m, asked up to 24h)", "known 0s after it began (limits nothing)", "mode live")
	b.resolved("5xx", b.now)
	b.wait(minute + 1)
	b.wantSaid("I am not rolling back by myself: no signal fires any more. Nothing has been changed by this step")
	c := b.state.Clocks(b.incident(), b.now)
	if c.Exposure != minute || c.Lag != 0 || c.SignalAge != minute+1 {
		t.Errorf("%+v", c)
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
