package engine

import (
	"context"
	"errors"
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

// TestTellKept_forgetsWhoLeft: who asked for an entry that never comes, and waits no more,
// is kept no longer than until the next commit.
func TestTellKept_forgetsWhoLeft(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	close(left)
	there, gone := waiter{seq: 5, ch: make(chan error, 1)}, waiter{seq: 1 << 60, ch: make(chan error, 1), gone: left}
	waits := waiter{seq: 6, ch: make(chan error, 1), gone: make(chan struct{})}
	e := &Engine{kept: 5, waiting: []waiter{there, gone, waits}}
	e.tellKept()
	if len(e.waiting) != 1 || e.waiting[0].seq != 6 || len(there.ch) != 1 {
		t.Errorf("%d wait, %d told", len(e.waiting), len(there.ch))
	}
}

// TestSettled_endsWithItsCaller: a loop that takes nothing in holds nobody up for longer
// than they want to wait.
func TestSettled_endsWithItsCaller(t *testing.T) {
	t.Parallel()
	e := &Engine{inputs: make(chan func()), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Settled(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := ask(ctx, e, func() int { return 1 }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
