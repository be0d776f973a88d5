package orchestrator

import (
	"strconv"
	"strings"
)

// holdTimer begins the name of the timer that ends a hold, before its place.
const holdTimer = "hold/"

// maxHold bounds how long a hold may be set for. Milliseconds.
const maxHold = 30 * dayMS

// holds reports whether there is a hold at a time.
func (h *Hold) holds(now int64) bool { return h != nil && (h.Until == 0 || now < h.Until) }

func (h *Hold) end(now int64) string {
	if h.Until == 0 {
		return ""
	}
	return ", until " + moment(h.Until, now)
}

// HoldOf is a hold with the environment that it is on.
type HoldOf struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Hold
}

// Holds lists what is held at a time, in Unix milliseconds, in the order of the
// configuration.
func (s *State) Holds(now int64) []HoldOf {
	held := []HoldOf{}
	for _, pr := range s.Config().Projects {
		for _, e := range pr.Environments {
			if h := s.Env(pr.ID, e.ID).Hold; h.holds(now) {
				held = append(held, HoldOf{Project: pr.ID, Environment: e.ID, Hold: *h})
			}
		}
	}
	return held
}

// Line says in one line what is held, by whom, why and until when.
func (h *HoldOf) Line(now int64) string {
	return h.Project + "/" + h.Environment + " is held by " + h.By + " since " + moment(h.Since, now) + h.end(now) + suffix(h.Reason)
}

// listHolds answers what is held; nothing follows from it.
func (p *pass) listHolds(c *Command) {
	var lines []string
	for _, h := range p.s.Holds(p.now) {
		lines = append(lines, h.Line(p.now))
	}
	if len(lines) == 0 {
		lines = []string{"nothing is held"}
	}
	p.reply(c, nil, true, strings.Join(lines, "\n"))
}

func (p *pass) commandHold(c *Command, who Person) {
	if c.Args["action"] == "list" {
		p.listHolds(c)
		return
	}
	pr, ok := p.s.Config().Project(c.Project)
	if !ok {
		p.refuseCommand(c, "there is no project "+strconv.Quote(c.Project)+" in the configuration")
		return
	}
	name := or(c.Args["environment"], pr.Production())
	if why := pr.noEnvironment(name); why != "" && p.v2() {
		p.refuseCommand(c, why+". Nothing is changed")
		return
	}
	env := p.s.Env(pr.ID, name)
	switch c.Args["action"] {
	case "set":
		p.setHold(c, who, Place{pr.ID, name}, env)
	case "lift":
		if env.Hold == nil && p.v2() {
			p.reply(c, nil, true, "nothing holds "+pr.ID+"/"+name)
			return
		}
		p.heldLine(Place{pr.ID, name}, who, "lifted the hold of "+liftedFrom(env.Hold))
		env.Hold = nil
		p.s.saveEnv(pr.ID, name, env)
		text := "the hold on " + pr.ID + "/" + name + " is lifted"
		if p.v2() && stays(env) {
			text += "; the provider still lets no push go live by itself: what is built stays staged until one is promoted"
		}
		p.reply(c, nil, true, text)
	default:
		p.refuseCommand(c, "say `hold set PROJECT` or `hold lift PROJECT`")
	}
}

// setHold holds an environment by a person's word: who, why, and until when.
func (p *pass) setHold(c *Command, who Person, at Place, env *EnvState) {
	h := &Hold{By: who.ID, Owner: who.ID, Reason: clip(c.Text, 200), Since: p.now}
	if text := c.Args["until_ms"]; text != "" {
		until, err := strconv.ParseInt(text, 10, 64)
		if err != nil || until <= p.now || until > p.now+maxHold {
			p.refuseCommand(c, "a hold ends in the future and within 30 days: `hold set "+at.Project+" --until 4h`")
			return
		}
		h.Until = until
		p.s.view.Put(BucketTimer, timerKey(until, 0, 0, holdTimer+at.Project+"/"+at.Environment), []byte{1})
	}
	p.heldLine(at, who, "set a hold"+suffix(h.Reason)+h.end(p.now))
	env.Hold = h
	p.s.saveEnv(at.Project, at.Environment, env)
	end := "; nobody has said until when: `hold lift " + at.Project + "` ends it"
	if h.Until > 0 {
		end = h.end(p.now)
	}
	p.reply(c, nil, true, at.Project+"/"+at.Environment+" is held: nothing new goes to production through Backout"+end)
}

// heldLine keeps in the open incident what somebody did to the hold beside it: whoever
// reads on must know whether the next push goes live.
func (p *pass) heldLine(at Place, who Person, text string) {
	if l := p.openIncident(at.Project, at.Environment); p.v2() && l != nil && l.inc.State != Closed {
		p.line(l, who.ID, text)
		p.changed(l)
	}
}

func liftedFrom(h *Hold) string {
	if h == nil {
		return "nobody"
	}
	return h.By + suffix(h.Reason)
}

// holdOver ends a hold whose time is over. One that was set anew meanwhile stays.
func (p *pass) holdOver(name string) {
	project, env, ok := strings.Cut(strings.TrimPrefix(name, holdTimer), "/")
	e := p.s.Env(project, env)
	if !ok || e.Hold == nil || e.Hold.holds(p.now) {
		return
	}
	text := "the hold of " + e.Hold.By + suffix(e.Hold.Reason) + " has ended: what is promoted goes live again"
	e.Hold = nil
	p.s.saveEnv(project, env, e)
	if l := p.openIncident(project, env); l != nil && l.inc.State.Open() {
		p.line(l, "backout", text)
	}
}

// ownerOf is the person who answers for an incident: who has it, asked for it, or
// agreed last.
func (p *pass) ownerOf(inc *Incident) string {
	switch {
	case inc.Ack != nil && inc.Ack.Expires > p.now:
		return inc.Ack.By
	case inc.Requester != "":
		return inc.Requester
	}
	l := p.s.incident(inc.N)
	owner := ""
	if l == nil {
		return owner
	}
	for _, st := range l.steps {
		if st.Approval != nil && len(st.Approval.Votes) > 0 {
			owner = st.Approval.Votes[len(st.Approval.Votes)-1].By
		}
	}
	return owner
}
