package engine

import (
	"testing"
	"time"
)

// TestCommitAt_leavesTimeForFolding: while inputs wait, a commit is due soon when
// the last one was quick, and later, within bounds, when it took long.
func TestCommitAt_leavesTimeForFolding(t *testing.T) {
	t.Parallel()
	dirty := time.Now()
	for _, c := range []struct{ took, want time.Duration }{
		{0, commitEvery},
		{time.Millisecond, commitEvery},
		{30 * time.Millisecond, commitShare * 30 * time.Millisecond},
		{time.Second, commitMost},
	} {
		e := &Engine{inputs: make(chan func(), 1), heard: dirty, took: c.took}
		e.inputs <- func() {}
		if at := e.commitAt(); !at.IsZero() {
			t.Fatalf("a commit of nothing is due at %s", at)
		}
		e.dirtyFrom = dirty
		if got := e.commitAt().Sub(dirty); got != c.want {
			t.Errorf("after a commit of %s the next is due after %s, want %s", c.took, got, c.want)
		}
	}
}

// TestDrain_endsInAStorm: inputs that never run out do not hold up the turn.
func TestDrain_endsInAStorm(t *testing.T) {
	t.Parallel()
	e := &Engine{inputs: make(chan func(), 1)}
	var again func()
	taken := 0
	again = func() {
		taken++
		e.inputs <- again
	}
	e.inputs <- again
	e.drain()
	if taken == 0 || len(e.inputs) != 1 {
		t.Fatalf("%d inputs taken, %d left", taken, len(e.inputs))
	}
}
