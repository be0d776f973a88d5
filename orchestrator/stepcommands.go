package orchestrator

import (
	"strconv"
	"strings"
)

// commandStep hands a word about a step to what it means.
func (p *pass) commandStep(c *Command, l *loaded, who Person) {
	if who.ID == AdminPerson {
		p.refuseCommand(c, "this token belongs to no person; make one with `backout token create --person ID`")
		return
	}
	st, why := p.meantStep(c, l, who)
	if st == nil {
		p.refuseCommand(c, why)
		return
	}
	c.Step = st.ID
	node := p.node(l, st)
	switch c.Verb {
	case "approve", "now", "reject":
		p.commandApprove(c, l, st, who)
	case "choose", "answer":
		p.commandAnswer(c, l, st, who)
	case "retry", "skip", "confirm-done":
		if node != nil {
			p.commandSettle(c, l, st, who)
		}
	}
}

// meantStep is the named step, or the only one that waits for the speaker.
func (p *pass) meantStep(c *Command, l *loaded, who Person) (*Step, string) {
	if c.Step != "" {
		if st := l.named(c.Step); st != nil {
			return st, ""
		}
		return nil, IncidentName(l.inc.N) + " has no step " + c.Step + " yet. Waiting: " + orNothing(p.waitingSteps(l, nil))
	}
	var found []*Step
	ids := p.waitingSteps(l, func(st *Step) bool {
		if !p.fits(c.Verb, l, st) {
			return false
		}
		if st.State == StepAwaiting && p.mayAnswer(l, st, who) != "" {
			return false
		}
		found = append(found, st)
		return true
	})
	switch len(found) {
	case 1:
		return found[0], ""
	case 0:
		return nil, "nothing in " + IncidentName(l.inc.N) + " waits for `" + c.Verb + "` by " + who.ID + ". Waiting: " + orNothing(p.waitingSteps(l, nil))
	}
	return nil, "which one? Nothing was done. Waiting: " + strings.Join(ids, ", ") + ". Say `" + c.Verb + " " + IncidentName(l.inc.N) + " " + ids[0] + "`, or another of them"
}

// named is the newest step with this id.
func (l *loaded) named(id string) *Step {
	var newest *Step
	for _, st := range l.steps {
		if st.Chunk == 0 && strings.EqualFold(st.ID, id) && (newest == nil || st.Round >= newest.Round) {
			newest = st
		}
	}
	return newest
}

// fits reports whether a verb makes sense for a step now.
func (p *pass) fits(verb string, l *loaded, st *Step) bool {
	isAsk := st.State == StepAwaiting && st.Approval != nil && (st.Preview == nil || st.Asked)
	isApproval := st.State == StepAwaiting && st.Approval != nil && st.Preview != nil && !st.Asked
	switch verb {
	case "approve", "reject":
		return isApproval
	case "now":
		return isApproval && st.Approval.Auto
	case "choose", "answer":
		return isAsk
	}
	return st.unsettled() || p.v2() && len(l.unsettled(st)) > 0
}

func (p *pass) waitingSteps(l *loaded, keep func(*Step) bool) []string {
	var ids []string
	for _, st := range l.steps {
		if st.Chunk > 0 {
			continue
		}
		waits := st.State == StepAwaiting || st.State == StepUnknown || st.Parked > 0 || (st.State == StepFailed && st.Waiting != "") || p.v2() && len(l.unsettled(st)) > 0
		if keep != nil {
			waits = keep(st)
		}
		if waits {
			ids = append(ids, st.ID)
		}
	}
	return ids
}

// commandApprove counts a yes or takes a no. The first that decides wins; who
// comes later is told who it was.
func (p *pass) commandApprove(c *Command, l *loaded, st *Step, who Person) {
	node := p.node(l, st)
	if st.State != StepAwaiting || st.Approval == nil || st.Preview == nil || st.Asked {
		p.refuseCommand(c, st.ID+" is "+stateWord(st)+decidedBy(st)+", it waits for no approval")
		return
	}
	if why := p.mayAnswer(l, st, who); why != "" {
		p.refuseCommand(c, why)
		return
	}
	if shown := c.Args["preview"]; shown != "" && !strings.HasPrefix(st.Preview.Hash, shown) {
		p.refuseCommand(c, "what would be done has changed since you looked: now it is "+st.Preview.Text+". Look again and approve that")
		return
	}
	if why := p.staleShown(l, st, node, c.Verb); why != "" {
		p.refuseCommand(c, why)
		return
	}
	if c.Verb == "reject" {
		p.line(l, who.ID, "rejected "+st.ID+suffix(c.Text))
		p.to(l, st, "cancel", "rejected by "+who.ID+suffix(c.Text))
		p.reply(c, l, true, st.ID+" is called off")
		p.advance(l)
		return
	}
	if st.Approval.Reason && c.Text == "" {
		p.refuseCommand(c, "this approval needs a reason: add --reason \"...\"")
		return
	}
	if why := misnamed(st, c.Args["confirm"]); why != "" {
		p.refuseCommand(c, why)
		return
	}
	p.vote(l, st, node, Vote{By: who.ID, At: p.now, Reason: c.Text, Typed: c.Args["confirm"]})
	text := "approved: " + st.Preview.Text
	if len(st.Approval.Votes) < st.Approval.Quorum {
		text = "counted; waits for " + st.Waiting
	}
	p.reply(c, l, true, text)
}

