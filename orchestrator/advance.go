package orchestrator

import (
	"strconv"
	"strings"
)

// extraOrdinal is where the ordinals of steps outside the plan begin.
const extraOrdinal = 1000

// advance starts every node of the leading plan whose needs have ended, until
// nothing more can start.
func (p *pass) advance(l *loaded) {
	run := l.inc.Run()
	plan := p.s.PlanByHash(run.Plan)
	if plan == nil || l.inc.State == Closed || l.inc.Stopped != "" {
		return
	}
	for moved := true; moved; {
		moved = false
		for i := range plan.Nodes {
			node := &plan.Nodes[i]
			if l.now(i) != nil || !p.needsEnded(l, plan, node) {
				continue
			}
			p.begin(l, node)
			if l.inc.Run().Round != run.Round {
				return
			}
			moved = true
		}
	}
}

func (p *pass) needsEnded(l *loaded, plan *Plan, node *Node) bool {
	for _, need := range node.Needs {
		if !passed(l.now(need), &plan.Nodes[need]) {
			return false
		}
	}
	return true
}

// passed reports whether the plan may go past a step.
func passed(st *Step, node *Node) bool {
	if st == nil {
		return false
	}
	switch st.State {
	case StepDone, StepSkipped, StepCancelled:
		return true
	case StepFailed:
		return node.OnFailure.Do == FailContinue || (st.Asked && st.Answer != "")
	case StepBlocked, StepAwaiting, StepReady, StepRunning, StepAccepted, StepWaiting, StepUnknown:
	}
	return false
}

// begin makes the step record of a node and gives it its first state.
func (p *pass) begin(l *loaded, node *Node) {
	st := &Step{
		StepRef: StepRef{N: l.inc.N, Ordinal: node.Ordinal, Round: l.inc.Run().Round},
		ID:      node.ID, State: StepBlocked, Since: p.now,
	}
	l.add(st)
	if why, skip := p.unwanted(l, node); skip {
		p.to(l, st, "skip", why)
		return
	}
	switch node.Kind {
	case NodeJoin:
		p.to(l, st, "done", "")
	case NodeAction:
		p.beginAction(l, st, node)
	case NodeAsk:
		if p.to(l, st, "ask", "") {
			p.openAsk(l, st, node.Ask, titled(node))
		}
	case NodeGate:
		p.beginGate(l, st, node)
	}
}

// unwanted evaluates the conditions of a node; one that cannot be evaluated
// did not hold.
func (p *pass) unwanted(l *loaded, node *Node) (string, bool) {
	if len(node.When) == 0 {
		return "", false
	}
	vars := p.vars(l)
	for _, expr := range node.When {
		v, err := p.rules.Eval(expr, vars)
		if err != nil {
			return "its condition could not be evaluated: " + clip(err.Error(), 200), true
		}
		if v != true {
			return "its condition does not hold: " + clip(expr, 200), true
		}
	}
	return "", false
}

// beginAction resolves the inputs, then asks, runs or offers the action.
func (p *pass) beginAction(l *loaded, st *Step, node *Node) {
	in, err := p.inputs(l, node.With)
	if err != nil {
		p.fail(l, st, node, err.Error())
		return
	}
	st.Inputs = in
	if earlier := p.toldAlready(l, st, node); earlier != nil {
		p.saidBefore(l, st, node, earlier)
		return
	}
	p.offerSwitch(l, node)
	if node.Action == PageAction {
		st.Inputs = p.pageInputs(l.inc, in)
	}
	if p.mode(l.inc, "") == Shadow && strings.HasPrefix(node.Action, "page.") {
		p.to(l, st, "skip", "shadow mode pages nobody")
		return
	}
	if node.Action == PageAction && !p.pagesNow(l, st) {
		return
	}
	if node.Approve == nil && (!node.Spec.Effect || (p.mode(l.inc, node.Action) == Live && !node.Spec.Person)) {
		p.proceed(l, st, node)
		return
	}
	if builtIn(node.Action) {
		p.previewed(l, st, node, &Previewed{Text: p.shownText(l, st, node), Hash: "built-in"})
		return
	}
	if p.to(l, st, "ask", "") {
		st.Waiting = "a preview of what it would do"
		p.work(l, st, WorkPreview, prioRead)
	}
}

