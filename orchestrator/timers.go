package orchestrator

// foldTimer acts on a due timer. One that was cleared meanwhile is ignored, so
// a timer announced twice fires once.
func (p *pass) foldTimer(t *TimerFired) {
	if t.N == 0 && p.v2() {
		p.standingTimer(t)
		return
	}
	l := p.s.incident(t.N)
	if l == nil && p.fenced && p.v2() {
		p.s.view.Delete(BucketTimer, timerKey(t.Due, p.part, t.N, t.Name)) // or it would fire again and again
		p.nowhere("a timer", StepRef{N: t.N})
		return
	}
	if l == nil || !p.fenced || p.part != l.inc.Partition || t.Due > p.now {
		return
	}
	key := timerKey(t.Due, l.inc.Partition, t.N, t.Name)
	if p.s.view.Get(BucketTimer, key) == nil {
		return
	}
	p.s.view.Delete(BucketTimer, key)
	switch t.Name {
	case incidentTimer:
		p.incidentTimerFired(l)
		return
	case ackTimer:
		p.ackOver(l)
		return
	case confirmTimer:
		p.confirmOver(l)
		return
	case flapTimer:
		p.flapsOver(l)
		return
	case updateTimer:
		p.updateOver(l)
		return
	case checkTimer:
		p.checkedAgain(l)
		return
	case judgeTimer:
		p.wouldStill(l)
		return
	case snoozeTimer:
		p.snoozeChecked(l)
		return
	}
	ref, ok := parseStepTimer(t.N, t.Name)
	if !ok {
		return
	}
	st := l.step(ref)
	if st == nil {
		return
	}
	st.Timer = 0
	l.touch(st)
	p.stepTimerFired(l, st)
}

func (p *pass) stepTimerFired(l *loaded, st *Step) {
	node := p.node(l, st)
	if node == nil {
		return
	}
	switch st.State {
	case StepAwaiting:
		p.askTimer(l, st, node)
	case StepWaiting:
		if node.Kind == NodeGate {
			p.gateTimer(l, st, node)
			return
		}
		if st.ID == chatStep {
			st.Inputs = encoded(p.card(l, st))
		}
		why := ""
		if p.v2() {
			why = st.Reason // so that the same refusal is not told again
		}
		p.ready(l, st, node, why)
	case StepAccepted, StepUnknown:
		p.work(l, st, WorkVerify, prioVerify)
	case StepBlocked, StepReady, StepRunning, StepDone, StepFailed, StepSkipped, StepCancelled:
	}
}
