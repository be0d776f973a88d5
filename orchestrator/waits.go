package orchestrator

// Awaited is something an incident waits on, since when.
type Awaited struct {
	// Step is empty when the incident itself waits.
	Step  string `json:"step,omitempty"`
	For   string `json:"for"`
	Since int64  `json:"since"`
}

// WaitsOn says what an incident waits on. An incident that is not closed waits on
// something, always: if nothing else, on a person.
func (s *State) WaitsOn(inc *Incident, steps []*Step) []Awaited {
	out := []Awaited{}
	moving := false
	for _, st := range steps {
		ended := st.State.Ended() && st.State != StepFailed
		if st.Chunk == 0 && st.Waiting != "" && !ended {
			since := st.Since
			if st.Held > 0 {
				since = st.Held // it looks again every now and then, but waits since then
			}
			out = append(out, Awaited{Step: st.ID, For: st.Waiting, Since: since})
		}
		moving = moving || (st.Extra == nil && st.Chunk == 0 && (!st.State.Ended() || (st.State == StepFailed && st.Waiting != "")))
	}
	if inc.UpdateDue > 0 && inc.State.Open() {
		out = append(out, Awaited{Step: "users", For: "an update on the public page by " + moment(inc.UpdateDue, s.meta.Now) + ": `update " + IncidentName(inc.N) + "`", Since: inc.ToldAt})
	}
	if text := s.ReadOnlyText(inc.Project, inc.Environment); text != "" && inc.State != Closed {
		out = append(out, Awaited{Step: "writes", For: "a person: " + text, Since: s.Settings(inc.Project, inc.Environment).ReadOnly.Since})
	}
	if (moving && len(out) > 0) || inc.State == Closed {
		return out
	}
	return append(out, Awaited{For: s.rests(inc), Since: max(inc.Since, inc.StoppedAt)})
}

// rests says what an incident waits on of which no step is under way.
func (s *State) rests(inc *Incident) string {
	word := "`resolve " + IncidentName(inc.N) + "`"
	switch {
	case inc.State == Resolved && inc.Timer > 0:
		return "its end: it closes at " + moment(inc.Timer, s.meta.Now) + " unless it comes back"
	case inc.State == Resolved:
		return "a person: `close " + IncidentName(inc.N) + "`"
	case inc.Confirm > 0:
		return "a second source, or until " + moment(inc.Confirm, s.meta.Now) + ": then people are woken if it still fires"
	case inc.Stopped != "":
		if _, ok := s.Config().Project(inc.Project); ok {
			word = "`rollback " + inc.Project + "` to begin anew, or " + word + " once users are well"
		}
		return "a person: " + word + "; the plan was stopped by " + inc.Stopped
	case inc.Firing > 0:
		return "its signals to end (" + plural(inc.Firing, "signal") + " firing), or a person: " + word
	case inc.Timer > 0:
		return "quiet until " + moment(inc.Timer, s.meta.Now) + ", then it ends by itself"
	}
	return "a person: " + word
}
