package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// pages counts the pages of an incident.
func (b *book) pages(n uint64) int {
	pages := 0
	_, steps := b.state.Incident(n)
	for _, st := range steps {
		if st.ID == "page" {
			pages++
		}
	}
	return pages
}

// quietBook is a book without an incident.
func quietBook(t *testing.T) *book {
	t.Helper()
	return newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
}

func (b *book) stray(name string) {
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "elsewhere", Name: name, Severity: "critical"})
}

func TestFinding_unroutedPagesOnceADay(t *testing.T) {
	b := quietBook(t)
	b.stray("one")
	inc := b.incident()
	if inc == nil || inc.Project != orchestrator.SelfProject || b.pages(1) != 1 {
		t.Fatalf("incident %+v with %d pages", inc, b.pages(1))
	}
	if !strings.Contains(b.story(), `no project "elsewhere"`) {
		t.Fatalf("the reason is not told:\n%s", b.story())
	}
	b.stray("two")
	b.after(60 * minute)
	b.stray("three")
	if got := b.pages(1); got != 1 || b.state.Meta().NextIncident != 1 {
		t.Fatalf("%d pages, %d incidents for the same thing", got, b.state.Meta().NextIncident)
	}
	if r := b.say("ann", "dismiss", "INC-1"); !r.OK {
		t.Fatal(r.Text)
	}
	b.stray("four")
	if b.pages(2) != 0 {
		t.Fatal("paged again within a day")
	}
	b.after(25 * 60 * minute)
	b.stray("five")
	if b.pages(2) != 1 {
		t.Fatalf("%d pages after a day\n%s", b.pages(2), b.story())
	}
}

func TestFinding_endsByItself(t *testing.T) {
	b := quietBook(t)
	b.act(orchestrator.Record{Finding: &orchestrator.Finding{Kind: orchestrator.FindOverdue, Key: "timers", Text: "a timer is late"}})
	if got := b.state.Findings(); len(got) != 1 {
		t.Fatalf("findings %v", got)
	}
	b.act(orchestrator.Record{Finding: &orchestrator.Finding{Kind: orchestrator.FindOverdue, Key: "timers", Gone: true}})
	if got := b.state.Findings(); len(got) != 0 {
		t.Fatalf("findings %v", got)
	}
	b.wait(25 * 60 * minute)
	if got := b.incident().State; got != orchestrator.Resolved {
		t.Fatalf("it is %s\n%s", got, b.story())
	}
}

func TestClock_jumpStopsTheMachineNotThePerson(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	b.promoted("dpl_bad")
	b.after(minute)
	b.act(orchestrator.Record{Clock: &orchestrator.ClockJump{Instance: "one", Delta: 3 * minute}})
	b.alert("5xx")
	b.preview("rollback")
	if st := b.step("rollback"); st.Approval.Auto {
		t.Fatal("policy acts alone on a clock that jumped")
	}
	if r := b.say("ann", "approve", "INC-2", "rollback"); !r.OK {
		t.Fatal(r.Text)
	}
	if d := b.intend("rollback", "dpl_bad"); !d.Accepted {
		t.Fatalf("a person is held back by the clock: %+v", d)
	}
	if r := b.say("ann", "clock", "action=accept"); !r.OK || !strings.Contains(r.Text, "one") {
		t.Fatalf("%+v", r)
	}
	if b.state.Meta().Jumped != nil {
		t.Fatal("the jump still stands")
	}
}

// TestSignal_endsBehindManyEndedOnes: a resolve that names no start ends the firing
// that is there, however many of that alert have ended before.
func TestSignal_endsBehindManyEndedOnes(t *testing.T) {
	b := quietBook(t)
	for range 70 {
		b.after(30 * minute) // more often would be flapping
		b.alert("noisy")
		b.resolved("noisy", b.now)
	}
	b.after(30 * minute)
	b.alert("noisy")
	if got := b.incident().Firing; got != 1 {
		t.Fatalf("%d signals fire", got)
	}
	b.resolved("noisy", 0)
	if got := b.incident().Firing; got != 0 {
		t.Fatalf("%d signals still fire", got)
	}
}
