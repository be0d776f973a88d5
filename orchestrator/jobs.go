package orchestrator

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// call is what an executor hands to the action.
func (p *pass) call(l *loaded, st *Step) Call { return p.s.call(l.inc, st) }

func (s *State) call(inc *Incident, st *Step) Call {
	c := Call{
		Key: attemptKey(s.meta.lineage(), inc, st), Incident: IncidentName(inc.N), Step: st.ID,
		Project: inc.Project, Environment: inc.Environment, Inputs: st.Inputs, Chunk: st.Chunk,
	}
	if st.Attempt != nil {
		c.Attempt = st.Attempt.ID
	}
	if st.Preview != nil {
		c.Preview = st.Preview.Data
	}
	if st.FirstTry > 0 {
		c.Since = time.UnixMilli(st.FirstTry)
	}
	return c
}

// Job is what an executor needs to work on a step.
type Job struct {
	StepRef
	Work    Work
	Action  string
	Call    Call
	Token   string
	Try     int
	Timeout int64
	// Observe is set when what serves must be looked at first.
	Observe bool
	// Most is how many of its action may be done at the same time, 0 for any number.
	Most int
}

// Job reads a step of the ready list; ok is false when it has none.
func (s *State) Job(ref StepRef) (Job, bool) {
	l := s.incident(ref.N)
	if l == nil {
		return Job{}, false
	}
	st := l.step(ref)
	if st == nil || st.Work == "" {
		return Job{}, false
	}
	node := s.Node(l.inc, st)
	if node == nil {
		return Job{}, false
	}
	j := Job{
		StepRef: ref, Work: st.Work, Action: node.Action, Call: s.call(l.inc, st),
		Token: st.Token, Try: st.Tries + 1, Timeout: node.Spec.CallTimeout, Observe: node.Spec.Serving,
	}
	if st.Work == WorkDo {
		j.Most = node.Spec.MaxConcurrent
	}
	if node.Kind == NodeGate && node.Gate != nil {
		j.Action, j.Timeout, j.Observe = node.Gate.Uses, node.Gate.Spec.CallTimeout, false
	}
	return j, true
}

func hashHex(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// StepKey is the key of a step that is sent outside: constant over attempts.
func (s *State) StepKey(inc *Incident, st *Step) string { return attemptKey(s.meta.lineage(), inc, st) }
