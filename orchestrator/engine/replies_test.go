package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// lateRead is a log whose next read answers only when a command has been
// appended: the loop then folds the command before it comes to its inputs.
type lateRead struct {
	*memoryLog
	armed   atomic.Bool
	reading chan struct{}
	said    chan struct{}
}

func (l *lateRead) Append(ctx context.Context, m orchestrator.Message) (uint64, error) {
	seq, err := l.memoryLog.Append(ctx, m)
	if m.Subject == orchestrator.SubjectCommands {
		close(l.said)
	}
	return seq, err
}

func (l *lateRead) Read(ctx context.Context, from uint64, limit int) ([]orchestrator.Entry, error) {
	if l.armed.CompareAndSwap(true, false) {
		close(l.reading)
		select {
		case <-l.said:
		case <-ctx.Done():
		}
	}
	return l.memoryLog.Read(ctx, from, limit)
}

func TestEngine_answersACommandThatItReadFromTheLog(t *testing.T) {
	t.Parallel()
	log := &lateRead{memoryLog: newMemoryLog(), reading: make(chan struct{}), said: make(chan struct{})}
	genesis(t, log.memoryLog)
	r := start(t, t.TempDir(), log, "b1")
	r.configure(t)
	log.armed.Store(true)
	<-log.reading
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := r.e.Command(ctx, orchestrator.Command{ID: "c1", Via: "cli", Person: "ann", Verb: "pause"}); err != nil {
		t.Fatalf("the outcome was lost: %v", err)
	}
}
