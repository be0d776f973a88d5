package engine

import (
	"fmt"
	"time"
)

// commitAt is when the next commit is due; zero when nothing is to be kept. A
// commit holds the loop up for some milliseconds, so it takes the first quiet
// moment, and waits for one no longer than commitEvery. In a storm a commit takes
// longer, because every record dirties pages of its own; then it waits for a
// multiple of what the last one took, but never over commitMost, so that most of
// the time is left for folding.
func (e *Engine) commitAt() time.Time {
	if e.dirtyFrom.IsZero() {
		return time.Time{}
	}
	at := e.dirtyFrom.Add(min(max(commitEvery, commitShare*e.took), commitMost))
	if quiet := e.heard.Add(quietFor); quiet.Before(at) && len(e.inputs) == 0 && e.core.Idle() && e.core.PumpIdle() {
		return quiet
	}
	return at
}

// commitIfDue commits when the oldest uncommitted entry is old enough, or at
// once when somebody waits. Effects never wait for it: the intent is in the log.
func (e *Engine) commitIfDue(now time.Time) {
	cursor := e.core.State().Meta().Cursor
	urgent := false
	for _, w := range e.waiting {
		urgent = urgent || w.seq <= cursor
	}
	at := e.commitAt()
	due := !at.IsZero() && !now.Before(at)
	if (due || (urgent && !e.dirtyFrom.IsZero())) && !e.commit() {
		return
	}
	kept := e.waiting[:0]
	for _, w := range e.waiting {
		if w.seq <= cursor && e.dirtyFrom.IsZero() {
			w.ch <- nil
			continue
		}
		kept = append(kept, w)
	}
	e.waiting = kept
}

// commit makes the state durable and opens the next transaction. A failure ends
// the process: the log is the truth and a restart is the recovery.
func (e *Engine) commit() bool {
	start := time.Now()
	state := e.core.State()
	err := state.Flush()
	if err == nil {
		err = e.opt.Store.Commit(e.view)
	}
	if err == nil {
		e.view, err = e.opt.Store.Begin()
	}
	if err == nil {
		err = state.Bind(e.view)
	}
	if err != nil {
		e.failed = fmt.Errorf("keeping the state: %w. Check the disk; nothing is lost, a restart folds the log again", err)
		return false
	}
	e.dirtyFrom, e.took = time.Time{}, time.Since(start)
	if e.opt.Metrics != nil {
		e.opt.Metrics.Committed(e.took)
	}
	return true
}
