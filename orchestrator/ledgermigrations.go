package orchestrator

import "slices"

// CommitMigrations are the migrations in a commit: the folders of prisma/migrations,
// sorted, the newest 50 of All.
type CommitMigrations struct {
	Project string   `json:"project"`
	Commit  string   `json:"commit"`
	Names   []string `json:"names,omitempty"`
	All     int      `json:"all"`
}

// foldMigrations notes the migrations of a commit with every deployment of it.
func (p *pass) foldMigrations(m *CommitMigrations) {
	pr, ok := p.s.Config().Project(m.Project)
	if !ok || !p.v2() {
		return
	}
	for i := range pr.Environments {
		env := pr.Environments[i].ID
		for _, r := range p.s.ledger(m.Project, env) {
			if r.d.Commit != m.Commit || r.d.Migrations != nil {
				continue
			}
			names := m.Names[max(0, len(m.Names)-maxMigrations):]
			r.d.Migrations = &Migrations{Names: names, All: m.All}
			p.s.save(BucketDeploy, r.key, r.d)
			p.s.touch(m.Project, env)
		}
	}
}

// migrationsWorth reports whether a deployment of this commit lacks its migrations.
func (s *State) migrationsWorth(m *CommitMigrations) bool {
	pr, ok := s.Config().Project(m.Project)
	if !ok {
		return false
	}
	for i := range pr.Environments {
		if slices.ContainsFunc(s.ledger(m.Project, pr.Environments[i].ID), func(r ledgerRow) bool { return r.d.Commit == m.Commit && r.d.Migrations == nil }) {
			return true
		}
	}
	return false
}
