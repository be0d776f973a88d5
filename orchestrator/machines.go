package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/looplab/fsm"
)

// IncidentState is where an incident stands.
type IncidentState string

// The states of an incident.
const (
	// Triggered: something is wrong; nothing has been done outside yet.
	Triggered IncidentState = "triggered"
	// Mitigating: a plan has begun to act.
	Mitigating IncidentState = "mitigating"
	// Monitoring: the symptom is gone; it is being watched.
	Monitoring IncidentState = "monitoring"
	// Resolved: users are fine; it may be reopened.
	Resolved IncidentState = "resolved"
	// Closed: nothing more will happen.
	Closed IncidentState = "closed"
)

// Open reports whether the incident still needs somebody.
func (s IncidentState) Open() bool { return s != Resolved && s != Closed }

// StepState is where a step stands.
type StepState string

// The states of a step.
const (
	// StepBlocked: an earlier step has not ended.
	StepBlocked StepState = "blocked"
	// StepAwaiting: people are asked.
	StepAwaiting StepState = "awaiting"
	// StepReady: an executor may ask to start it.
	StepReady StepState = "ready"
	// StepRunning: an attempt was permitted and has not reported.
	StepRunning StepState = "running"
	// StepAccepted: the outside took the request and works on it.
	StepAccepted StepState = "accepted"
	// StepWaiting: until a time.
	StepWaiting StepState = "waiting"
	// StepUnknown: an attempt was made and nobody knows how it ended.
	StepUnknown StepState = "unknown"
	// StepDone: it took place.
	StepDone StepState = "done"
	// StepFailed: it did not and will not without a person.
	StepFailed StepState = "failed"
	// StepSkipped: its condition did not hold, or a person skipped it.
	StepSkipped StepState = "skipped"
	// StepCancelled: it was called off.
	StepCancelled StepState = "cancelled"
)

// Ended reports whether nothing more happens in the step by itself.
func (s StepState) Ended() bool {
	return s == StepDone || s == StepFailed || s == StepSkipped || s == StepCancelled
}

// incidentMachine is the table of DESIGN section 1.
func incidentMachine() (string, fsm.Events) {
	all := func(ss ...IncidentState) []string { return names(ss) }
	return string(Triggered), fsm.Events{
		{Name: "mitigate", Src: all(Triggered), Dst: string(Mitigating)},
		{Name: "monitor", Src: all(Triggered, Mitigating), Dst: string(Monitoring)},
		{Name: "resolve", Src: all(Triggered, Mitigating, Monitoring), Dst: string(Resolved)},
		{Name: "regressed", Src: all(Monitoring), Dst: string(Mitigating)},
		{Name: "reopen", Src: all(Resolved), Dst: string(Mitigating)},
		{Name: "subside", Src: all(Triggered, Mitigating), Dst: string(Resolved)},
		{Name: "dismiss", Src: all(Triggered, Mitigating, Monitoring), Dst: string(Closed)},
		{Name: "merge", Src: all(Triggered, Mitigating, Monitoring), Dst: string(Closed)},
		{Name: "close", Src: all(Resolved), Dst: string(Closed)},
	}
}

func stepMachine() (string, fsm.Events) {
	all := func(ss ...StepState) []string { return names(ss) }
	return string(StepBlocked), fsm.Events{
		{Name: "ask", Src: all(StepBlocked, StepReady, StepWaiting, StepFailed), Dst: string(StepAwaiting)},
		{Name: "ready", Src: all(StepBlocked, StepAwaiting, StepWaiting, StepUnknown, StepFailed, StepAccepted), Dst: string(StepReady)},
		{Name: "wait", Src: all(StepBlocked, StepReady, StepRunning, StepAccepted), Dst: string(StepWaiting)},
		{Name: "start", Src: all(StepReady), Dst: string(StepRunning)},
		{Name: "not_started", Src: all(StepRunning, StepUnknown), Dst: string(StepReady)},
		{Name: "accept", Src: all(StepRunning, StepUnknown, StepBlocked, StepAwaiting), Dst: string(StepAccepted)},
		{Name: "doubt", Src: all(StepRunning, StepAccepted), Dst: string(StepUnknown)},
		{Name: "done", Src: all(StepBlocked, StepAwaiting, StepReady, StepRunning, StepAccepted, StepWaiting, StepUnknown, StepFailed), Dst: string(StepDone)},
		{Name: "fail", Src: all(StepBlocked, StepAwaiting, StepReady, StepRunning, StepAccepted, StepWaiting, StepUnknown), Dst: string(StepFailed)},
		{Name: "skip", Src: all(StepBlocked, StepAwaiting, StepReady, StepWaiting, StepUnknown, StepFailed), Dst: string(StepSkipped)},
		{Name: "repeat", Src: all(StepDone, StepFailed), Dst: string(StepWaiting)},
		{Name: "cancel", Src: all(StepBlocked, StepAwaiting, StepReady, StepWaiting, StepRunning, StepUnknown, StepFailed, StepAccepted), Dst: string(StepCancelled)},
	}
}

func names[S ~string](ss []S) []string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = string(s)
	}
	return out
}

// Machine is a state table: one looplab/fsm per definition, set to the state at
// hand, asked, and read. Not safe for concurrent use.
type Machine struct {
	name string
	fsm  *fsm.FSM
}

// NewIncidentMachine builds and checks the incident table.
func NewIncidentMachine() (*Machine, error) {
	initial, events := incidentMachine()
	return newMachine("incident", initial, events)
}

// NewStepMachine builds and checks the step table.
func NewStepMachine() (*Machine, error) {
	initial, events := stepMachine()
	return newMachine("step", initial, events)
}

func newMachine(name, initial string, events fsm.Events) (*Machine, error) {
	if err := checkTable(initial, events); err != nil {
		return nil, fmt.Errorf("checking the %s table: %w", name, err)
	}
	return &Machine{name: name, fsm: fsm.NewFSM(initial, events, fsm.Callbacks{})}, nil
}

// checkTable finds what the library lets pass: the same event twice from one
// state, and states nothing leads to.
func checkTable(initial string, events fsm.Events) error {
	seen := map[[2]string]bool{}
	reached := map[string]bool{initial: true}
	for _, e := range events {
		for _, src := range e.Src {
			if seen[[2]string{e.Name, src}] {
				return fmt.Errorf("event %q from %q is given twice", e.Name, src)
			}
			seen[[2]string{e.Name, src}] = true
		}
	}
	for range events {
		for _, e := range events {
			if slices.ContainsFunc(e.Src, func(s string) bool { return reached[s] }) {
				reached[e.Dst] = true
			}
		}
	}
	for _, e := range events {
		for _, s := range append(slices.Clone(e.Src), e.Dst) {
			if !reached[s] {
				return fmt.Errorf("state %q cannot be reached", s)
			}
		}
	}
	return nil
}

// Next is the state that event leads to from state; ok is false when the table
// has no such line, and the state then stays.
func (m *Machine) Next(state, event string) (next string, ok bool) {
	m.fsm.SetState(state)
	err := m.fsm.Event(context.Background(), event)
	var none fsm.NoTransitionError
	if err != nil && !errors.As(err, &none) {
		return state, false
	}
	return m.fsm.Current(), true
}

// Diagram draws the table for Mermaid.
func (m *Machine) Diagram(initial string) (string, error) {
	m.fsm.SetState(initial)
	d, err := fsm.VisualizeWithType(m.fsm, fsm.MermaidStateDiagram)
	if err != nil {
		return "", fmt.Errorf("drawing the %s table: %w", m.name, err)
	}
	return d, nil
}
