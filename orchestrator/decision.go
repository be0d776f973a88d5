package orchestrator

// decision writes what was decided about acting alone, taken or not, with all that it
// was decided upon: one line, in the words people read first.
func (p *pass) decision(l *loaded, st *Step, node *Node, ap *Approval) {
	name := IncidentName(l.inc.N)
	if ap.Auto {
		p.sayLong(l, name+": "+clip(l.inc.Title, 120)+suspected(l.inc)+". "+p.intends(st, node)+" in "+span(ap.Within)+
			". Say `stop "+name+"` to prevent it, `now` not to wait. Decided by "+ap.Rule+"; "+p.inputsOf(l, node))
		return
	}
	if ap.Not != "" {
		what := "doing this by myself"
		if node.Spec.Serving && !node.Spec.Forward {
			what = "rolling back by myself"
		}
		p.sayLong(l, "I am not "+what+": "+ap.Not+". Nothing has been changed by this step ("+titled(node)+"). Decided by "+p.inputsOf(l, node))
	}
}

func suspected(inc *Incident) string {
	if inc.Suspect == nil {
		return ""
	}
	return ". Suspect: deployment " + inc.Suspect.DeploymentID + ", live since " + clock(inc.Suspect.PromotedAt)
}

// intends says in the first person what is about to be done.
func (p *pass) intends(st *Step, node *Node) string {
	var in struct {
		Target string `json:"target"`
	}
	if node.Spec.Serving && !node.Spec.Forward && decode(st.Inputs, &in) && in.Target != "" {
		return "I roll back to " + in.Target
	}
	return "I go on with this (" + clip(st.Preview.Text, 300) + ")"
}

// whyNotBack tells an incident that has no deployment to blame why nothing is rolled
// back, when something was promoted that could be.
func (p *pass) whyNotBack(l *loaded) {
	inc := l.inc
	e := p.s.Env(inc.Project, inc.Environment)
	if e.Promoted == "" || inc.Cleared == e.Promoted || inc.Project == SelfProject {
		return
	}
	lim := p.s.Config().Policies.Limits.WithDefaults()
	exposure := inc.StartedAt - e.PromotedAt
	why := ""
	switch {
	case inc.CheckSuspect != "":
		why = inc.CheckSuspect
	case e.RolledBack:
		why = "what serves is itself the result of a rollback, and none of those is rolled back"
	case exposure < 0:
		why = "it began " + span(-exposure) + " before " + e.Promoted + " took over"
	case exposure > lim.AskWindow:
		why = "it began " + span(exposure) + " after the promotion of " + e.Promoted + ", more than " + span(lim.AskWindow)
	case exposure > lim.AutoWindow:
		why = "it began " + span(exposure) + " after the promotion of " + e.Promoted + ", more than " + span(lim.AutoWindow) + ", and no signal that names its release tells of an error that is new in it"
	case !inc.Timed:
		why = "the signal carries no time of its own"
	case p.now-inc.SignalAt > lim.SignalAge:
		why = "the newest signal is " + span(p.now-inc.SignalAt) + " old, more than " + span(lim.SignalAge)
	default:
		return
	}
	p.sayLong(l, "I am not rolling back: "+why+". Nothing has been changed. Decided by "+p.clocks(inc).Sentence(lim)+"; mode "+string(p.mode(inc, rollbackAction))+"; "+p.upstreamsSay(inc)+
		". A person with the role may: `rollback "+inc.Project+"`")
}
