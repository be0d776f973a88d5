package orchestrator

import "strconv"

// The public page promises when its next update comes; this clock keeps the promise
// in people's minds. updateEvery is the default, in milliseconds.
const (
	updateTimer = "update"
	updateEvery = 20 * 60_000
)

// usersTold starts the clock anew after the page has said something, and stops it
// when it said that all is over.
func (p *pass) usersTold(l *loaded, kind string) {
	if !p.v2() {
		return
	}
	inc := l.inc
	p.clearUpdate(inc)
	if kind == "resolved" {
		return
	}
	inc.ToldAt = p.now
	p.setUpdate(inc)
	p.changed(l)
}

func (p *pass) setUpdate(inc *Incident) {
	inc.UpdateDue = p.now + max(1_000, p.timing("update_every", updateEvery))
	p.s.view.Put(BucketTimer, timerKey(inc.UpdateDue, inc.Partition, inc.N, updateTimer), []byte{1})
}

func (p *pass) clearUpdate(inc *Incident) {
	if inc.UpdateDue > 0 {
		p.s.view.Delete(BucketTimer, timerKey(inc.UpdateDue, inc.Partition, inc.N, updateTimer))
		inc.UpdateDue = 0
	}
}

// updateOver says that users were promised an update and did not get it.
func (p *pass) updateOver(l *loaded) {
	inc := l.inc
	inc.UpdateDue = 0
	p.changed(l)
	if !inc.State.Open() {
		return
	}
	p.setUpdate(inc)
	text := "Users were last told at " + clock(inc.ToldAt) + " and wait for an update. Say `update " + IncidentName(inc.N) + " \"what they should know\"`"
	if inc.Ack != nil && inc.Ack.Expires > p.now || inc.well() {
		p.line(l, "backout", text+p.ownedBy(inc))
		return
	}
	p.page(l, text)
}

// ownedBy says whose task the update is.
func (p *pass) ownedBy(inc *Incident) string {
	if inc.Ack == nil || inc.Ack.Expires <= p.now {
		return ""
	}
	return "; " + inc.Ack.By + " has this incident"
}

// commandUpdate lets a person tell users where things stand. It adds to what the page
// says of this incident and never begins to speak of it.
func (p *pass) commandUpdate(c *Command, l *loaded, who Person) {
	if !p.v2() {
		p.refuseCommand(c, "unknown command "+strconv.Quote(c.Verb))
		return
	}
	if !who.HasRole([]string{p.pageRole(), "support", "devops-lead"}) && who.ID != AdminPerson {
		p.refuseCommand(c, who.ID+" has none of the roles "+list([]string{p.pageRole(), "support", "devops-lead"}, "or"))
		return
	}
	told := p.toldOf(l.inc)
	switch {
	case c.Text == "":
		p.refuseCommand(c, "say what users should know: `update "+IncidentName(l.inc.N)+" \"text\"`")
		return
	case len(told) == 0:
		p.refuseCommand(c, "the public page says nothing of "+IncidentName(l.inc.N)+" yet; approve its step `status` first")
		return
	case !l.inc.State.Open():
		p.refuseCommand(c, IncidentName(l.inc.N)+" is "+string(l.inc.State))
		return
	}
	for _, post := range told {
		p.publish(l, post.Kind, clip(c.Text, 500), []string{post.Component})
	}
	p.line(l, who.ID, "told users: "+clip(c.Text, 500))
	p.reply(c, l, true, "the public page says so; the next update is due by "+clock(l.inc.UpdateDue))
}

// toldOf lists what the page says of an incident that is not over for users.
func (p *pass) toldOf(inc *Incident) []StatusPost {
	var out []StatusPost
	for _, post := range p.s.Status() {
		if post.Incident == IncidentName(inc.N) && post.Kind != "resolved" {
			out = append(out, post)
		}
	}
	return out
}
