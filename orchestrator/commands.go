package orchestrator

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// AdminPerson is the name under which an admin token without a person acts. It
// may set things up, but may not approve or answer.
const AdminPerson = "admin"

// foldCommand decides what a person said. Who may, who was first and whether a
// quorum is complete is decided here, in log order.
func (p *pass) foldCommand(c *Command) {
	origin := "cmd/" + c.Via
	if _, known := p.s.Seen(origin, c.ID, p.now); known && c.ID != "" {
		p.reply(c, nil, true, "this command was taken before; nothing was done twice")
		return
	}
	p.s.remember(origin, c.ID, p.now, &Seen{N: c.Incident, Why: "command " + c.Verb, At: p.now, Seq: p.seq})
	who, why := p.speaker(c)
	if why != "" {
		p.refuseCommand(c, why)
		return
	}
	switch c.Verb {
	case "open", "rollback", "emergency":
		p.commandOpen(c, who)
	case "pause", "unpause", "hold", "clock", "silence":
		p.commandStanding(c, who)
	case "shadow":
		p.commandShadow(c, who)
	default:
		p.commandIncident(c, who)
	}
}

// speaker finds the person; the unknown are refused.
func (p *pass) speaker(c *Command) (Person, string) {
	if c.Person == AdminPerson && c.Scope == "admin" {
		return Person{ID: AdminPerson, Name: "Administrator"}, ""
	}
	if who, ok := p.s.Config().Person(c.Person); ok && c.Person != "" {
		return who, ""
	}
	name := c.Person
	if name == "" {
		name = c.Claimed
	}
	return Person{}, "I do not know " + strconv.Quote(name) + "; people are listed under `people` in the configuration"
}

func (p *pass) reply(c *Command, l *loaded, ok bool, text string) {
	r := Reply{ID: c.ID, OK: ok, Text: text}
	if l != nil {
		r.Incident = IncidentName(l.inc.N)
	}
	p.out.Replies = append(p.out.Replies, r)
}

// refuseCommand says no, in the incident's timeline too when one was named.
func (p *pass) refuseCommand(c *Command, why string) {
	l := p.s.incident(c.Incident)
	if l != nil {
		name := c.Person
		if name == "" {
			name = c.Claimed
		}
		p.line(l, clip(name, 60), "refused `"+clip(strings.TrimSpace(c.Verb+" "+c.Step), 80)+"`: "+why)
	}
	p.reply(c, l, false, why)
}

// commandOpen opens an incident by hand, and lets the playbook lead that was asked for.
func (p *pass) commandOpen(c *Command, who Person) {
	pr, ok := p.s.Config().Project(c.Project)
	if !ok {
		p.refuseCommand(c, "there is no project "+strconv.Quote(c.Project)+" in the configuration")
		return
	}
	env := c.Args["environment"]
	if env == "" {
		env = pr.Production()
	}
	if why := pr.noEnvironment(env); why != "" {
		p.refuseCommand(c, why)
		return
	}
	if why := mayLead(c, who); why != "" {
		p.refuseCommand(c, why)
		return
	}
	l := p.openIncident(pr.ID, env)
	if l == nil || !l.inc.State.Open() || l.inc.Project != pr.ID || l.inc.Environment != env {
		l = p.create(&Incident{
			Severity: or(c.Args["severity"], "critical"), Title: clip(or(c.Text, c.Verb+" by hand"), 200), Project: pr.ID, Environment: env,
			Component: c.Args["component"], OpenedBy: who.ID, StartedAt: p.since(c),
		})
		p.line(l, who.ID, "opened by hand: "+l.inc.Title)
	}
	switch {
	case byEmergency(c):
		p.emergencyByHand(c, l, who)
	case c.Verb == "open":
		if len(l.inc.Runs) == 0 {
			p.lead(l, or(c.Args["playbook"], "respond"))
		}
		p.reply(c, l, true, IncidentName(l.inc.N)+" is open for "+pr.ID+"/"+env)
	default:
		p.rollbackByHand(c, l, who)
	}
}

// rollbackByHand leads with the rollback playbook because a person said so.
func (p *pass) rollbackByHand(c *Command, l *loaded, who Person) {
	inc := l.inc
	if inc.Run().Playbook == "rollback" && inc.Stopped == "" {
		if why := p.rollingBack(l); why != "" {
			p.reply(c, l, true, why)
			return
		}
	}
	inc.Requester, inc.Reason, inc.Stopped = who.ID, clip(c.Text, 300), ""
	p.line(l, who.ID, "asked for a rollback"+suffix(inc.Reason))
	p.cancelSteps(l, "rollback by hand")
	p.lead(l, "rollback")
	p.reply(c, l, true, IncidentName(inc.N)+": "+inc.Run().Playbook+" leads")
}

