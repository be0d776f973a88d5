package orchestrator

// overHold wakes people when something went live past a hold: whoever set it counts
// on that not happening. The plan that set the hold may promote through it.
func (p *pass) overHold(project, env, id string) {
	e := p.s.Env(project, env)
	if !e.Hold.holds(p.now) {
		return
	}
	l := p.s.incident(e.Hold.N)
	if l != nil && p.halfDone(l) {
		return
	}
	text := "deployment " + id + " went live on " + project + "/" + env + " over the hold of " + e.Hold.By + suffix(e.Hold.Reason) + ". Backout has not touched it; `hold lift " + project + "` if that is right"
	if l != nil && l.inc.State != Closed {
		p.page(l, text)
		return
	}
	p.finding(&Finding{Kind: FindHold, Key: project + "/" + env + "/" + id, Text: text})
}
