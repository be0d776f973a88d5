package orchestrator

import "strings"

// leftBehind says what an incident leaves behind that its end does not undo: a hold that
// keeps every later build from going live, or a provider that does. "" when nothing is left.
func (p *pass) leftBehind(inc *Incident) string {
	env := p.s.Env(inc.Project, inc.Environment)
	h := env.Hold
	switch {
	case !p.v2() || h != nil && h.N != inc.N:
		return ""
	case h == nil && env.RolledBack && inc.Effects > 0 && stays(env):
		return "what is built for " + inc.Project + "/" + inc.Environment + " stays staged at the provider until one is promoted"
	case h == nil:
		return ""
	}
	return inc.Project + "/" + inc.Environment + " is still held, so what is built does not go live: `hold lift " + inc.Project + "` ends that"
}

// pageAtEnd puts the public page right when an incident closes: a problem that is over
// must not stand there for ever because nobody agreed to, or nothing asked for, its end.
func (p *pass) pageAtEnd(l *loaded) {
	if !p.v2() {
		return
	}
	told := p.toldOf(l.inc)
	var names []string
	for _, post := range told {
		p.publish(l, "resolved", "", []string{post.Component})
		names = append(names, post.Component)
	}
	if len(told) > 0 {
		p.line(l, "backout", "the public page says that it is over ("+strings.Join(names, ", ")+"), because "+IncidentName(l.inc.N)+" is closed")
	}
}

// handPage lets another incident go on with what the public page says of this one.
func (p *pass) handPage(from, into *Incident) {
	if !p.v2() {
		return
	}
	for _, post := range p.toldOf(from) {
		post.Incident = IncidentName(into.N)
		p.s.save(BucketStatus, joinKey(post.Project, post.Component), &post)
	}
	if from.UpdateDue > 0 && into.UpdateDue == 0 {
		into.ToldAt = from.ToldAt
		p.setUpdate(into)
	}
	p.clearUpdate(from)
}
