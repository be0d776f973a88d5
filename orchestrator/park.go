package orchestrator

import (
	"strconv"
	"strings"
	"time"
)

// The budgets of a step that gets nowhere; past one of them a person decides.
// Times are milliseconds.
const (
	// maxIdle bounds the attempts since a person last decided that led to nothing:
	// never started, or looked at and found not done.
	maxIdle = 10
	// maxAccepted bounds for how long the outside may work on a request.
	maxAccepted = dayMS
	// maxFallbacks bounds the playbooks that failures may open one after another in
	// an incident, maxOpens those within one entry.
	maxFallbacks = 5
	maxOpens     = 20
	// maxChunks bounds the chunks of one step.
	maxChunks = 10_000
)

// heldPause and troublePause bound how seldom a step that waits looks again.
const (
	heldPause    = 60_000
	troublePause = 15_000
)

// park leaves a step past its budget to a person: it stays what it is, nothing
// wakes it, and `retry`, `skip` and `confirm-done` settle it. A page or a chat
// message that gets nowhere has failed instead: a page about a page helps nobody.
func (p *pass) park(l *loaded, st *Step, node *Node, why string) {
	if st.Extra != nil && !st.byWord() {
		p.fail(l, st, node, why)
		return
	}
	switch st.State {
	case StepReady, StepRunning, StepAccepted:
		p.to(l, st, "wait", why)
	case StepBlocked, StepAwaiting, StepWaiting, StepUnknown, StepDone, StepFailed, StepSkipped, StepCancelled:
	}
	p.unready(l, st)
	p.clearStepTimer(l, st)
	st.Parked, st.Reason = p.now, why
	manual := p.leaveToPerson(l, st, node)
	p.page(l, p.named(l, st, node)+" waits for a person: "+why+". Choose `retry`, `skip` or `confirm-done`"+manual)
}

// leaveToPerson says on the step, and on the parent of a chunk, what a person can
// do, and returns how to do it without Backout.
func (p *pass) leaveToPerson(l *loaded, st *Step, node *Node) (manual string) {
	if st.Preview != nil && st.Preview.Manual != "" {
		manual = ", or do it yourself: `" + st.Preview.Manual + "`"
	}
	which := ""
	if st.Chunk > 0 && p.v2() {
		which = " chunk=" + strconv.Itoa(st.Chunk)
	}
	st.Waiting = "a person: `retry`, `skip` or `confirm-done " + IncidentName(l.inc.N) + " " + node.ID + which + "`" + manual
	l.touch(st)
	p.changed(l)
	if parent := l.parent(st); st.Chunk > 0 && parent != nil {
		parent.Waiting = st.Waiting
		if p.v2() {
			p.progress(l, parent)
		}
		l.touch(parent)
	}
	return manual
}

// parent is the step that a chunk is part of.
func (l *loaded) parent(st *Step) *Step {
	return l.step(StepRef{N: st.N, Ordinal: st.Ordinal, Round: st.Round})
}

// named is what people call a step, or a chunk of one.
func (p *pass) named(l *loaded, st *Step, node *Node) string {
	parent := l.parent(st)
	if st.Chunk == 0 || parent == nil || !p.v2() {
		return titled(node)
	}
	return titled(node) + " (chunk " + strconv.Itoa(st.Chunk) + " of " + strconv.Itoa(parent.Chunks) + ")"
}

// chunkNames lists chunks, such as "chunks 3, 5 and 7".
func chunkNames(chunks []*Step) string {
	if len(chunks) == 1 {
		return "chunk " + strconv.Itoa(chunks[0].Chunk)
	}
	var names []string
	for _, st := range chunks {
		names = append(names, strconv.Itoa(st.Chunk))
	}
	last := len(names) - 1
	return "chunks " + strings.Join(names[:last], ", ") + " and " + names[last]
}

// unsettled reports whether only a person can bring the step further.
func (st *Step) unsettled() bool {
	return st.State == StepUnknown || st.State == StepFailed || st.Parked > 0
}

// waits lets a refused step look again later. Being held back by people or by
// another incident may last and does not count; anything else uses up the time a
// step has. Both say since when.
func (p *pass) waits(l *loaded, st *Step, r *refusal) {
	if !p.v2() {
		p.later(l, st, r.ms, r.reason)
		return
	}
	since, most := &st.Trying, int64(troublePause)
	if r.held {
		since, most = &st.Held, heldPause
	}
	if *since == 0 {
		*since = p.now
	}
	pause := max(r.ms, min((p.now-*since)/10, most))
	p.later(l, st, pause, r.reason)
	st.Waiting = r.reason + ", since " + p.moment(*since) + "; looks again at " + clock(p.now+pause)
}

