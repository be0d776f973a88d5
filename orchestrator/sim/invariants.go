package sim

import (
	"bytes"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// settled checks, long after the last fault, what must hold at the end. What
// must hold at every moment is checked where it happens: a step that may run
// once is called once, and nothing verifiable takes place twice.
func (w *world) settled() error {
	for _, n := range w.nodes {
		if n.core == nil {
			return fmt.Errorf("%s did not come back", n.name)
		}
		if got := n.core.State().Meta().Cursor; got != uint64(len(w.log)) {
			return fmt.Errorf("%s has read %d of %d entries", n.name, got, len(w.log))
		}
		if err := n.core.State().Flush(); err != nil {
			return err
		}
	}
	if err := w.replicasAgree(); err != nil {
		return err
	}
	s := w.nodes[0].core.State()
	for _, id := range w.acked {
		if _, ok := s.Seen("sim", id, epochMS+w.now); !ok {
			return fmt.Errorf("event %s was acknowledged and is lost", id)
		}
	}
	if got := s.Meta().NextIncident; got < uint64(len(environments())) {
		return fmt.Errorf("only %d incidents were opened", got)
	}
	for n := range s.Meta().NextIncident {
		if err := w.ended(s, n+1); err != nil {
			return err
		}
	}
	return nil
}

// ended checks the steps of an incident: nothing hangs, and what the state says
// is what happened outside.
func (w *world) ended(s *orchestrator.State, n uint64) error {
	inc, steps := s.Incident(n)
	if inc == nil {
		return fmt.Errorf("%s was never opened", orchestrator.IncidentName(n))
	}
	for _, st := range steps {
		if st.Ordinal >= 1000 {
			continue
		}
		job := fmt.Sprintf("step %s of %s is %s (%s)", st.ID, orchestrator.IncidentName(n), st.State, st.Waiting)
		key := s.StepKey(inc, st)
		switch st.State {
		case orchestrator.StepDone:
			if w.effect[key] == 0 && w.serving[inc.Environment] != "good" {
				return fmt.Errorf("%s, but it never took place", job)
			}
		case orchestrator.StepUnknown:
			if s.Node(inc, st).Spec.Safety != orchestrator.Once {
				return fmt.Errorf("%s, though it can be verified or repeated", job)
			}
			return nil // a person decides; what follows waits
		case orchestrator.StepFailed, orchestrator.StepCancelled:
		case orchestrator.StepAwaiting:
			if st.Approval == nil || st.Approval.Auto {
				return fmt.Errorf("%s long after the last fault", job)
			}
			return nil // a person decides; what follows waits
		case orchestrator.StepBlocked, orchestrator.StepReady, orchestrator.StepRunning,
			orchestrator.StepAccepted, orchestrator.StepWaiting, orchestrator.StepSkipped:
			return fmt.Errorf("%s long after the last fault", job)
		}
	}
	return nil
}

// replicasAgree compares every bucket of every instance.
func (w *world) replicasAgree() error {
	first := dump(w.nodes[0].view)
	for _, n := range w.nodes[1:] {
		if !bytes.Equal(first, dump(n.view)) {
			return fmt.Errorf("%s and %s folded the same log into different states", w.nodes[0].name, n.name)
		}
	}
	return nil
}

func dump(v *orchestrator.MemoryView) []byte {
	var out bytes.Buffer
	for _, b := range orchestrator.Buckets() {
		v.Scan(b, nil, nil, func(key, value []byte) bool {
			fmt.Fprintf(&out, "%s %x=%s\n", b, key, value)
			return true
		})
	}
	return out.Bytes()
}
