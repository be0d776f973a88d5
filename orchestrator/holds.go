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
