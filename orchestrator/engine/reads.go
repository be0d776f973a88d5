package engine

import (
	"context"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// Settled waits until entry seq, and everything that was folded when it is called, is
// committed.
func (e *Engine) Settled(ctx context.Context, seq uint64) error {
	w := waiter{seq: seq, ch: make(chan error, 1), gone: ctx.Done()}
	e.inputWithin(ctx, func() {
		w.seq = max(w.seq, e.core.State().Meta().Cursor)
		e.waiting = append(e.waiting, w)
	})
	select {
	case err := <-w.ch:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for entry %d: %w", seq, ctx.Err())
	case <-e.done:
		return ErrStopped
	}
}

// Read runs fn on a consistent state that includes entry minSeq and everything
// this process has folded so far.
func (e *Engine) Read(ctx context.Context, minSeq uint64, fn func(*orchestrator.State) error) error {
	if err := e.Settled(ctx, minSeq); err != nil {
		return err
	}
	return e.opt.Store.Read(fn)
}

// Peek runs fn on the last commit and waits for nothing: what was folded since, in
// the last second at most, may be missing. It is for what must be found
// before a person's words are taken, so that those never wait for a commit in a storm.
func (e *Engine) Peek(fn func(*orchestrator.State) error) error { return e.opt.Store.Read(fn) }

// Watch returns a channel of the numbers of incidents that changed. Rings are
// lost when the receiver is slow, so it must read the state and not count.
func (e *Engine) Watch() (changed <-chan []uint64, stop func()) {
	ch := make(chan []uint64, 64)
	e.input(func() { e.watchers[ch] = true })
	return ch, func() { e.input(func() { delete(e.watchers, ch) }) }
}

// Owns reports whether this instance acts for partition 0.
func (e *Engine) Owns(ctx context.Context) (bool, error) {
	return ask(ctx, e, func() bool { return e.core.Owns(0) })
}
