package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// catchUp folds everything the log had when it was asked for its ends; a start
// waits for it. A replica that answers may lag behind.
func (e *Engine) catchUp(ctx context.Context) error {
	folded := 0
	for {
		entries, err := e.read(ctx, e.core.State().Meta().Cursor+1)
		if err != nil {
			return err
		}
		if !e.take(entries) {
			return e.failed
		}
		e.polled = time.Now()
		if len(entries) > 0 {
			if folded += len(entries); folded%commitEntries < len(entries) && !e.commit() {
				return e.failed
			}
			continue
		}
		if e.core.State().Meta().Cursor >= e.ends.Last {
			return nil
		}
		if err := pause(ctx, ringEvery); err != nil {
			return err
		}
	}
}

// commitEntries is after how many entries a start commits, so that a long tail does
// not have to be held in one transaction.
const commitEntries = 20 * readLimit

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the log: %w", ctx.Err())
	}
}

func (e *Engine) read(ctx context.Context, from uint64) ([]orchestrator.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	return e.opt.Log.Read(ctx, from, readLimit)
}

// take folds entries that were read from the log in order. What this process
// appended may have been folded meanwhile; a hole is found by the fold.
func (e *Engine) take(entries []orchestrator.Entry) bool {
	for _, entry := range entries {
		if entry.Seq > e.core.State().Meta().Cursor && !e.fold(entry) {
			return false
		}
	}
	e.foldPending()
	return e.failed == nil
}

// look asks the log when an entry is missing before one that was appended here,
// or when it is time to look for others. The loop goes on meanwhile: a read
// takes longer than most of what it does.
func (e *Engine) look(now time.Time) {
	if !e.behind(now) {
		return
	}
	e.looking = true
	from := e.core.State().Meta().Cursor + 1
	e.tasks.Go(func() {
		entries, err := e.read(e.ctx, from)
		if err != nil && e.ctx.Err() == nil {
			e.opt.Logger.WarnContext(e.ctx, "reading the log failed; trying again", "error", err)
		}
		e.input(func() {
			e.looking, e.gapAt, e.polled = false, time.Time{}, time.Now()
			if len(entries) == readLimit {
				e.polled = time.Time{} // there is more
			}
			e.take(entries)
		})
	})
}

// After the bell rang the log is asked again and again for a moment: it rings when
// something was published, which may be a little before it can be read.
const (
	ringFor   = 60 * time.Millisecond
	ringEvery = 2 * time.Millisecond
)

// answerBell lets the loop look at the log when another instance has appended.
func (e *Engine) answerBell() {
	for {
		select {
		case <-e.opt.Bell:
			e.input(func() { e.rung = time.Now() })
		case <-e.ctx.Done():
			return
		}
	}
}

// behind reports whether the log must be asked now.
func (e *Engine) behind(now time.Time) bool {
	switch {
	case e.looking:
		return false
	case len(e.pending) == 0:
		e.gapAt = time.Time{}
	case e.gapAt.IsZero():
		e.gapAt = now.Add(gapWait)
	}
	return !now.Before(e.nextLook(now))
}

// nextLook is when the log is to be asked next.
func (e *Engine) nextLook(now time.Time) time.Time {
	next := e.polled.Add(pollEvery)
	if now.Sub(e.rung) < ringFor {
		next = e.polled.Add(ringEvery)
	}
	switch {
	case e.looking:
		return now.Add(pollEvery) // the answer wakes the loop
	case !e.gapAt.IsZero() && e.gapAt.Before(next):
		return e.gapAt
	}
	return next
}
