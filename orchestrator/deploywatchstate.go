package orchestrator

import (
	"encoding/json"
	"slices"
)

func (s *State) saveWatch(w *DeployWatch) {
	s.watching = nil
	s.save(BucketDeployWatch, incidentKey(w.N), w)
}

// DeployWatch is a watch by its number, or nil.
func (s *State) DeployWatch(n uint64) *DeployWatch {
	var w DeployWatch
	if !s.load(BucketDeployWatch, incidentKey(n), &w) {
		return nil
	}
	return &w
}

// DeployWatches lists the watches of an environment, or of all with an empty project,
// oldest first.
func (s *State) DeployWatches(project, env string) []DeployWatch {
	var out []DeployWatch
	s.view.Scan(BucketDeployWatch, nil, nil, func(_, v []byte) bool {
		var w DeployWatch
		if decode(v, &w) && (project == "" || w.Project == project && w.Environment == env) {
			out = append(out, w)
		}
		return true
	})
	return out
}

// ActiveWatches lists those that are measured, oldest first; the caller must not change
// them. It is kept until one changes, so it may be asked often.
func (s *State) ActiveWatches() []DeployWatch {
	if s.watching == nil {
		s.watching = slices.DeleteFunc(append([]DeployWatch{}, s.DeployWatches("", "")...), func(w DeployWatch) bool { return !w.Active() })
	}
	return s.watching
}

// WatchJob is what an executor needs to measure a watch; Action is empty when it is
// known already.
type WatchJob struct {
	Action  string
	Call    Call
	Timeout int64
}

// WatchJob says how a watch is measured at a time in Unix milliseconds. The error is for
// a person.
func (s *State) WatchJob(w *DeployWatch, now int64) (WatchJob, string) {
	j := WatchJob{Action: w.Spec.Uses, Timeout: measureTimeout}
	if j.Action == "" {
		return j, ""
	}
	with, missing := w.filled()
	if missing != "" {
		return j, "the " + missing[1:] + " of deployment " + w.Deployment + " is not known, or cannot stand in a query"
	}
	with["since"] = s.servesSince(w)
	with["now"] = now
	if w.Spec.Burn != nil {
		with["windows"] = w.Spec.Burn.windows()
	}
	inputs, err := json.Marshal(with)
	if err != nil {
		return j, "its inputs cannot be written down"
	}
	j.Call = Call{Step: "watch " + w.Spec.ID, Project: w.Project, Environment: w.Environment, Inputs: inputs}
	return j, ""
}

// servesSince is when the deployment took over, as its ledger says, or the watch began.
func (s *State) servesSince(w *DeployWatch) int64 {
	if e := s.Env(w.Project, w.Environment); e.Promoted == w.Deployment && e.PromotedAt > 0 {
		return min(e.PromotedAt, w.Started)
	}
	return w.Started
}

// windows lists every window of a burn once, in milliseconds.
func (b *Burn) windows() []int64 {
	var out []int64
	for _, w := range b.Windows {
		out = append(out, w.Long, w.Short)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
