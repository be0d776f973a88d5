package orchestrator

// maxLooks is how often a verification that cannot tell is repeated before a
// person is asked; lookAgain is the pause between two.
const (
	maxLooks  = 5
	lookAgain = 10_000
)

// foldVerified takes in what a look at the outside found.
func (p *pass) foldVerified(v *Verified) {
	l := p.s.incident(v.N)
	if l == nil {
		return
	}
	st := l.step(v.StepRef)
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
		p.line(l, "backout", titled(node)+": it did not happen"+suffix(v.Text))
		p.ready(l, st, node, "it did not happen: "+v.Text)
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
	if p.now >= st.Until {
		p.doubt(l, st, node, "it was still running at "+clock(p.now)+": "+v.Text, lookAgain)
		st.Until = 0
		return
	}
	p.timer(l, st, p.now+max(100, v.CheckAfter))
}

func (p *pass) cannotTell(l *loaded, st *Step, node *Node, v *Verified) {
	st.Looks++
	if st.Looks < maxLooks && !v.Never {
		st.Waiting = "another look: " + clip(v.Text, 200)
		p.timer(l, st, p.now+lookAgain)
		return
	}
	if st.State == StepAccepted {
		p.to(l, st, "doubt", v.Text)
	}
	p.askUnknown(l, st, node, v.Text)
}
