package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Settings of the watch over the room that the log has left. New signals are
// refused from nearlyFull percent on. An entry takes about entryBytes besides its
// body.
const (
	weighEvery = 2 * time.Second
	weighWait  = 3 * time.Second
	nearlyFull = 90
	entryBytes = 128
)

// LogState is how the log is doing.
type LogState struct {
	// Bytes is what it takes, Limit what it may take; both are 0 while not known.
	Bytes, Limit int64
	// Refusing is set while new signals are refused, Full when the last entry was
	// turned away for want of room.
	Refusing, Full bool
	// Failing is since when nothing could be appended, zero when something could;
	// Cause says why.
	Failing time.Time
	Cause   error
}

// Percent is how full the log is.
func (s LogState) Percent() int64 {
	if s.Limit <= 0 {
		return 0
	}
	return s.Bytes * 100 / s.Limit
}

// room keeps how full the log is between two looks: what this process appends is
// added. Safe for concurrent use.
type room struct {
	mu    sync.Mutex
	state LogState
	// look asks for a look before the next one is due.
	look chan struct{}
}

func newRoom() *room { return &room{look: make(chan struct{}, 1)} }

// weighed takes in what a look found.
func (r *room) weighed(bytes, limit int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Bytes, r.state.Limit = bytes, limit
	r.judge()
}

func (r *room) judge() {
	s := &r.state
	s.Refusing = s.Full || (s.Limit > 0 && s.Bytes >= s.Limit/100*nearlyFull)
}

// note takes in the outcome of an append.
func (r *room) note(size int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.state
	switch {
	case err == nil:
		s.Bytes += int64(size) + entryBytes
		s.Full, s.Failing, s.Cause = false, time.Time{}, nil
	case errors.Is(err, orchestrator.ErrFenced), errors.Is(err, orchestrator.ErrTooLong), errors.Is(err, context.Canceled):
		return
	default:
		s.Full = errors.Is(err, orchestrator.ErrLogFull)
		if s.Cause = err; s.Failing.IsZero() {
			s.Failing = time.Now()
		}
		select {
		case r.look <- struct{}{}:
		default:
		}
	}
	r.judge()
}

func (r *room) now() LogState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// LogState tells how the log is doing.
func (e *Engine) LogState() LogState { return e.room.now() }

// appendTo appends to the log and keeps count.
func (e *Engine) appendTo(ctx context.Context, m orchestrator.Message) (uint64, error) {
	if len(m.Data) > orchestrator.MaxEntry {
		return 0, orchestrator.ErrTooLong
	}
	seq, err := e.opt.Log.Append(ctx, m)
	e.room.note(len(m.Data), err)
	return seq, err
}

// watchRoom asks the log every now and then, and after an append that failed,
// how full it is and whether it can still be written.
func (e *Engine) watchRoom() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-e.room.look:
		case <-e.ctx.Done():
			return
		}
		e.weigh()
		timer.Reset(weighEvery)
	}
}

// weigh looks once. A log that cannot be written any more ends the engine: waiting
// would be waiting for ever, and a restart opens it anew.
func (e *Engine) weigh() {
	ctx, cancel := context.WithTimeout(e.ctx, weighWait)
	defer cancel()
	before := e.room.now().Refusing
	bytes, limit, err := e.opt.Room.Size(ctx)
	switch {
	case errors.Is(err, orchestrator.ErrLogBroken):
		e.tasks.Go(func() {
			e.input(func() {
				if e.failed == nil {
					e.failed = err
				}
			})
		})
		return
	case err != nil:
		return // an append that fails says so itself
	}
	e.room.weighed(bytes, limit)
	if s := e.room.now(); s.Refusing != before {
		e.tellRoom(s) // the loop looks at the inbox again at its next turn
	}
}

func (e *Engine) tellRoom(s LogState) {
	if s.Refusing {
		e.opt.Logger.Error("the log is nearly full: new signals are refused; commands, results and claims still go in", "bytes", s.Bytes, "limit", s.Limit)
		return
	}
	e.opt.Logger.Info("the log has room again: signals are taken", "bytes", s.Bytes, "limit", s.Limit)
}
