package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func (b *book) wantFinding(kind, word string) {
	b.t.Helper()
	for _, f := range b.state.Audit(b.now) {
		if f.Kind == kind && strings.Contains(f.Text, word) {
			return
		}
	}
	b.t.Fatalf("no finding %s about %s: %+v", kind, word, b.state.Audit(b.now))
}

func TestAudit(t *testing.T) {
	t.Run("a healthy night", func(t *testing.T) {
		b := story(t)
		if got := b.state.Audit(b.now); len(got) != 0 {
			t.Fatalf("findings %+v", got)
		}
	})
	t.Run("a timer nobody fires", func(t *testing.T) {
		b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback") // the veto time runs
		b.after(10 * minute)
		b.wantFinding(orchestrator.FindOverdue, "INC-1")
	})
	t.Run("a step nobody takes", func(t *testing.T) {
		b, _ := running(t)
		b.result(b.last.Decisions[0], orchestrator.ResultNotStarted)
		b.after(3 * minute)
		b.wantFinding(orchestrator.FindOwner, "partition 0")
	})
	t.Run("an attempt without an end", func(t *testing.T) {
		b, _ := running(t)
		b.after(3 * minute)
		b.wantFinding(orchestrator.FindStuck, "INC-1")
	})
}

// TestWaitsOn: in every state a person can read what an incident waits on.
func TestWaitsOn(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	at := b.now
	want := func(word string) {
		t.Helper()
		inc, steps := b.state.Incident(1)
		waits := b.state.WaitsOn(inc, steps)
		for _, w := range waits {
			if strings.Contains(w.For, word) && w.Since > 0 {
				return
			}
		}
		t.Fatalf("it waits on %+v, want something about %q", waits, word)
	}
	want("preview")
	b.preview("rollback")
	want("approval")
	b.say("ann", "approve", "INC-1")
	want("worker")
	d := b.intend("rollback", "dpl_bad")
	want("answer of")
	b.result(d, orchestrator.ResultDone)
	want("signals to end")
	b.resolved("5xx", at)
	want("`resolve INC-1`")
	b.say("bob", "stop", "INC-1")
	want("stopped by bob")
	b.say("bob", "resolve", "INC-1")
	want("closes at")
	b.say("bob", "close", "INC-1")
	if inc, steps := b.state.Incident(1); len(b.state.WaitsOn(inc, steps)) != 0 {
		t.Fatalf("a closed incident waits on %+v", b.state.WaitsOn(inc, steps))
	}
}
