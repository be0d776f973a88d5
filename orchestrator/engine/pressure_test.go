package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// tightLog is a log that can be full or gone for a while.
type tightLog struct {
	*memoryLog
	// deny is the error that appends get, none while it is nil.
	deny atomic.Pointer[error]
}

func (l *tightLog) Append(ctx context.Context, m orchestrator.Message) (uint64, error) {
	if err := l.deny.Load(); err != nil {
		return 0, *err
	}
	return l.memoryLog.Append(ctx, m)
}

// TestEngine_aResultWaitsForRoom: the log is full or gone when a call ends. The
// result is kept and appended when there is room; nothing is called twice, and who
// speaks meanwhile is told and not obeyed later.
func TestEngine_aResultWaitsForRoom(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{orchestrator.ErrLogFull, orchestrator.ErrLogGone} {
		t.Run(cause.Error(), func(t *testing.T) {
			t.Parallel()
			log := &tightLog{memoryLog: newMemoryLog()}
			genesis(t, log.memoryLog)
			r := start(t, t.TempDir(), log, "b1")
			r.configure(t)
			called := make(chan struct{})
			r.act.during = func() {
				if log.deny.Load() == nil {
					log.deny.Store(&cause)
					close(called)
				}
			}
			if err := r.e.Ingest(t.Context(), alert("a1")); err != nil {
				t.Fatal(err)
			}
			<-called
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := r.e.Command(ctx, orchestrator.Command{ID: "c1", Via: "cli", Person: "ann", Verb: "close", Incident: 1}); !errors.Is(err, cause) {
				t.Errorf("a command meanwhile: %v", err)
			}
			if s := r.e.LogState(); s.Failing.IsZero() || !errors.Is(s.Cause, cause) {
				t.Errorf("the state of the log meanwhile: %+v", s)
			}
			r.act.during = nil
			log.deny.Store(nil)
			r.wait(t, func(s *orchestrator.State) bool {
				inc, _ := s.Incident(1)
				return inc != nil && inc.State == orchestrator.Resolved
			})
			for key, n := range r.act.calls {
				if n != 1 {
					t.Errorf("step %s was called %d times", key, n)
				}
			}
			if s := r.e.LogState(); !s.Failing.IsZero() || s.Full {
				t.Errorf("the state of the log afterwards: %+v", s)
			}
		})
	}
}