// proceed runs a built-in action at once and offers any other to the executors.
func (p *pass) proceed(l *loaded, st *Step, node *Node) {
	if builtIn(node.Action) {
		p.runBuiltIn(l, st, node)
		return
	}
	if node.Spec.Chunked && st.Chunk == 0 && st.Chunks > 0 {
		p.expand(l, st, node)
		return
	}
	p.ready(l, st, node, "")
}

// expand makes a child step for every chunk of a chunked action: each has its
// own intents and results. The parent has ended when all of them have.
func (p *pass) expand(l *loaded, st *Step, node *Node) {
	if !p.to(l, st, "accept", "") {
		return
	}
	l.inc.Effects++
	p.line(l, "backout", titled(node)+": started"+suffix(plural(st.Chunks, "chunk")))
	if l.inc.State == Triggered {
		p.move(l, "mitigate", titled(node))
	}
	for i := 1; i <= st.Chunks; i++ {
		child := &Step{
			StepRef: StepRef{N: st.N, Ordinal: st.Ordinal, Round: st.Round, Chunk: i},
			ID:      st.ID, State: StepBlocked, Since: p.now, Inputs: st.Inputs, Approval: st.Approval.clone(), Preview: st.Preview.clone(), Agreed: st.Agreed,
		}
		l.add(child)
		p.ready(l, child, node, "")
	}
	if st.Preview != nil {
		st.Output = st.Preview.Data
	}
	p.progress(l, st)
}

// progress says what a step in chunks waits for: those that are on their way, and a
// person where nobody else can tell.
func (p *pass) progress(l *loaded, st *Step) {
	left := st.Chunks - st.ChunksDone
	st.Waiting = plural(left, "chunk") + " of " + plural(st.Chunks, "chunk")
	open := l.unsettled(st)
	if len(open) == 0 || !p.v2() {
		return
	}
	about := "a person: `retry`, `skip` or `confirm-done " + IncidentName(st.N) + " " + st.ID + " chunk=" + strconv.Itoa(open[0].Chunk) + "`"
	if len(open) > 1 {
		about += ", about each of the " + chunkNames(open)
	}
	if len(open) == left {
		st.Waiting = about
		return
	}
	st.Waiting += "; " + about
}

// chunkEnded counts a child in its parent.
func (p *pass) chunkEnded(l *loaded, child *Step) {
	ref := child.StepRef
	ref.Chunk = 0
	st := l.step(ref)
	node := p.node(l, child)
	if st == nil || node == nil || st.State.Ended() {
		return
	}
	done, ended, asks := 0, 0, ""
	for _, c := range l.steps {
		if c.Ordinal == st.Ordinal && c.Round == st.Round && c.Chunk > 0 {
			if c.State == StepUnknown || c.Parked > 0 {
				asks = c.Waiting
			}
			if c.State == StepDone {
				done++
			}
			if c.State.Ended() {
				ended++
			}
		}
	}
	st.ChunksDone = ended
	l.touch(st)
	p.progress(l, st)
	if ended < st.Chunks {
		if !p.v2() {
			st.Waiting = or(asks, st.Waiting)
		}
		return
	}
	if done == st.Chunks {
		p.finish(l, st, node, plural(done, "chunk")+" sent")
		return
	}
	p.fail(l, st, node, plural(st.Chunks-done, "chunk")+" of "+plural(st.Chunks, "chunk")+" not sent")
}

func (p *pass) node(l *loaded, st *Step) *Node { return p.s.Node(l.inc, st) }