// stateWord is a state as people would say it.
func stateWord(st *Step) string {
	switch st.State {
	case StepRunning, StepAccepted:
		return "under way"
	case StepAwaiting:
		return "waiting for people"
	case StepBlocked, StepReady, StepWaiting, StepUnknown, StepDone, StepFailed, StepSkipped, StepCancelled:
	}
	return string(st.State)
}

func decidedBy(st *Step) string {
	if (st.State == StepCancelled || st.State == StepSkipped) && st.Reason != "" {
		return suffix(st.Reason)
	}
	if st.Approval == nil || len(st.Approval.Votes) == 0 {
		return ""
	}
	v := st.Approval.Votes[len(st.Approval.Votes)-1]
	return " (" + v.By + " approved at " + clock(v.At) + ")"
}

// answeredBy is the answer that a question got, and of whom.
func answeredBy(st *Step) string {
	if st.Answer == "" || st.State == StepCancelled || st.State == StepSkipped {
		return decidedBy(st)
	}
	if st.Approval == nil || len(st.Approval.Votes) == 0 {
		return " (answered " + st.Answer + ")"
	}
	v := st.Approval.Votes[len(st.Approval.Votes)-1]
	return " (" + v.By + " said " + st.Answer + " at " + clock(v.At) + ")"
}

// commandAnswer takes the answer of a question.
func (p *pass) commandAnswer(c *Command, l *loaded, st *Step, who Person) {
	node := p.node(l, st)
	if node == nil || st.State != StepAwaiting || (node.Kind != NodeAsk && !st.Asked) {
		p.refuseCommand(c, st.ID+" is "+stateWord(st)+answeredBy(st)+", it asks nothing")
		return
	}
	if why := p.mayAnswer(l, st, who); why != "" {
		p.refuseCommand(c, why)
		return
	}
	ask := askOf(st, node)
	if len(ask.Choice) > 0 {
		p.commandChoice(c, l, st, who)
		return
	}
	if missing := missingAnswers(ask, c.Args); len(missing) > 0 {
		p.refuseCommand(c, "still missing: "+list(missing, "and")+". "+askHelp(l.inc.N, st.ID, ask))
		return
	}
	if l.inc.Answers == nil {
		l.inc.Answers = map[string]string{}
	}
	for _, name := range ask.Typed {
		l.inc.Answers[name] = clip(c.Args[name], 300)
		p.line(l, who.ID, name+": "+l.inc.Answers[name])
	}
	p.answered(l, st, node, Vote{By: who.ID, At: p.now}, "answered")
	p.reply(c, l, true, "thank you; "+st.ID+" is answered")
}

func missingAnswers(ask *Ask, args map[string]string) []string {
	var missing []string
	for _, name := range ask.Typed {
		if strings.TrimSpace(args[name]) == "" {
			missing = append(missing, name+"=...")
		}
	}
	if len(ask.Checklist) > 0 && args["checked"] != "all" {
		missing = append(missing, "checked=all")
	}
	return missing
}

func (p *pass) commandChoice(c *Command, l *loaded, st *Step, who Person) {
	node := p.node(l, st)
	ask := askOf(st, node)
	key := or(c.Args["choice"], strings.TrimSpace(c.Text))
	for _, ch := range ask.Choice {
		if ch.Key != key {
			continue
		}
		if ch.Refused != "" && !p.holds(l, ch.Needs) {
			p.refuseCommand(c, ch.Key+": "+ch.Refused)
			return
		}
		if ch.Key == choiceRollback {
			p.chooseRollback(c, l, st, who)
			return
		}
		p.answered(l, st, node, Vote{By: who.ID, At: p.now, Reason: ch.Text}, ch.Key)
		p.reply(c, l, true, st.ID+": "+ch.Key+" ("+ch.Text+")")
		return
	}
	p.refuseCommand(c, "choose one of these. "+askHelp(l.inc.N, st.ID, ask))
}

