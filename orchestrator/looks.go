package orchestrator

// maxLooks is how often a verification that cannot tell is repeated before a
// person is asked; looksPause is the pause between two, in milliseconds.
const (
	maxLooks   = 5
	looksPause = 10_000
)

// foldVerified takes in what a look at the outside found.
func (p *pass) foldVerified(v *Verified) {
	l, st := p.about("a look", v.StepRef)
	if st == nil || st.Attempt == nil || st.Attempt.ID != v.Attempt || st.Work != WorkVerify {
		return
	}
	node := p.node(l, st)
	if node == nil || (st.State != StepAccepted && st.State != StepUnknown) {
		return
	}
	p.unready(l, st)
	switch v.Kind {
	case OutcomeDone:
		p.observeTarget(l, node, v.Data)
		st.Output = v.Data
		p.finish(l, st, node, v.Text)
	case OutcomeFailed:
		p.fail(l, st, node, v.Text)
	case OutcomeNotDone:
		if early := st.Since + node.Spec.Settle; st.State == StepAccepted && p.now < early && p.v2() {
			p.timer(l, st, early) // what was accepted a moment ago may still begin
			return
		}
		p.line(l, "backout", titled(node)+": it did not happen"+suffix(v.Text))
		p.ready(l, st, node, "it did not happen: "+v.Text)
		if p.idled(l, st) {
			p.park(l, st, node, plural(st.Idle, "attempt")+" led to nothing; last: it did not happen"+suffix(v.Text))
		}
	case OutcomeRunning:
		p.stillRunning(l, st, node, v)
	case OutcomeCannotTell:
		p.cannotTell(l, st, node, v)
	}
}

func (p *pass) stillRunning(l *loaded, st *Step, node *Node, v *Verified) {
	if st.Until == 0 {
		st.Until = p.now + retryFor
	}
	if p.now >= st.Until && st.State == StepUnknown && p.v2() {
		st.Until = 0
		p.askUnknown(l, st, node, "it was still running at "+clock(p.now)+": "+v.Text)
		return
	}
	if p.now >= st.Until {
		p.doubt(l, st, node, "it was still running at "+clock(p.now)+": "+v.Text, looksPause)
		st.Until = 0
		return
	}
	p.timer(l, st, p.now+max(100, v.CheckAfter))
}

func (p *pass) cannotTell(l *loaded, st *Step, node *Node, v *Verified) {
	st.Looks++
	if st.Looks < maxLooks && !v.Never {
		st.Waiting = "another look: " + clip(v.Text, 200)
		p.timer(l, st, p.now+looksPause)
		return
	}
	if st.State == StepAccepted {
		p.to(l, st, "doubt", v.Text)
	}
	p.askUnknown(l, st, node, v.Text)
}
