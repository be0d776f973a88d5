package orchestrator

// Priorities of work in BucketReady, most urgent first.
const (
	prioVerify byte = iota
	prioEffect
	prioRead
)

// to moves a step through the step table, takes it off the ready list and its
// timer, and notes why. It reports whether the table allowed it.
func (p *pass) to(l *loaded, st *Step, event, why string) bool {
	next, ok := p.steps.Next(string(st.State), event)
	if !ok {
		return false
	}
	p.unready(l, st)
	p.clearStepTimer(l, st)
	if st.State == StepRunning && StepState(next) != StepRunning {
		p.s.view.Delete(BucketRunning, runningKey(l.inc.Partition, st.StepRef))
	}
	if st.State == StepUnknown && StepState(next) != StepUnknown {
		p.s.view.Delete(BucketUnknown, stepKey(st.StepRef))
	}
	st.State, st.Since = StepState(next), p.now
	st.Reason, st.Waiting, st.Parked = why, "", 0
	if st.State == StepUnknown {
		p.s.view.Put(BucketUnknown, stepKey(st.StepRef), []byte{1})
	}
	l.touch(st)
	p.changed(l)
	return true
}

// work puts a step on the ready list for an executor.
func (p *pass) work(l *loaded, st *Step, w Work, prio byte) {
	p.unready(l, st)
	st.Work, st.Prio, st.ReadySeq = w, prio, p.seq
	p.s.view.Put(BucketReady, readyKey(l.inc.Partition, prio, p.seq, st.StepRef), []byte(w))
	l.touch(st)
	p.changed(l)
}

func (p *pass) unready(l *loaded, st *Step) {
	if st.Work == "" {
		return
	}
	p.s.view.Delete(BucketReady, readyKey(l.inc.Partition, st.Prio, st.ReadySeq, st.StepRef))
	st.Work = ""
	l.touch(st)
}

// timer wakes a step at due; a step has one timer.
func (p *pass) timer(l *loaded, st *Step, due int64) {
	p.clearStepTimer(l, st)
	st.Timer = due
	p.s.view.Put(BucketTimer, timerKey(due, l.inc.Partition, l.inc.N, stepTimerName(st.StepRef)), []byte{1})
	l.touch(st)
}

func (p *pass) clearStepTimer(l *loaded, st *Step) {
	if st.Timer == 0 {
		return
	}
	p.s.view.Delete(BucketTimer, timerKey(st.Timer, l.inc.Partition, l.inc.N, stepTimerName(st.StepRef)))
	st.Timer = 0
	l.touch(st)
}

// ready offers a step to the executors for an attempt.
func (p *pass) ready(l *loaded, st *Step, node *Node, why string) {
	if st.State != StepReady && !p.to(l, st, "ready", why) {
		return
	}
	prio := prioRead
	if node.Spec.Effect {
		prio = prioEffect
	}
	st.Waiting = "a free worker"
	if p.v2() && st.Offered == 0 {
		st.Offered = p.now
	}
	if st.Held > 0 {
		st.Waiting = why + ", since " + p.moment(st.Held) + "; looks again now"
	}
	p.work(l, st, WorkDo, prio)
}

// later lets a step wait and then try again.
func (p *pass) later(l *loaded, st *Step, ms int64, why string) {
	if !p.to(l, st, "wait", why) {
		return
	}
	st.Waiting = why + "; tries again at " + clock(p.now+ms)
	p.timer(l, st, p.now+ms)
}

// finish ends a step well and lets the plan go on.
func (p *pass) finish(l *loaded, st *Step, node *Node, text string) {
	if !p.to(l, st, "done", text) {
		return
	}
	if st.ID == chatStep {
		return // the message itself is not news
	}
	if st.Chunk > 0 {
		p.chunkEnded(l, st)
		return
	}
	p.line(l, "backout", titled(node)+": done"+suffix(text))
	p.flipped(l, st, node)
	p.accessed(l, st, node)
	if node.Spec.Serving {
		p.servesAnother(l, p.now)
	}
	p.then(l, node)
	p.advance(l)
	p.handBack(l)
}

// handBack releases the lock of an incident that is over when its last half-done
// change has ended.
func (p *pass) handBack(l *loaded) {
	if over(l.inc) {
		p.release(l)
	}
}

// then moves the incident where the end of a node leads.
func (p *pass) then(l *loaded, node *Node) {
	switch node.Then {
	case "monitoring":
		p.move(l, "monitor", titled(node))
	case "resolved":
		p.move(l, "resolve", titled(node))
	}
}

// fail ends a step badly and does what its on_failure says.
func (p *pass) fail(l *loaded, st *Step, node *Node, why string) {
	if !p.to(l, st, "fail", why) {
		return
	}
	p.line(l, "backout", titled(node)+": failed"+suffix(why))
	p.perhapsReadOnly(l, st, node)
	if st.Chunk > 0 {
		p.chunkEnded(l, st)
		return
	}
	if st.Extra != nil && !st.byWord() {
		return
	}
	p.gateFailed(l, node)
	switch node.OnFailure.Do {
	case FailContinue:
	case FailAsk:
		p.askAboutFailure(l, st, node, why)
	case FailOpen:
		p.fallBack(l, st, node, why)
		return
	case FailPage, FailStop, "":
		p.stuck(l, st, node, why)
	}
	p.advance(l)
	p.handBack(l)
}

// stuck leaves a failed step to people: the plan does not go past it.
func (p *pass) stuck(l *loaded, st *Step, node *Node, why string) {
	st.Waiting = "a person: `retry`, `skip` or `confirm-done " + IncidentName(l.inc.N) + " " + node.ID + "`"
	p.page(l, titled(node)+" failed: "+why+". Say `retry`, `skip` or `confirm-done`.")
}

func (p *pass) askAboutFailure(l *loaded, st *Step, node *Node, why string) {
	ask := node.OnFailure.Ask
	if ask == nil || !p.to(l, st, "ask", why) {
		p.stuck(l, st, node, why)
		return
	}
	st.Asked = true
	p.openAsk(l, st, ask, titled(node)+" failed: "+why)
	if a := l.inc.Ack; p.v2() && node.Spec.Serving && (a == nil || a.Expires <= p.now) {
		p.page(l, titled(node)+" failed: "+clip(why, 160)+". "+askHelp(l.inc.N, st.ID, ask)) // users are failing, and whoever agreed may believe that it was done
	}
}

func titled(node *Node) string {
	if node.Title != "" {
		return node.Title
	}
	return node.ID
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
