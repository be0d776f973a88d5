package orchestrator

import "strings"

// Pinned is what must not be forgotten after a rollback: what serves, that it is not
// over, what is open and who has it. Empty when nothing was rolled back, or when the
// incident is over.
func (s *State) Pinned(inc *Incident, steps []*Step) string {
	if !inc.State.Open() {
		return ""
	}
	var back, proven, cured *Step
	for _, st := range steps {
		node := s.Node(inc, st)
		if node == nil || st.State != StepDone || st.Chunk > 0 {
			continue
		}
		switch {
		case node.Spec.Serving && !node.Spec.Forward:
			back, proven, cured = st, nil, nil
		case node.Spec.Serving:
			back = nil // something newer was brought back
		case st.ID == "proven":
			proven = st
		case st.ID == "cured":
			cured = st
		}
	}
	if back == nil {
		return ""
	}
	parts := []string{s.goneBack(inc, back, proven, cured), "Not over yet: " + s.heldText(inc)}
	if open := s.openText(inc, steps); open != "" {
		parts = append(parts, "Open: "+open)
	}
	if inc.CheckSuspect != "" && (inc.Firing > 0 || inc.Distinct == 0) {
		parts = append(parts, inc.CheckSuspect)
	}
	owner := "nobody has it: `ack " + IncidentName(inc.N) + "`"
	if inc.Ack != nil && inc.Ack.Expires > s.meta.Now {
		owner = "owner " + inc.Ack.By
	}
	return strings.Join(append(parts, owner), ". ")
}

// openText names what a person has to do yet: what is owed to users, what is asked,
// and when users are to hear more.
func (s *State) openText(inc *Incident, steps []*Step) string {
	var open []string
	if owed := owedText(steps); owed != "" {
		open = append(open, owed)
	}
	for _, st := range steps {
		asked := st.State == StepAwaiting || st.State == StepUnknown || st.State == StepFailed && st.Waiting != ""
		if node := s.Node(inc, st); node != nil && asked && st.Chunk == 0 {
			open = append(open, titled(node)+" ("+st.ID+")")
		}
	}
	if inc.UpdateDue > 0 {
		open = append(open, "next user update due "+moment(inc.UpdateDue, s.meta.Now))
	}
	return strings.Join(open, ", ")
}

// goneBack says what serves and how that is known.
func (s *State) goneBack(inc *Incident, back, proven, cured *Step) string {
	var out struct {
		Target string `json:"deployment_id"`
	}
	_ = decode(back.Output, &out)
	out.Target = or(out.Target, targetOf(back)) // somebody else did it, or a person said so
	if e := s.Env(inc.Project, inc.Environment); out.Target != "" && e.Promoted != "" && e.Promoted != out.Target {
		return servesInstead(out.Target, back, e, s.meta.Now) + s.symptomText(inc)
	}
	text := "Rolled back to " + out.Target + ", not proven yet"
	if proven != nil {
		n := 0
		if e := s.Config().environment(inc.Project, inc.Environment); e != nil {
			n = len(e.Domains)
		}
		text = "Rolled back: all " + plural(n, "domain") + " serve " + out.Target
		if n == 1 {
			text = "Rolled back: its domain serves " + out.Target
		}
	}
	if cured == nil {
		return text + s.symptomText(inc)
	}
	return text + " and the symptom has been gone since " + clock(cured.Since)
}

// servesInstead says that what a rollback led to does not serve: something else took over
// since, or it was only said to be done.
func servesInstead(target string, back *Step, e *EnvState, now int64) string {
	if e.PromotedAt > back.Since {
		return "Rolled back to " + target + " at " + moment(back.Since, now) + ", but " + e.Promoted + " serves since " + moment(e.PromotedAt, now) + ", and not by this plan"
	}
	return "The rollback to " + target + " counts as done (" + back.Reason + "), but " + e.Promoted + " still serves as far as I see"
}

// symptomText says how users are where no gate has said that the symptom is gone.
func (s *State) symptomText(inc *Incident) string {
	if inc.Firing == 0 && inc.Distinct > 0 {
		return "; nothing that was signalled fires any more"
	}
	return "; the symptom is not known to be gone"
}

func (s *State) heldText(inc *Incident) string {
	e := s.Env(inc.Project, inc.Environment)
	h := e.Hold
	if h == nil && stays(e) {
		return "pushes to main build and stay staged until one is promoted, the cause is still to be found"
	}
	if h == nil {
		return "pushes to main may go live again, the cause is still to be found"
	}
	return "pushes to main will build but NOT go live until this hold is lifted (" + h.By + ", since " + clock(h.Since) + h.end(s.meta.Now) + ")"
}

// sayPinned puts it into the timeline once the door is held.
func (p *pass) sayPinned(l *loaded) {
	if !p.v2() {
		return
	}
	now := p.s.meta.Now
	p.s.meta.Now = p.now
	text := p.s.Pinned(l.inc, l.steps)
	p.s.meta.Now = now
	if text != "" {
		p.sayLong(l, text)
	}
}

// stays reports whether the provider, as it was last read, lets nothing that is built go
// live by itself, which is so after a rollback.
func stays(e *EnvState) bool {
	return e.Serving != nil && e.Serving.Error == "" && e.Serving.Serving.Deployment != "" && !e.Serving.Serving.AutoAssign
}