// moment writes a time of the past, with its day when that is not today's.
func (p *pass) moment(ms int64) string { return moment(ms, p.now) }

func moment(ms, now int64) string {
	if ms/dayMS == now/dayMS {
		return clock(ms)
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC")
}

// letGo ends a time of being held back: it is not counted.
func (p *pass) letGo(l *loaded, st *Step) {
	if st.Held == 0 {
		return
	}
	if st.Trying > 0 {
		st.Trying += p.now - st.Held
	}
	st.Held = 0
	l.touch(st)
}

// spent says that a step has used up its time.
func (p *pass) spent(l *loaded, st *Step, node *Node) *refusal {
	budget := p.wait(l, node.Retry.For, retryFor)
	if !p.v2() {
		if st.FirstTry > 0 && p.now-st.FirstTry > budget {
			return &refusal{reason: "it has been tried for " + span(p.now-st.FirstTry) + "; a person decides now", then: "fail"}
		}
		return nil
	}
	if st.Trying == 0 || p.now-st.Trying <= budget {
		return nil
	}
	why := ""
	if st.Reason != "" {
		why = "; last: " + clip(st.Reason, 200)
	}
	return &refusal{reason: "the " + span(budget) + " it has are over since " + p.moment(st.Trying+budget) + why, then: "park"}
}

// left bounds a delay by the time that the step has, so that its end is seen when
// it comes and not when a provider said to ask again.
func (p *pass) left(l *loaded, st *Step, node *Node, delay int64) int64 {
	if !p.v2() {
		return delay
	}
	budget := p.wait(l, node.Retry.For, retryFor)
	if node.Spec.Effect && st.Trying > 0 {
		budget -= p.now - st.Trying
	}
	return max(0, min(delay, max(budget, 0)+1))
}

// idled counts an attempt that led to nothing and reports whether it was one too
// many.
func (p *pass) idled(l *loaded, st *Step) bool {
	if !p.v2() {
		return false
	}
	st.Idle++
	l.touch(st)
	return st.Idle >= maxIdle
}

// anew gives a step its whole budget again, because a person decided.
func (st *Step) anew() {
	st.Failures, st.FirstTry, st.Looks = 0, 0, 0
	st.Trying, st.Held, st.Offered, st.Parked = 0, 0, 0, 0
}

// overdue says that an effect nobody had to agree to has become due too long ago
// to be started without asking.
func (p *pass) overdue(st *Step, valid int64) bool {
	return p.v2() && st.Offered > 0 && st.Tries == 0 && st.Chunk == 0 && p.now-st.Offered > valid
}

// owesApproval reports whether a step that is to start again was never agreed to
// by those who must: who may say `retry` need not be one of them.
func (p *pass) owesApproval(l *loaded, st *Step, node *Node) bool {
	needs := node.Approve != nil || (node.Spec.Effect && (p.mode(l.inc, node.Action) != Live || node.Spec.Person))
	return p.v2() && needs && !st.Agreed && st.Chunk == 0 && !builtIn(node.Action)
}

// askAgain asks those who have not agreed yet.
func (p *pass) askAgain(l *loaded, st *Step, node *Node) {
	if st.State != StepAwaiting && !p.to(l, st, "ask", "") {
		return
	}
	if st.Preview == nil {
		st.Waiting = "a preview of what it would do"
		p.work(l, st, WorkPreview, prioRead)
		return
	}
	p.askApproval(l, st, node)
}

// fallBack opens the playbook that a failure leads to, unless failures have opened
// too many: two playbooks that open each other would never end.
func (p *pass) fallBack(l *loaded, st *Step, node *Node, why string) {
	p.opens++
	if p.v2() {
		l.inc.Fallbacks++
	}
	if p.opens > maxOpens || l.inc.Fallbacks > maxFallbacks {
		p.stuck(l, st, node, why+"; playbook "+node.OnFailure.Open+" was not opened, because failures have opened "+plural(maxFallbacks, "playbook")+" already")
		return
	}
	p.lead(l, node.OnFailure.Open)
}