func (p *pass) since(c *Command) int64 {
	if n, err := strconv.ParseInt(c.Args["since_ms"], 10, 64); err == nil && n > 0 && n <= p.now {
		return n
	}
	return p.now
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// commandStanding changes what holds beside any incident: pause, hold, clock and silence.
func (p *pass) commandStanding(c *Command, who Person) {
	if !who.HasRole([]string{"on-call", "devops-lead"}) && who.ID != AdminPerson {
		p.refuseCommand(c, who.ID+" has none of the roles on-call or devops-lead")
		return
	}
	switch c.Verb {
	case "pause", "unpause":
		p.commandPause(c, who)
	case "hold":
		p.commandHold(c, who)
	case "clock":
		p.commandClock(c, who)
	case "silence":
		p.commandSilence(c, who)
	}
}

func (p *pass) rearm(project string) {
	cfg := p.s.Config()
	for i := range cfg.Projects {
		pr := &cfg.Projects[i]
		if project != "" && pr.ID != project {
			continue
		}
		for _, e := range pr.Environments {
			if env := p.s.Env(pr.ID, e.ID); env.Tripped > 0 || len(env.Autos) > 0 {
				env.Tripped, env.Autos = 0, nil
				p.s.saveEnv(pr.ID, e.ID, env)
			}
		}
	}
}

// commandIncident finds the incident and step that are meant and hands over.
func (p *pass) commandIncident(c *Command, who Person) {
	l, why := p.meant(c, who)
	if l == nil {
		p.refuseCommand(c, why)
		return
	}
	c.Incident = l.inc.N
	switch c.Verb {
	case "ack", "snooze", "note", "stop", "resolve", "close", "reopen", "dismiss", "merge", "split", "update", "flag", "writes", "revert":
		p.commandWhole(c, l, who)
	case "approve", "now", "reject", "choose", "answer", "retry", "skip", "confirm-done":
		p.commandStep(c, l, who)
	default:
		p.refuseCommand(c, "unknown command "+strconv.Quote(c.Verb)+"; `help` lists them")
	}
}

// maxOpenListed bounds how many incidents are looked through when none is named.
const maxOpenListed = 50

// meant is the named incident, or the only one that is open.
func (p *pass) meant(c *Command, who Person) (*loaded, string) {
	if c.Incident > 0 {
		if l := p.s.incident(c.Incident); l != nil {
			return l, ""
		}
		return nil, "there is no " + IncidentName(c.Incident)
	}
	var open, mine []*loaded
	p.s.view.Scan(BucketCorr, nil, nil, func(_, v []byte) bool {
		l := p.s.incident(binary.BigEndian.Uint64(v))
		if l != nil && l.inc.State.Open() && !slices.Contains(open, l) { // it may have several environments
			open = append(open, l)
			if slices.ContainsFunc(l.steps, func(st *Step) bool { return st.State == StepAwaiting && p.mayAnswer(l, st, who) == "" }) {
				mine = append(mine, l)
			}
		}
		return len(open) < maxOpenListed
	})
	switch {
	case len(mine) == 1:
		return mine[0], ""
	case len(open) == 1:
		return open[0], ""
	case len(open) == 0:
		return nil, "no incident is open"
	}
	names := make([]string, len(open))
	for i, l := range open {
		names[i] = IncidentName(l.inc.N) + " " + l.inc.Project + "/" + l.inc.Environment
	}
	return nil, "which one? Nothing was done. Open: " + strings.Join(names, ", ")
}

func (p *pass) commandWhole(c *Command, l *loaded, who Person) {
	inc := l.inc
	switch c.Verb {
	case "ack":
		p.commandAck(c, l, who)
	case "note":
		full := p.v2() && inc.Lines >= maxLines
		p.line(l, who.ID, "note: "+c.Text)
		if full {
			p.refuseCommand(c, "the timeline of "+IncidentName(inc.N)+" is full, so the note stands in the log only: `backout log export` has it")
			return
		}
		p.reply(c, l, true, "noted in "+IncidentName(inc.N))
	case "snooze":
		d, ok := parseWait(c.Args["for"])
		if !ok || d <= 0 || d > 8*60*60_000 {
			p.refuseCommand(c, "say for how long, at most 8h: `snooze "+IncidentName(inc.N)+" 4h`")
			return
		}
		inc.Snooze = p.now + d
		if p.v2() {
			inc.SnoozeRank, inc.SnoozeSources = severityRank(inc.Severity), p.sourceCount(l)
		}
		p.line(l, who.ID, "snoozed for "+span(d))
		p.reply(c, l, true, "no pages for "+IncidentName(inc.N)+" until "+clock(inc.Snooze)+", unless it gets worse")
	case "update":
		p.commandUpdate(c, l, who)
	case "flag":
		p.commandFlag(c, l, who)
	case "writes":
		p.commandWrites(c, l, who)
	case "revert":
		p.commandRevert(c, l, who)
	case "stop":
		p.commandStop(c, l, who)
	case "merge":
		p.commandMerge(c, l, who)
	case "split":
		p.commandSplit(c, l, who)
	case "resolve":
		p.commandMove(c, l, who, "resolve")
	case "close":
		p.commandMove(c, l, who, "close")
	case "dismiss":
		p.commandMove(c, l, who, "dismiss")
	case "reopen":
		if inc.State != Resolved {
			p.refuseCommand(c, IncidentName(inc.N)+" is "+string(inc.State)+", only a resolved one can be reopened")
			return
		}
		p.reopen(l, "by "+who.ID+suffix(c.Text))
		p.lead(l, or(inc.Run().Playbook, "respond"))
		p.reply(c, l, true, IncidentName(inc.N)+" is open again")
	}
}

// commandAck notes that a person has seen it. Mitigation never waits for it.
func (p *pass) commandAck(c *Command, l *loaded, who Person) {
	inc := l.inc
	if inc.State == Closed {
		p.refuseCommand(c, IncidentName(inc.N)+" is closed")
		return
	}
	ackFor := p.s.Config().Policies.AckFor
	if ackFor == 0 {
		ackFor = 30 * 60_000
	}
	if inc.Ack != nil && inc.Ack.Expires > p.now && inc.Ack.By != who.ID {
		p.reply(c, l, true, inc.Ack.By+" has it since "+clock(inc.Ack.At))
		return
	}
	if inc.Ack != nil {
		p.s.view.Delete(BucketTimer, timerKey(inc.Ack.Expires, inc.Partition, inc.N, ackTimer))
	}
	inc.Ack = &Ack{By: who.ID, At: p.now, Expires: p.now + ackFor}
	p.s.view.Put(BucketTimer, timerKey(inc.Ack.Expires, inc.Partition, inc.N, ackTimer), []byte{1})
	p.line(l, who.ID, "acknowledged")
	p.reply(c, l, true, who.ID+" has "+IncidentName(inc.N)+" until "+clock(inc.Ack.Expires))
}

// commandStop ends the plan; nothing is undone. What was done and what is half
// done is said.
func (p *pass) commandStop(c *Command, l *loaded, who Person) {
	inc := l.inc
	if inc.Stopped != "" {
		p.reply(c, l, true, "stopped already by "+inc.Stopped)
		return
	}
	inc.Stopped, inc.StoppedAt = who.ID, p.now
	var done, half []string
	for _, st := range l.steps {
		node := p.node(l, st)
		if node == nil || !node.Spec.Effect || st.Chunk > 0 {
			continue
		}
		switch st.State {
		case StepDone:
			done = append(done, st.ID)
		case StepRunning, StepAccepted, StepUnknown:
			half = append(half, st.ID)
		case StepBlocked, StepAwaiting, StepReady, StepWaiting, StepFailed, StepSkipped, StepCancelled:
		}
	}
	p.cancelSteps(l, "stopped by "+who.ID)
	if len(half) == 0 {
		p.release(l) // what is half done still changes the environment
	}
	text := "stopped; nothing is undone. Done: " + orNothing(done) + ". Half done: " + orNothing(half)
	if off := inc.offList(); len(off) > 0 {
		text += ". Switched off by this incident: " + orNothing(off) + "; `flag on " + IncidentName(inc.N) + " COMPONENT` switches on again"
	}
	if still := p.s.ReadOnlyText(inc.Project, inc.Environment); still != "" {
		text += ". Still so: " + still
	}
	p.line(l, who.ID, text)
	p.reply(c, l, true, IncidentName(inc.N)+" "+text)
}

func orNothing(ids []string) string {
	if len(ids) == 0 {
		return "nothing"
	}
	return strings.Join(ids, ", ")
}

func (p *pass) commandMove(c *Command, l *loaded, who Person, event string) {
	if !p.move(l, event, "by "+who.ID+suffix(c.Text)) {
		p.refuseCommand(c, IncidentName(l.inc.N)+" is "+string(l.inc.State)+"; `"+event+"` is not possible from there")
		return
	}
	if event == "dismiss" {
		p.forgive(l.inc)
		l.inc.Dismissed = p.v2()
	}
	text := IncidentName(l.inc.N) + " is " + string(l.inc.State)
	if still := p.stillFiring(l); still != "" {
		text += "; " + still
		p.line(l, "backout", still)
	}
	if left := p.leftBehind(l.inc); left != "" {
		text += "; " + left
	}
	p.reply(c, l, true, text)
}
