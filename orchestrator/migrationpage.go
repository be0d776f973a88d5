package orchestrator

import "slices"

// A migration that breaks or destroys should have a verified copy of the database that
// is not older than restoreAge when it is applied; lossTold is how long after it people
// are still told. Milliseconds.
const (
	restoreAge = 15 * 60_000
	lossTold   = dayMS
)

// seenApplied notes when migrations were applied, and which copy there was then.
func (p *pass) seenApplied(r *SchemaRead, restore *RestorePoint, names []string) {
	for _, name := range names {
		m := p.s.mark(r.Project, r.Environment, name)
		if m.Applied > 0 {
			continue
		}
		m.Applied, m.Restore = p.now, restore
		if i := slices.Index(r.Applied, name); i >= 0 && r.appliedAt(i) > 0 {
			m.Applied = min(p.now, r.appliedAt(i))
		}
		p.saveMark(r.Project, r.Environment, name, &m)
	}
	p.notTakenBack(r.Project, r.Environment, names)
}

// notTakenBack wakes people, once for each migration, when one was applied to
// production that breaks or destroys, and nothing was there to come back to.
func (p *pass) notTakenBack(project, env string, names []string) {
	if e := p.s.Config().environment(project, env); e == nil || e.Kind != KindProduction {
		return
	}
	var told []string
	for _, name := range names {
		m := p.s.mark(project, env, name)
		class, ok := p.s.class(project, name)
		if !ok || !class.oneWay() || m.Paged || m.Applied == 0 || p.now-m.Applied > lossTold || m.covered() {
			continue
		}
		m.Paged = true
		p.saveMark(project, env, name, &m)
		told = append(told, name+" is "+class.Class+class.worst()+" and was applied at "+moment(m.Applied, p.now)+m.without(p.now))
	}
	if len(told) > 0 {
		p.tellNoWayBack(project, env, "this cannot be taken back: on "+project+"/"+env+" "+clip(join(told), 500)+". Take a copy now, before more is written: what is restored later loses what came after")
	}
}

// oneWay reports whether the code from before cannot just be put back.
func (m *MigrationClass) oneWay() bool {
	return m.Class == ClassBreaking || m.Class == ClassDestructive
}

func (m *MigrationClass) worst() string {
	for i := range m.Effects {
		if m.Effects[i].Class == m.Class {
			return suffix(m.Effects[i].Does)
		}
	}
	return ""
}

// covered reports whether a copy was new enough when the migration was applied.
func (m *migrationMark) covered() bool {
	return m.Restore != nil && m.Restore.At <= m.Applied && m.Applied-m.Restore.At <= restoreAge
}

func (m *migrationMark) without(now int64) string {
	if m.Restore == nil {
		return " without any verified restore point"
	}
	return " with no verified restore point younger than " + span(restoreAge) + ", the newest is of " + moment(m.Restore.At, now)
}

// tellNoWayBack pages in the incident that is open there, or in the one about what
// Backout finds.
func (p *pass) tellNoWayBack(project, env, text string) {
	if l := p.openIncident(project, env); l != nil && l.inc.State.Open() {
		p.page(l, text)
		return
	}
	delete(p.s.meta.Found, FindLoss) // each of them pages: the next one is another loss
	p.finding(&Finding{Kind: FindLoss, Key: hashHex(text), Text: text})
}
