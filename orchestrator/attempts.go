package orchestrator

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// StartWindow is how long after an intent its call may still start. An owner
// that was paused longer appends that it never started. Milliseconds.
const StartWindow = 5_000

// maxLooks is how often a verification that cannot tell is repeated before a
// person is asked; lookAgain is the pause between two.
const (
	maxLooks  = 5
	lookAgain = 10_000
)

// foldIntent decides whether an attempt may be made. All limits live here and
// in limits.go and nowhere else; what is refused is never called.
func (p *pass) foldIntent(it *Intent) {
	l := p.s.incident(it.N)
	if l == nil {
		p.refuse(it, "there is no such incident")
		return
	}
	st := l.step(it.StepRef)
	if st == nil {
		p.refuse(it, "there is no such step")
		return
	}
	if st.Attempt != nil && st.Attempt.ID == it.Attempt {
		return // the same intent, appended twice: it was decided the first time
	}
	node := p.node(l, st)
	switch {
	case !p.fenced:
		p.refuse(it, "another instance or a later start owns this partition")
	case node == nil || st.State != StepReady || st.Work != WorkDo:
		p.refuse(it, "the step is "+string(st.State))
	case it.Try != st.Tries+1:
		p.refuse(it, "the step has had other attempts")
	case l.inc.State == Closed || l.inc.Stopped != "":
		p.refuse(it, "the plan was stopped")
		p.to(l, st, "cancel", "the plan was stopped")
	default:
		if r := p.limits(l, st, node); r != nil {
			p.refuse(it, r.reason)
			p.refused(l, st, node, r)
			return
		}
		p.accept(l, st, node, it)
	}
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
		p.later(l, st, r.ms, r.reason)
	case "ask":
		if st.Preview == nil {
			if p.to(l, st, "ask", r.reason) {
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
	if st.Attempt.Auto {
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
	return ", " + plural(n, "attempt")
}

// call is what an executor hands to the action.
func (p *pass) call(l *loaded, st *Step) Call { return p.s.call(l.inc, st) }

func (s *State) call(inc *Incident, st *Step) Call {
	c := Call{
		Key: attemptKey(s.meta.LogID, inc, st), Incident: IncidentName(inc.N), Step: st.ID,
		Project: inc.Project, Environment: inc.Environment, Inputs: st.Inputs, Chunk: st.Chunk,
	}
	if st.Attempt != nil {
		c.Attempt = st.Attempt.ID
	}
	if st.Preview != nil {
		c.Preview = st.Preview.Data
	}
	if st.FirstTry > 0 {
		c.Since = time.UnixMilli(st.FirstTry)
	}
	return c
}

// foldResult takes in how an attempt ended. Results are facts: they count
// whoever reports them and however late, matched by attempt.
func (p *pass) foldResult(r *Result) {
	l := p.s.incident(r.N)
	if l == nil {
		return
	}
	st := l.step(r.StepRef)
	node := (*Node)(nil)
	if st != nil {
		node = p.node(l, st)
	}
	if node == nil || st.Attempt == nil || st.Attempt.ID != r.Attempt {
		return
	}
	if st.State != StepRunning && st.State != StepUnknown {
		return
	}
	switch r.Kind {
	case ResultDone:
		p.observeTarget(l, node, r.Data)
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
			d.Bad = "rolled back by " + IncidentName(inc.N)
			p.s.save(BucketDeploy, key, d)
		}
	}
	p.promoted(inc.Project, inc.Environment, promotion{id: out.Deployment, at: max(p.now, env.PromotedAt), rollback: !node.Spec.Forward})
}

func (p *pass) notStarted(l *loaded, st *Step, node *Node, why string) {
	if p.to(l, st, "not_started", why) {
		p.ready(l, st, node, why)
	}
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
	p.later(l, st, delay, r.Text)
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
	p.line(l, "backout", "I started "+titled(node)+" at "+clock(st.Attempt.At)+" and do not know how it ended: "+why+". I have not done it twice")
	if node.Spec.Safety == Verifiable {
		st.Waiting = "a look at what really happened"
		p.timer(l, st, p.now+max(1, settle))
		return
	}
	p.askUnknown(l, st, node, why)
}

// askUnknown puts an outcome nobody can know to a person.
func (p *pass) askUnknown(l *loaded, st *Step, node *Node, why string) {
	manual := ""
	if st.Preview != nil && st.Preview.Manual != "" {
		manual = ", or do it yourself: `" + st.Preview.Manual + "`"
	}
	st.Waiting = "a person: `retry`, `skip` or `confirm-done " + IncidentName(l.inc.N) + " " + node.ID + "`" + manual
	l.touch(st)
	p.page(l, "Unknown outcome of "+titled(node)+": "+why+". Choose `retry`, `skip` or `confirm-done`"+manual)
}

func (p *pass) acceptedOutside(l *loaded, st *Step, r *Result) {
	if r.Accepted == nil || !p.to(l, st, "accept", r.Text) {
		return
	}
	st.Token, st.Until = r.Accepted.Token, p.now+r.Accepted.Until
	st.Waiting = "the outside to finish, until " + clock(st.Until)
	p.timer(l, st, p.now+max(1, r.Accepted.CheckAfter))
}

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
	if st.Looks < maxLooks {
		st.Waiting = "another look: " + clip(v.Text, 200)
		p.timer(l, st, p.now+lookAgain)
		return
	}
	if st.State == StepAccepted {
		p.to(l, st, "doubt", v.Text)
	}
	p.askUnknown(l, st, node, v.Text)
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
		if st == nil || st.State != StepRunning || st.Attempt.Epoch >= epoch {
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
	switch {
	case !node.Spec.Effect && node.Spec.Safety == Repeatable:
		p.notStarted(l, st, node, why)
	case node.Spec.Safety == Repeatable:
		p.later(l, st, max(1, free-p.now), why)
	default:
		p.doubt(l, st, node, why, free-p.now)
	}
}

// Job is what an executor needs to work on a step.
type Job struct {
	StepRef
	Work    Work
	Action  string
	Call    Call
	Token   string
	Try     int
	Timeout int64
	// Observe is set when what serves must be looked at first.
	Observe bool
}

// Job reads a step of the ready list; ok is false when it has none.
func (s *State) Job(ref StepRef) (Job, bool) {
	l := s.incident(ref.N)
	if l == nil {
		return Job{}, false
	}
	st := l.step(ref)
	if st == nil || st.Work == "" {
		return Job{}, false
	}
	node := s.Node(l.inc, st)
	if node == nil {
		return Job{}, false
	}
	j := Job{
		StepRef: ref, Work: st.Work, Action: node.Action, Call: s.call(l.inc, st),
		Token: st.Token, Try: st.Tries + 1, Timeout: node.Spec.CallTimeout, Observe: node.Spec.Serving,
	}
	if node.Kind == NodeGate && node.Gate != nil {
		j.Action, j.Timeout, j.Observe = node.Gate.Uses, node.Gate.Spec.CallTimeout, false
	}
	return j, true
}

func hashHex(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// StepKey is the key of a step that is sent outside: constant over attempts.
func (s *State) StepKey(inc *Incident, st *Step) string { return attemptKey(s.meta.LogID, inc, st) }