// holds reports whether an expression holds now; an empty one, or one that cannot be
// read, does not.
func (p *pass) holds(l *loaded, expr string) bool {
	if expr == "" {
		return false
	}
	v, err := p.rules.Eval(expr, p.vars(l))
	return err == nil && v == true
}

// choiceRollback is the answer that lets the rollback playbook lead, as the
// command does.
const choiceRollback = "rollback"

func (p *pass) chooseRollback(c *Command, l *loaded, st *Step, who Person) {
	if !who.HasRole([]string{"on-call", "devops-lead"}) {
		p.refuseCommand(c, who.ID+" has none of the roles on-call or devops-lead")
		return
	}
	p.line(l, who.ID, "answered "+st.ID+": "+choiceRollback)
	st.Answer = choiceRollback
	c.Text = or(c.Args["reason"], "chosen in "+IncidentName(l.inc.N))
	p.rollbackByHand(c, l, who)
}

// commandSettle ends what is unknown or failed by a person's word.
func (p *pass) commandSettle(c *Command, l *loaded, st *Step, who Person) {
	open := l.unsettled(st)
	if len(open) == 0 && (c.Verb != "skip" || st.State.Ended() || st.State == StepRunning) {
		p.refuseCommand(c, st.ID+" is "+stateWord(st)+"; only what is unknown or failed can be settled by hand")
		return
	}
	if !who.HasRole([]string{"on-call", "devops-lead"}) {
		p.refuseCommand(c, who.ID+" has none of the roles on-call or devops-lead")
		return
	}
	open, why := p.chosen(c, open)
	if why != "" {
		p.refuseCommand(c, why)
		return
	}
	if len(open) == 0 {
		open = []*Step{st}
	}
	for _, one := range open {
		p.settle(c, l, one, who)
	}
	p.reply(c, l, true, st.ID+" is "+string(st.State))
}

// chosen are those of the unsettled chunks that a word is about. Each is of people of its
// own, and one may have been done where another was not, so nobody means several of them
// without saying so.
func (p *pass) chosen(c *Command, open []*Step) (chosen []*Step, why string) {
	which := c.Args["chunk"]
	if which == "all" || which == "" && (len(open) < 2 || !p.v2()) {
		return open, ""
	}
	for _, st := range open {
		if st.Chunk > 0 && strconv.Itoa(st.Chunk) == which {
			return []*Step{st}, ""
		}
	}
	switch {
	case len(open) == 0 || open[0].Chunk == 0:
		return nil, "there is no chunk of it that waits for a person"
	case which != "":
		return nil, "chunk " + strconv.Quote(which) + " does not wait for a person; it is about " + chunkNames(open)
	}
	one := IncidentName(open[0].N) + " " + open[0].ID + " chunk=" + strconv.Itoa(open[0].Chunk)
	return nil, "it is about " + chunkNames(open) + ", each of people of its own: look for one after the other and say `" + c.Verb + " " + one + "`, or chunk=all for all of them"
}

// unsettled is what a word about a step is about: the step when it is unknown or
// failed, or those of its chunks that are while others are still on their way.
func (l *loaded) unsettled(st *Step) []*Step {
	var open []*Step
	for _, one := range l.steps {
		mine := one == st || st.State == StepAccepted && one.Chunk > 0 && one.Ordinal == st.Ordinal && one.Round == st.Round
		if mine && one.unsettled() {
			open = append(open, one)
		}
	}
	return open
}

func (p *pass) settle(c *Command, l *loaded, st *Step, who Person) {
	node := p.node(l, st)
	switch c.Verb {
	case "retry":
		p.again(l, st, node, who.ID)
	case "skip":
		if p.to(l, st, "skip", "skipped by "+who.ID+suffix(c.Text)) {
			p.line(l, who.ID, "skipped "+st.ID+suffix(c.Text))
			p.perhapsReadOnly(l, st, node)
		}
		p.handBack(l)
		if st.Chunk > 0 {
			p.chunkEnded(l, st)
			return
		}
		p.advance(l)
	case "confirm-done":
		p.line(l, who.ID, "says that "+st.ID+" is done"+suffix(c.Text))
		p.finish(l, st, node, "confirmed by "+who.ID)
	}
}
