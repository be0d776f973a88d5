package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// movedClock is the machine's clock with a hand on it.
type movedClock struct {
	mu    sync.Mutex
	by    time.Duration
	start time.Time
}

func (c *movedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}
func (c *movedClock) Monotonic() time.Duration { return time.Since(c.start) }
func (c *movedClock) SinceBoot() time.Duration { return time.Since(c.start) }

func (c *movedClock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}

// TestEngine_clockJump sets the clock an hour forward, as a wrong time server would:
// what waits an hour does not happen, nothing wrong gets into the log, people are
// told, and with `clock accept` it goes on by the new time.
func TestEngine_clockJump(t *testing.T) {
	t.Parallel()
	dir, log, clock := t.TempDir(), newMemoryLog(), &movedClock{start: time.Now()}
	genesis(t, log)
	st, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	act := &counted{calls: map[string]int{}}
	e, err := engine.New(engine.Options{
		Log: log, Store: st, Rules: yes{}, Actions: map[string]orchestrator.Action{"count": act}, Clock: clock,
		Core: engine.CoreOptions{Instance: "one", Boot: "b1", Alone: true}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = st.Close()
	})
	r := &rig{e: e, act: act}
	r.configure(t)
	if err := e.Ingest(t.Context(), alert("a1")); err != nil {
		t.Fatal(err)
	}
	state := func(want orchestrator.IncidentState) func(*orchestrator.State) bool {
		return func(s *orchestrator.State) bool {
			inc, _ := s.Incident(1)
			return inc != nil && inc.State == want
		}
	}
	r.wait(t, state(orchestrator.Resolved)) // closes by a timer in 24 h
	clock.move(25 * time.Hour)
	r.wait(t, func(s *orchestrator.State) bool { return s.Meta().Jumped["one"] > 0 && len(s.Findings()) == 1 })
	if err := e.Ingest(t.Context(), []orchestrator.Record{{Bad: &orchestrator.Bad{Origin: "test", Reason: "an entry of now"}}}); err != nil {
		t.Fatal(err)
	}
	err = e.Read(t.Context(), 0, func(s *orchestrator.State) error {
		if ahead := s.Meta().Now - time.Now().UnixMilli(); ahead > 60_000 {
			t.Errorf("the log is %d ms ahead: the wrong time got in", ahead)
		}
		if inc, _ := s.Incident(1); inc.State == orchestrator.Closed {
			t.Error("a timer of 24 h fired because somebody set the clock")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := e.Command(t.Context(), orchestrator.Command{ID: "c1", Via: "cli", Person: "ann", Verb: "clock", Args: map[string]string{"action": "accept"}})
	if err != nil || !reply.OK || !strings.Contains(reply.Text, "one") {
		t.Fatalf("%+v, %v", reply, err)
	}
	r.wait(t, state(orchestrator.Closed))
}
