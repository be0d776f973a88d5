package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// commitAt is when the next commit is due; zero when nothing is to be kept, or one
// runs. A commit costs some milliseconds, so it takes the first quiet moment, and
// waits for one no longer than commitEvery. In a storm a commit takes longer, because
// every record dirties pages of its own; then it waits for a multiple of what the
// last one took, but never over commitMost, so that most of the time is left for
// folding.
func (e *Engine) commitAt() time.Time {
	if e.dirtyFrom.IsZero() || e.beside.done != nil {
		return time.Time{}
	}
	at := e.dirtyFrom.Add(min(max(commitEvery, commitShare*e.took), commitMost))
	if quiet := e.heard.Add(quietFor); quiet.Before(at) && len(e.inputs) == 0 && e.core.Idle() && e.core.PumpIdle() {
		return quiet
	}
	return at
}

// beside is a commit that runs while the fold goes on. The zero value is none.
type beside struct {
	// done gives how it went, once; nil when none runs.
	done  chan error
	began time.Time
	// upto is the entry it makes durable.
	upto uint64
}

// commitIfDue commits when the oldest uncommitted entry is old enough, or at
// once when somebody waits. Effects never wait for it: the intent is in the log.
func (e *Engine) commitIfDue(now time.Time) {
	if e.beside.done != nil {
		if e.view.Rows() > besideMost { // the disk does not keep up; so the fold waits
			e.endCommit(<-e.beside.done)
		}
		return
	}
	at := e.commitAt()
	due := !at.IsZero() && !now.Before(at)
	if (due || e.urgent()) && !e.dirtyFrom.IsZero() {
		e.startCommit()
	}
	e.tellKept()
}

// urgent reports whether somebody waits for what is folded and not yet on disk.
func (e *Engine) urgent() bool {
	cursor := e.core.State().Meta().Cursor
	return slices.ContainsFunc(e.waiting, func(w waiter) bool { return w.seq <= cursor })
}

// tellKept answers those whose entry is on disk, and forgets those who wait no more.
func (e *Engine) tellKept() {
	e.waiting = slices.DeleteFunc(e.waiting, func(w waiter) bool {
		if w.seq <= e.kept {
			w.ch <- nil
			return true
		}
		return w.left()
	})
}

// startCommit makes the state durable: at once, or beside the fold when that would stand
// still too long for them.
func (e *Engine) startCommit() {
	if e.view.Rows() < cmp.Or(e.opt.CommitBeside, besideFrom) || !e.opt.Store.Room(e.view) {
		e.commit()
		return
	}
	b := beside{began: time.Now(), upto: e.core.State().Meta().Cursor, done: make(chan error, 1)}
	if err := e.core.State().Flush(); err != nil {
		e.committed(b, err)
		return
	}
	e.view.Freeze()
	e.beside, e.dirtyFrom = b, time.Time{}
	e.tasks.Go(func() { b.done <- e.opt.Store.Write(e.view) })
}

// endCommit takes in how the commit beside the fold went.
func (e *Engine) endCommit(err error) {
	b := e.beside
	e.beside = beside{}
	if err == nil {
		err = e.opt.Store.Settle(e.view)
	}
	e.committed(b, err)
	e.tellKept()
}

// commit makes everything that was folded durable before it returns.
func (e *Engine) commit() bool {
	if e.beside.done != nil {
		e.endCommit(<-e.beside.done)
	}
	if e.failed != nil {
		return false
	}
	b := beside{began: time.Now(), upto: e.core.State().Meta().Cursor}
	err := e.core.State().Flush()
	if err == nil {
		err = e.opt.Store.Commit(e.view)
	}
	e.dirtyFrom = time.Time{}
	return e.committed(b, err)
}

// committed notes what is on disk now. A failure ends the process: the log is the
// truth and a restart is the recovery.
func (e *Engine) committed(b beside, err error) bool {
	if err != nil {
		e.failed = fmt.Errorf("keeping the state: %w. Check the disk; nothing is lost, a restart folds the log again", err)
		return false
	}
	e.kept, e.took = b.upto, time.Since(b.began)
	if e.opt.Metrics != nil {
		e.opt.Metrics.Committed(e.took)
	}
	return true
}
