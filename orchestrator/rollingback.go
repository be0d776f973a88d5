package orchestrator

// rollingBack says how far the rollback is that leads already, when one more would only
// be in its way; "" when it came to nothing, or when something else serves since.
func (p *pass) rollingBack(l *loaded) string {
	name := IncidentName(l.inc.N)
	if !p.v2() {
		return name + " is rolling back already"
	}
	if p.halfDone(l) {
		return name + " is changing what serves right now; `incident show " + name + "` says how far it is"
	}
	plan := p.s.PlanByHash(l.inc.Run().Plan)
	if plan == nil {
		return ""
	}
	for i := range plan.Nodes {
		node := &plan.Nodes[i]
		if !node.Spec.Serving || node.Spec.Forward {
			continue
		}
		st := l.now(i)
		switch {
		case st == nil && p.underWay(l):
			return name + " is rolling back already; it looks first"
		case st == nil:
		case !st.State.Ended():
			return name + " is rolling back already; " + st.ID + " waits for " + st.Waiting
		case st.State == StepDone && targetOf(st) == p.s.Env(l.inc.Project, l.inc.Environment).Promoted:
			return name + " has rolled back already: " + targetOf(st) + " serves"
		}
	}
	return ""
}
