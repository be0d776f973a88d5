package orchestrator

// sameAsShown compares a new preview with the one people were shown. It reports
// whether an open question goes on as it is; when the preview differs, it says what
// changed, and what was agreed to the other counts no more.
func (p *pass) sameAsShown(l *loaded, st *Step, node *Node, pv *Previewed) bool {
	old := st.Preview
	if old == nil || node.Kind != NodeAction {
		return false
	}
	if old.Hash != pv.Hash {
		p.sayLong(l, titled(node)+": what would be done has changed since it was shown at "+clock(old.At)+", so an approval of that counts no more. Before: "+clip(old.Text, 400)+" Now: "+clip(pv.Text, 400))
		st.Agreed = false
		return false
	}
	if ap := st.Approval; ap == nil || ap.GivenAt > 0 || ap.Auto {
		return false
	}
	old.At, old.Data = p.now, pv.Data
	l.touch(st)
	p.changed(l)
	return true
}

// lookAgain has what would be done looked at again while people are asked.
func (p *pass) lookAgain(l *loaded, st *Step, node *Node) {
	if p.v2() && !builtIn(node.Action) && st.State == StepAwaiting {
		p.work(l, st, WorkPreview, prioRead)
	}
}

// staleShown says why an approval cannot be taken now: what was shown is too old, or is
// being looked at.
func (p *pass) staleShown(l *loaded, st *Step, node *Node, verb string) string {
	valid := p.s.Config().Policies.Limits.WithDefaults().ApprovalValid
	if !p.v2() || verb == "reject" || node == nil || builtIn(node.Action) || p.now-st.Preview.At <= valid {
		return ""
	}
	p.lookAgain(l, st, node)
	return "what was shown is from " + p.moment(st.Preview.At) + ", more than " + span(valid) + " ago; it is looked at again now. Look, and approve that"
}
