package sim

import (
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// judge reads the log as it is written, decides nothing, and compares what the
// instances do with what the log permits. What it knows of pauses, holds and
// limits it takes from the words in the log, not from the fold.
type judge struct {
	w     *world
	state *orchestrator.State
	view  *orchestrator.MemoryView
	// permitted are the attempts that the log permits.
	permitted map[string]bool
	paused    bool
	held      map[string]bool
	// autos are when policy acted alone, changes how often what serves changed, by
	// environment.
	autos map[string][]int64
	// counted are the automatic actions in autos; a retry is the action it retries.
	counted map[string]bool
	changes map[string]int
	// dismissed are incidents that people said were none.
	dismissed map[uint64]bool
}

func newJudge(w *world) (*judge, error) {
	j := &judge{
		w: w, view: &orchestrator.MemoryView{}, permitted: map[string]bool{}, held: map[string]bool{},
		autos: map[string][]int64{}, counted: map[string]bool{}, changes: map[string]int{}, dismissed: map[uint64]bool{},
	}
	var err error
	j.state, err = orchestrator.NewState(j.view)
	return j, err
}

// read folds one entry and judges what it permits.
func (j *judge) read(e orchestrator.Entry) {
	out, err := j.w.fold.Apply(j.state, e)
	if err != nil {
		j.w.broken = err
		return
	}
	env, err := orchestrator.DecodeEnvelope(e.Data)
	if err != nil {
		j.w.broken = err
		return
	}
	for i := range env.Records {
		if c := env.Records[i].Command; c != nil {
			j.heard(c)
		}
	}
	for i := range out.Decisions {
		if d := &out.Decisions[i]; d.Accepted {
			j.permits(d)
		}
	}
}

// heard takes in what a person said.
func (j *judge) heard(c *orchestrator.Command) {
	switch c.Verb {
	case "pause":
		j.paused = true
	case "unpause":
		// It arms the breaker again, too.
		j.paused, j.autos = false, map[string][]int64{}
	case "hold":
		j.held[c.Args["environment"]] = c.Args["action"] == "set"
	case "dismiss":
		j.dismissed[c.Incident] = true
	}
}

// approved names a step and the decision by which it may run.
func approved(st *orchestrator.Step) string {
	if st.Approval == nil {
		return fmt.Sprint(st.StepRef)
	}
	return fmt.Sprint(st.StepRef, " ", st.Approval.GivenAt)
}

// permits judges an accepted intent.
func (j *judge) permits(d *orchestrator.Decision) {
	j.permitted[d.Call.Attempt] = true
	place := d.Call.Environment
	inc, steps := j.state.Incident(d.Intent.N)
	what := fmt.Sprintf("step %s of %s was permitted", d.Call.Step, d.Call.Incident)
	for _, st := range steps {
		if st.StepRef != d.Intent.StepRef {
			continue
		}
		if action := approved(st); st.Attempt.Auto && !j.counted[action] {
			j.counted[action] = true // its retries are the same action
			j.autos[place] = append(j.autos[place], j.w.now)
		}
		node := j.state.Node(inc, st)
		switch {
		case !node.Spec.Effect: // people are paged whatever is paused
		case j.paused:
			j.w.broken = fmt.Errorf("%s while everything was paused", what)
		case j.held[place] && node.Spec.Forward:
			j.w.broken = fmt.Errorf("%s while the environment was held", what)
		case len(j.autos[place]) > autoPerHour:
			j.w.broken = fmt.Errorf("%s, the %d. automatic action of the hour", what, len(j.autos[place]))
		case j.dismissed[d.Intent.N]:
			j.w.broken = fmt.Errorf("%s after the incident was dismissed", what)
		}
	}
}

// called judges a call: the log must have permitted it.
func (j *judge) called(c orchestrator.Call) {
	if !j.permitted[c.Attempt] {
		j.w.broken = fmt.Errorf("step %s of %s was called by attempt %s, which the log does not permit", c.Step, c.Incident, c.Attempt)
	}
}

// changed judges a change of what serves: one is enough, whichever incident it was.
func (j *judge) changed(c orchestrator.Call) {
	if j.changes[c.Environment]++; j.changes[c.Environment] > 1 {
		j.w.broken = fmt.Errorf("what serves %s was changed %d times, at last by %s", c.Environment, j.changes[c.Environment], c.Incident)
	}
}
