package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// slow is an action of which few may be done at the same time; each waits to be let go.
type slow struct {
	counted
	mu        sync.Mutex
	now, most int
	let       chan struct{}
}

func (s *slow) Spec() orchestrator.Spec {
	return orchestrator.Spec{Name: "slow", Effect: true, Safety: orchestrator.Once, CallTimeout: 20_000, MaxConcurrent: 3}
}

func (s *slow) note(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += change
	s.most = max(s.most, s.now)
}

func (s *slow) Do(ctx context.Context, _ orchestrator.Call) (orchestrator.Output, error) {
	s.note(1)
	defer s.note(-1)
	select {
	case <-s.let:
	case <-ctx.Done():
		return orchestrator.Output{}, ctx.Err()
	}
	return orchestrator.Output{}, nil
}

// TestEngine_doesFewOfAnActionAtOnce: of ten steps three are done at the same time, and
// what stands behind the others in the queue does not wait for them.
func TestEngine_doesFewOfAnActionAtOnce(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	genesis(t, log)
	act := &slow{let: make(chan struct{})}
	r := startWith(t, t.TempDir(), log, "b1", rigOptions{more: []orchestrator.Action{act}})
	plan := orchestrator.Plan{Playbook: "p"}
	for i := range 11 {
		n := orchestrator.Node{Ordinal: i, ID: fmt.Sprint("s", i), Kind: orchestrator.NodeAction, Action: "slow", Spec: act.Spec()}
		if i == 10 {
			n.Action, n.Spec = "count", r.act.Spec()
		}
		plan.Nodes = append(plan.Nodes, n)
	}
	r.configureWith(t, plan)
	if err := r.e.Ingest(t.Context(), alert("a1")); err != nil {
		t.Fatal(err)
	}
	done := func(want int) func(*orchestrator.State) bool {
		return func(s *orchestrator.State) bool {
			_, steps := s.Incident(1)
			n := 0
			for _, st := range steps {
				if st.State == orchestrator.StepDone {
					n++
				}
			}
			return n == want
		}
	}
	r.wait(t, done(1))
	for range 10 {
		act.let <- struct{}{}
	}
	r.wait(t, done(11))
	if act.most != 3 {
		t.Errorf("%d were done at the same time, want 3", act.most)
	}
}
