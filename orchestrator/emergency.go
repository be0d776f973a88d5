package orchestrator

import (
	"slices"
	"strings"
)

// EmergencyPlaybook is the playbook of wrong or lost data. `emergency PROJECT` lets it
// lead, for those who may decide about a database.
const EmergencyPlaybook = "database-emergency"

// mayLead says why a person may not let a playbook lead by hand; "" if they may.
func mayLead(c *Command, who Person) string {
	switch {
	case c.Verb == "rollback" && !who.HasRole([]string{"on-call", "devops-lead"}):
		return who.ID + " has none of the roles on-call or devops-lead"
	case byEmergency(c) && !who.HasRole([]string{"dba", "devops-lead"}):
		return who.ID + " has none of the roles dba or devops-lead; open an incident without it, and it pages them: `open " + c.Project + " \"...\"`"
	}
	return ""
}

// byEmergency reports whether a command wants the emergency playbook to lead.
func byEmergency(c *Command) bool {
	return c.Verb == "emergency" || c.Verb == "open" && c.Args["playbook"] == EmergencyPlaybook
}

// tellsOfRisk reports whether a signal is of a query that was configured to say that data
// is at risk.
func (p *pass) tellsOfRisk(ev *Event) bool {
	id, ok := strings.CutPrefix(ev.Fingerprint, ReadSQL+"/")
	if !ok || ev.Origin != "poll/"+ReadSQL { // nobody outside can say so
		return false
	}
	e := p.s.Config().environment(ev.Project, ev.Environment)
	return e != nil && slices.ContainsFunc(e.Signals, func(s SQLSignal) bool { return s.ID == id && s.DataAtRisk })
}

// emergencyByHand leads with the emergency playbook because a person said so. It is no
// vote for anything: the plan asks about each thing it would do.
func (p *pass) emergencyByHand(c *Command, l *loaded, who Person) {
	inc := l.inc
	if inc.Run().Playbook == EmergencyPlaybook && inc.Stopped == "" {
		p.reply(c, l, true, IncidentName(inc.N)+": "+EmergencyPlaybook+" leads already")
		return
	}
	inc.Reason, inc.Stopped, inc.PagedAt = clip(c.Text, 300), "", 0
	inc.Component = or(inc.Component, c.Args["component"])
	if at := p.since(c); at < inc.StartedAt {
		inc.StartedAt = at
	}
	p.line(l, who.ID, "called a database emergency"+suffix(inc.Reason))
	p.cancelSteps(l, "a database emergency")
	p.lead(l, EmergencyPlaybook)
	p.reply(c, l, true, IncidentName(inc.N)+": "+inc.Run().Playbook+" leads")
}
