package orchestrator

import "strconv"

// StartWindow is how long after an intent its call may still start. An owner
// that was paused longer appends that it never started. Milliseconds.
const StartWindow = 5_000

// foldIntent decides whether an attempt may be made. All limits live here and
// in limits.go and nowhere else; what is refused is never called.
func (p *pass) foldIntent(it *Intent) {
	l := p.s.incident(it.N)
	if l == nil {
		p.refuse(it, "there is no such incident")
		p.nowhere("an intent", it.StepRef)
		return
	}
	st := l.step(it.StepRef)
	if st == nil {
		p.refuse(it, "there is no such step")
		p.nowhere("an intent", it.StepRef)
		return
	}
	if st.Attempt != nil && st.Attempt.ID == it.Attempt {
		return // the same intent, appended twice: it was decided the first time
	}
	node := p.node(l, st)
	switch {
	case !p.fenced || p.part != l.inc.Partition:
		p.refuse(it, "another instance or a later start owns this partition")
	case node == nil || st.State != StepReady || st.Work != WorkDo:
		p.refuse(it, "the step is "+string(st.State))
	case it.Try != st.Tries+1:
		p.refuse(it, "the step has had other attempts")
	case p.calledOff(l, st):
		p.refuse(it, "the plan was stopped")
		p.to(l, st, "cancel", "the plan was stopped")
		p.handBack(l)
	default:
		if r := p.limits(l, st, node); r != nil {
			p.refuse(it, r.reason)
			p.refused(l, st, node, r)
			return
		}
		p.accept(l, st, node, it)
	}
}

// calledOff reports whether a step is not begun any more because its plan was stopped
// or its incident closed. The chat's message goes on in both, so that it shows the end
// and no buttons that lead nowhere; pages and what a person asked for outlive a stop.
func (p *pass) calledOff(l *loaded, st *Step) bool {
	chat := p.v2() && st.Extra != nil && st.Extra.Action == ChatAction
	if l.inc.State == Closed {
		return !chat
	}
	return l.inc.Stopped != "" && !st.byWord() && (st.Extra == nil || !p.v2())
}

func (p *pass) refuse(it *Intent, reason string) {
	p.out.Decisions = append(p.out.Decisions, Decision{Intent: *it, Reason: reason})
}

// refused does with the step what the refusal says.
func (p *pass) refused(l *loaded, st *Step, node *Node, r *refusal) {
	if st.Reason != r.reason {
		p.line(l, "backout", titled(node)+": not started, "+r.reason)
	}
	switch r.then {
	case "wait":
		p.waits(l, st, r)
	case "park":
		p.park(l, st, node, r.reason)
	case "ask":
		if st.Preview == nil || p.v2() && !builtIn(node.Action) {
			if p.to(l, st, "ask", r.reason) {
				st.Approval = nil // what was agreed counts no more
				st.Waiting = "another look at what it would do"
				p.work(l, st, WorkPreview, prioRead)
			}
			return
		}
		p.askApproval(l, st, node)
	case "adopt":
		p.finish(l, st, node, r.reason)
	case "fail":
		p.fail(l, st, node, r.reason)
	}
}

// accept permits one attempt.
func (p *pass) accept(l *loaded, st *Step, node *Node, it *Intent) {
	inc := l.inc
	if !p.to(l, st, "start", "") {
		p.refuse(it, "the step is "+string(st.State))
		return
	}
	st.Tries++
	if st.FirstTry == 0 {
		st.FirstTry = p.now
	}
	if p.v2() {
		st.Until = 0
		if st.Trying == 0 {
			st.Trying = p.now
		}
	}
	auto := st.Approval != nil && st.Approval.Auto
	st.Attempt = &Attempt{ID: it.Attempt, Epoch: p.s.Owner(inc.Partition).Epoch, At: p.now, Auto: auto}
	st.Waiting = "the answer of " + node.Action
	p.s.view.Put(BucketRunning, runningKey(inc.Partition, st.StepRef), []byte(it.Attempt))
	if node.Spec.Effect {
		p.effectStarts(l, st, node)
	}
	p.out.Decisions = append(p.out.Decisions, Decision{
		Intent: *it, Accepted: true, Action: node.Action, Timeout: node.Spec.CallTimeout, Call: p.call(l, st),
	})
}

func (p *pass) effectStarts(l *loaded, st *Step, node *Node) {
	inc := l.inc
	if st.Chunk == 0 {
		inc.Effects++
		p.line(l, "backout", titled(node)+": started"+attemptText(st.Tries))
	}
	if inc.State == Triggered {
		p.move(l, "mitigate", titled(node))
	}
	env := p.s.Env(inc.Project, inc.Environment)
	if node.Spec.Serving {
		env.Lock = inc.N
	}
	if st.Attempt.Auto && !st.Approval.Counted {
		st.Approval.Counted = p.v2() // its retries are the same action
		lim := p.s.Config().Policies.Limits.WithDefaults()
		env.Autos = append(recent(env.Autos, p.now), p.now)
		if len(env.Autos) > lim.AutoPerHour {
			env.Tripped = p.now
		}
	}
	if node.Spec.Serving || st.Attempt.Auto {
		p.s.saveEnv(inc.Project, inc.Environment, env)
	}
}

func attemptText(n int) string {
	if n == 1 {
		return ""
	}
	return ", attempt " + strconv.Itoa(n)
}
