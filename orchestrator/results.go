package orchestrator

import "strconv"

// foldResult takes in how an attempt ended. Results are facts: they count
// whoever reports them and however late, matched by attempt.
func (p *pass) foldResult(r *Result) {
	l, st := p.about("a result", r.StepRef)
	if st == nil {
		return
	}
	node := p.node(l, st)
	if node == nil || st.Attempt == nil || st.Attempt.ID != r.Attempt {
		return
	}
	if st.State != StepRunning && st.State != StepUnknown {
		return
	}
	switch r.Kind {
	case ResultDone:
		p.observeTarget(l, node, r.Data)
		p.observeSchema(l, node, r.Data)
		st.Output = r.Data
		p.finish(l, st, node, r.Text)
	case ResultFailed:
		p.fail(l, st, node, r.Text)
	case ResultRetry:
		p.retry(l, st, node, r)
	case ResultNotStarted:
		p.notStarted(l, st, node, r.Text)
	case ResultInDoubt:
		p.doubt(l, st, node, r.Text, node.Spec.Settle)
	case ResultAccepted:
		p.acceptedOutside(l, st, r)
	case ResultSuperseded:
		p.fail(l, st, node, "not done, because "+r.Text)
	}
}

// observeSchema takes in what a step read of the database, as if it had been polled. A
// result may come late; what was read after it stands.
func (p *pass) observeSchema(l *loaded, node *Node, data []byte) {
	var r SchemaRead
	if node.Action != SchemaAction || !decode(data, &r) || r.Project != l.inc.Project || r.Environment != l.inc.Environment {
		return
	}
	if known := p.s.Settings(r.Project, r.Environment).Schema; known == nil || known.At <= r.At {
		p.foldSchema(&r)
	}
}

// observeTarget keeps the ledger in step with what a rollback or promotion
// reported; the next observation confirms or corrects it.
func (p *pass) observeTarget(l *loaded, node *Node, data []byte) {
	if !node.Spec.Serving {
		return
	}
	var out struct {
		Deployment string `json:"deployment_id"`
	}
	if !decode(data, &out) || out.Deployment == "" {
		return
	}
	inc := l.inc
	env := p.s.Env(inc.Project, inc.Environment)
	if !node.Spec.Forward && inc.Suspect != nil {
		if d, key := p.ledgerFind(inc.Project, inc.Environment, inc.Suspect.DeploymentID); d != nil {
			d.Bad = rolledBackBy(inc)
			p.s.save(BucketDeploy, key, d)
		}
	}
	if node.Spec.Forward && p.v2() && inc.Suspect != nil && inc.Suspect.DeploymentID == out.Deployment {
		p.forgive(inc) // people brought it back: it was not the cause
	}
	p.promoted(inc.Project, inc.Environment, promotion{id: out.Deployment, at: max(p.now, env.PromotedAt), rollback: !node.Spec.Forward})
}

func (p *pass) notStarted(l *loaded, st *Step, node *Node, why string) {
	if !p.to(l, st, "not_started", why) {
		return
	}
	if p.idled(l, st) {
		p.park(l, st, node, plural(st.Idle, "attempt")+" led to nothing; last: "+why)
		return
	}
	p.ready(l, st, node, why)
}

// about finds the step that a record is about; one about nothing is quarantined.
func (p *pass) about(what string, ref StepRef) (*loaded, *Step) {
	l := p.s.incident(ref.N)
	if l == nil {
		p.nowhere(what, ref)
		return nil, nil
	}
	st := l.step(ref)
	if st == nil {
		p.nowhere(what, ref)
	}
	return l, st
}

// retry tries again later: nothing was done outside.
func (p *pass) retry(l *loaded, st *Step, node *Node, r *Result) {
	limit := node.Retry.Max
	if limit == 0 {
		limit = 5
	}
	st.Failures++
	if st.Failures >= limit || (st.State == StepUnknown && !p.to(l, st, "not_started", "")) {
		p.fail(l, st, node, r.Text)
		return
	}
	delay := r.RetryAfter
	if delay == 0 {
		delay = int64(1000) << min(st.Failures-1, 5)
	}
	p.later(l, st, p.left(l, st, node, delay), r.Text)
}

