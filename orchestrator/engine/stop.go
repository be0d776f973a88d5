package engine

import (
	"context"
	"errors"
	"time"
)

// stop ends cleanly: running calls get a moment to report, claims are given
// back, and the state is committed. Where another instance can take over, claims
// are given back after handOver at the latest: results count without them.
func (e *Engine) stop(cancel context.CancelFunc) error {
	e.core.Stop()
	deadline, hand := time.NewTimer(stopWait), time.NewTimer(handOver)
	defer deadline.Stop()
	defer hand.Stop()
	release := false
	for e.failed == nil {
		if release || e.core.Idle() {
			e.core.Release()
		}
		e.turn()
		if e.core.Released() && e.core.Idle() {
			break
		}
		select {
		case fn := <-e.inputs:
			fn()
			e.drain()
		case err := <-e.beside.done:
			e.endCommit(err)
		case <-e.wake.C:
		case <-hand.C:
			if s := e.room.now(); !s.Failing.IsZero() {
				e.opt.Logger.Warn("stopped without giving back what is owned: the log takes nothing", "since", s.Failing, "error", s.Cause)
				return errors.Join(e.failed, e.closing(cancel))
			}
			release = e.opt.Heart != nil
		case <-deadline.C:
			e.opt.Logger.Warn("stopped while calls were under way; they will be looked at after the next start")
			return errors.Join(e.failed, e.closing(cancel))
		}
	}
	return errors.Join(e.failed, e.closing(cancel))
}

func (e *Engine) closing(cancel context.CancelFunc) error {
	e.leave()
	cancel()
	if e.failed == nil {
		e.commit()
	}
	for _, w := range e.waiting {
		w.ch <- ErrStopped
	}
	return nil
}
