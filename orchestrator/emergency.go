package orchestrator

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

// emergencyByHand leads with the emergency playbook because a person said so. Whatever
// serves now is the suspect, however long it has served: the age binds the machine. It is
// no vote for anything: the plan asks about each thing it would do.
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
	if inc.Suspect = p.blamed(l, true); inc.Suspect != nil {
		p.line(l, "backout", "suspect: deployment "+inc.Suspect.DeploymentID+", score "+score(inc.Suspect.Score)+", because "+join(inc.Suspect.Reasons))
	}
	p.lead(l, EmergencyPlaybook)
	p.reply(c, l, true, IncidentName(inc.N)+": "+inc.Run().Playbook+" leads")
}
