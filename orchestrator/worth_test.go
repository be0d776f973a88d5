package orchestrator_test

import (
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestWorth_anEventOnce: a polled source says the same again until it was heard; what
// the log has under that id costs no entry more.
func TestWorth_anEventOnce(t *testing.T) {
	b := newRespondBook(t, nil)
	ev := orchestrator.Event{Origin: "poll/github", ID: "leak/7", Type: orchestrator.AlertFiring, Source: "github", Project: "shop", Name: "leak", Severity: "critical", StartsAt: b.now}
	rec := orchestrator.Record{Event: &ev}
	if !b.fold.Worth(b.state, &rec, b.now) {
		t.Fatal("what nobody has heard is worth an entry")
	}
	b.event(ev)
	if b.fold.Worth(b.state, &rec, b.now+minute) {
		t.Fatal("what the log has is appended again")
	}
	if ev.Origin = "http/github"; !b.fold.Worth(b.state, &rec, b.now) {
		t.Fatal("another origin has ids of its own")
	}
}

// TestFlaps_goOnForHours: what keeps flapping is damped all the while, not only in
// its first hour.
func TestFlaps_goOnForHours(t *testing.T) {
	b := newRespondBook(t, nil)
	for i := range 30 {
		b.alert("down")
		b.wait(4 * minute)
		b.resolved("down", 0)
		if got := b.incident().Firing; i >= 3 && got != 1 {
			t.Fatalf("flap %d, after %d minutes: %d signals count as firing", i+1, i*8+4, got)
		}
		b.wait(4 * minute)
	}
	b.wait(11 * minute)
	if got := b.incident().Firing; got != 0 {
		t.Fatalf("%d signals fire though it has been well for long", got)
	}
}
