package orchestrator

import "strings"

// openAsk puts a question.
func (p *pass) openAsk(l *loaded, st *Step, ask *Ask, about string) {
	within := p.wait(l, ask.Within, 15*60_000)
	st.Approval = &Approval{Roles: ask.Roles, Quorum: 1, Within: within, Else: ask.Else}
	st.Waiting = askText(ask) + " by " + roles(ask.Roles) + ", until " + clock(p.now+within)
	p.line(l, "backout", "asks "+roles(ask.Roles)+": "+about+". "+askHelp(l.inc.N, st.ID, ask))
	p.timer(l, st, p.now+within)
	l.touch(st)
	p.changed(l)
}

func askText(ask *Ask) string {
	switch {
	case len(ask.Choice) > 0:
		return "a choice"
	case len(ask.Typed) > 0:
		return "answers: " + list(ask.Typed, "and")
	}
	return "a checklist"
}

func askHelp(n uint64, id string, ask *Ask) string {
	if len(ask.Choice) > 0 {
		keys := make([]string, len(ask.Choice))
		for i, c := range ask.Choice {
			keys[i] = c.Key + " = " + c.Text
		}
		return "Say `choose " + IncidentName(n) + " " + id + " KEY`: " + join(keys)
	}
	words := []string{"Say `answer", IncidentName(n), id}
	for _, t := range ask.Typed {
		words = append(words, t+"=...")
	}
	if len(ask.Checklist) > 0 {
		return strings.Join(append(words, "checked=all`: "+join(ask.Checklist)), " ")
	}
	return strings.Join(words, " ") + "`"
}

// askOf is the question a step puts now.
func askOf(st *Step, node *Node) *Ask {
	if st.Asked {
		return node.OnFailure.Ask
	}
	return node.Ask
}

// askOver ends a question nobody answered.
func (p *pass) askOver(l *loaded, st *Step, node *Node) {
	ask, ap := askOf(st, node), st.Approval
	ap.Round++
	l.touch(st)
	why := "nobody answered within " + span(ap.Within)
	switch {
	case ask.Else == ElseDefault && ask.Default == "retry" && st.Asked && p.idled(l, st):
		p.unanswered(l, st, node, why+", and trying again by itself has not helped")
	case ask.Else == ElseDefault && ask.Default != "":
		p.answered(l, st, node, Vote{By: "backout", At: p.now, Reason: why + "; the default"}, ask.Default)
	case ask.Else == ElseSkip:
		p.to(l, st, "skip", why)
		p.advance(l)
	case (ask.Else == ElseStop || ap.Round >= maxAsks) && st.Asked && p.v2():
		p.unanswered(l, st, node, why)
	case ask.Else == ElseStop || ap.Round >= maxAsks:
		st.Asked = false
		p.fail(l, st, node, why)
	default:
		text := titled(node) + " still waits for an answer by " + roles(ask.Roles)
		if p.v2() {
			text += ". " + askHelp(l.inc.N, st.ID, ask)
		}
		p.remind(l, ap, text)
		st.Waiting = askText(ask) + " by " + roles(ask.Roles) + ", until " + clock(p.now+ap.Within)
		p.timer(l, st, p.now+ap.Within)
	}
}

// unanswered leaves a failure that nobody decided about to people: asking the same
// again would go on for ever.
func (p *pass) unanswered(l *loaded, st *Step, node *Node, why string) {
	if p.to(l, st, "fail", why) {
		st.Asked = false
		p.stuck(l, st, node, why)
	}
}

// answered takes an answer: the step has ended, or tries again when people said
// so about a failure.
func (p *pass) answered(l *loaded, st *Step, node *Node, v Vote, answer string) {
	by := v.By
	st.Answer = answer
	if p.v2() && !st.Asked && st.Approval != nil && by != "backout" {
		st.Approval.Votes = append(st.Approval.Votes, v)
	}
	p.line(l, by, "answered "+st.ID+": "+answer+suffix(v.Reason))
	if !st.Asked {
		p.finish(l, st, node, answer)
		return
	}
	switch answer {
	case "retry":
		st.Asked, st.Answer, st.FirstTry = false, "", 0
		p.again(l, st, node, by)
	default:
		p.to(l, st, "fail", "answered "+answer)
		if answer == "stop" {
			st.Asked = false
			st.Waiting = "a person: the plan was left here by " + by
			return
		}
		p.advance(l)
	}
}

// again starts a step anew by a person's word.
func (p *pass) again(l *loaded, st *Step, node *Node, by string) {
	p.line(l, by, "tries "+st.ID+" again")
	st.anew()
	if by != "backout" {
		st.Idle = 0
	}
	switch node.Kind {
	case NodeGate:
		p.restartGate(l, st, node)
	case NodeAsk:
		if st.State == StepAwaiting || p.to(l, st, "ask", "") {
			p.openAsk(l, st, node.Ask, titled(node))
		}
	case NodeAction, NodeJoin:
		if p.owesApproval(l, st, node) {
			p.askAgain(l, st, node)
			return
		}
		if st.Approval != nil {
			st.Approval.GivenAt = p.now
		}
		p.proceed(l, st, node)
	}
}

func (p *pass) restartGate(l *loaded, st *Step, node *Node) {
	if p.to(l, st, "ready", "") && p.to(l, st, "wait", "") {
		g := st.Gate
		g.Until, g.Started, g.Passes, g.Measured = p.now+(g.Until-g.Started), p.now, 0, 0
		p.measureSoon(l, st, node)
	}
}