// doubt puts a step into unknown, or tries again what is safe to repeat.
func (p *pass) doubt(l *loaded, st *Step, node *Node, why string, settle int64) {
	if node.Spec.Safety == Repeatable {
		p.retry(l, st, node, &Result{Text: why})
		return
	}
	if st.State != StepUnknown && !p.to(l, st, "doubt", why) {
		return
	}
	if st.Chunk > 0 && p.v2() { // so that a person can find its mails
		why += "; its attempt is " + st.Attempt.ID
	}
	p.line(l, "backout", "I started "+p.named(l, st, node)+" at "+clock(st.Attempt.At)+" and do not know how it ended: "+why+". "+onceOnly(st))
	if node.Spec.Safety == Verifiable {
		st.Waiting = "a look at what really happened"
		if parent := l.parent(st); st.Chunk > 0 && parent != nil && p.v2() {
			p.progress(l, parent)
			l.touch(parent)
		}
		p.timer(l, st, p.now+max(1, settle))
		return
	}
	p.askUnknown(l, st, node, why)
}

// askUnknown puts an outcome nobody can know to a person.
func (p *pass) askUnknown(l *loaded, st *Step, node *Node, why string) {
	manual := p.leaveToPerson(l, st, node)
	p.page(l, "Unknown outcome of "+p.named(l, st, node)+": "+why+". Choose `retry`, `skip` or `confirm-done`"+manual)
}

func (p *pass) acceptedOutside(l *loaded, st *Step, r *Result) {
	if r.Accepted == nil || !p.to(l, st, "accept", r.Text) {
		return
	}
	until, after := r.Accepted.Until, r.Accepted.CheckAfter
	if p.v2() {
		until = max(0, min(until, maxAccepted))
		after = min(after, until)
	}
	st.Token, st.Until = r.Accepted.Token, p.now+until
	st.Waiting = "the outside to finish, until " + clock(st.Until)
	p.timer(l, st, p.now+max(1, after))
}

// orphan puts every attempt of an earlier claim in doubt: whoever made it can
// no longer be asked. A look waits until the attempt can no longer act.
func (p *pass) orphan(part int, epoch uint64) {
	var refs []StepRef
	prefix := ReadyPrefix(part)
	p.s.view.Scan(BucketRunning, prefix, nil, func(k, _ []byte) bool {
		refs = append(refs, parseStepKey(k[2:]))
		return true
	})
	for _, ref := range refs {
		l := p.s.incident(ref.N)
		if l == nil {
			continue
		}
		st := l.step(ref)
		if st == nil || st.State != StepRunning || st.Attempt == nil || st.Attempt.Epoch >= epoch {
			continue
		}
		node := p.node(l, st)
		if node == nil {
			continue
		}
		p.orphaned(l, st, node)
	}
}

// orphaned decides about one such attempt. Reads start again at once; what is
// safe to repeat starts again when the old attempt can no longer act.
func (p *pass) orphaned(l *loaded, st *Step, node *Node) {
	const why = "Backout was restarted before the answer came"
	free := st.Attempt.At + StartWindow + node.Spec.CallTimeout + node.Spec.Settle
	if p.moved {
		free = p.now + StartWindow + node.Spec.CallTimeout + node.Spec.Settle
	}
	switch {
	case !node.Spec.Effect && node.Spec.Safety == Repeatable:
		p.notStarted(l, st, node, why)
	case node.Spec.Safety == Repeatable:
		p.later(l, st, max(1, free-p.now), why)
	default:
		p.doubt(l, st, node, why, free-p.now)
	}
}

// onceOnly says that a doubt has led to no second call; after an attempt that is known
// not to have taken place there may be several.
func onceOnly(st *Step) string {
	if st.Tries > 1 {
		return "This is attempt " + strconv.Itoa(st.Tries) + ", the ones before did not take place; I do not repeat it before I know"
	}
	return "I have not done it twice"
}
