package orchestrator

// blame keeps in the ledger that a deployment was the suspect of an open incident when
// a newer one took over: whoever fixed forward in a hurry and failed must not be led
// back to it. A dismissed incident takes it back.
func (p *pass) blame(l *loaded, newer string) {
	s := l.inc.Suspect
	if !p.v2() || s == nil || s.DeploymentID == newer || s.DeploymentID == l.inc.Cleared {
		return
	}
	if d, key := p.ledgerFind(l.inc.Project, l.inc.Environment, s.DeploymentID); d != nil && d.Bad == "" {
		d.Bad = blamedBy(l.inc)
		p.s.save(BucketDeploy, key, d)
		p.s.touch(l.inc.Project, l.inc.Environment)
	}
}

func blamedBy(inc *Incident) string {
	return "the suspect of " + IncidentName(inc.N) + " when it was replaced"
}

func rolledBackBy(inc *Incident) string { return "rolled back by " + IncidentName(inc.N) }

// forgive takes back what was kept against deployments because of an incident that
// was none.
func (p *pass) forgive(inc *Incident) {
	for _, r := range p.s.ledger(inc.Project, inc.Environment) {
		if r.d.Bad == blamedBy(inc) || r.d.Bad == rolledBackBy(inc) {
			r.d.Bad = ""
			p.s.save(BucketDeploy, r.key, r.d)
			p.s.touch(inc.Project, inc.Environment)
		}
	}
}
