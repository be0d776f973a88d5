package orchestrator

import "slices"

// MigrationRows is what the queries of a migration counted in one database. At is Unix
// milliseconds.
type MigrationRows struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Name        string `json:"name"`
	// Sum is that of the script whose queries were asked.
	Sum string `json:"sum"`
	At  int64  `json:"at"`
	// Counts stand in the order of the queries.
	Counts []RowCount `json:"counts"`
}

// RowCount is the number that a query gave, or why it gave none.
type RowCount struct {
	N     int64  `json:"n"`
	Error string `json:"error,omitempty"`
}

// rowsFresh is how long a count says something about the rows. Milliseconds.
const rowsFresh = schemaFresh

// migrationMark is what is known of a migration in one environment.
type migrationMark struct {
	// Applied is when it was seen to be applied, as the database says; Restore is the
	// newest verified copy that there was then.
	Applied int64         `json:"applied,omitempty"`
	Restore *RestorePoint `json:"restore,omitempty"`
	// Paged is set when people were told that it cannot be taken back.
	Paged bool           `json:"paged,omitempty"`
	Rows  *MigrationRows `json:"rows,omitempty"`
}

func markKey(project, env, name string) []byte { return joinKey(project, env, name) }

func (s *State) mark(project, env, name string) (m migrationMark) {
	s.load(BucketMark, markKey(project, env, name), &m)
	return m
}

func (p *pass) saveMark(project, env, name string, m *migrationMark) {
	p.s.save(BucketMark, markKey(project, env, name), m)
	p.forgetOldest(BucketMark, joinKey(project, env, ""))
}

// rowsWorth reports whether counts say anything new, or the last ones are old.
func (s *State) rowsWorth(r *MigrationRows) bool {
	class, ok := s.class(r.Project, r.Name)
	if !ok || class.Sum != r.Sum || len(r.Counts) != len(class.queries()) {
		return false
	}
	old := s.mark(r.Project, r.Environment, r.Name).Rows
	return old == nil || old.Sum != r.Sum || r.At-old.At >= summaryEvery || !slices.Equal(old.Counts, r.Counts)
}

// foldRows takes in what was counted. What was counted before something newer is late.
func (p *pass) foldRows(r *MigrationRows) {
	known := p.s.Config().environment(r.Project, r.Environment) != nil
	if !p.v2() || !known || len(r.Counts) > MaxRowQueries || !p.s.rowsWorth(r) {
		return
	}
	m := p.s.mark(r.Project, r.Environment, r.Name)
	if m.Rows != nil && m.Rows.Sum == r.Sum && m.Rows.At > r.At {
		return
	}
	m.Rows = r
	heard := p.hearing(r.Project, r.Environment)
	p.saveMark(r.Project, r.Environment, r.Name, &m)
	heard()
	p.s.touch(r.Project, r.Environment)
}

// RowsWanted are the queries to ask a database because a migration between what serves
// and what would be gone back to needs them.
type RowsWanted struct {
	Name, Sum string
	Queries   []RowQuery
}

// maxRowsWanted bounds how many migrations are asked about at once.
const maxRowsWanted = 10

// RowsWanted lists what is to be counted in the database of an environment, the newest
// migrations first.
func (s *State) RowsWanted(project, env string) []RowsWanted {
	v := s.VerdictNow(project, env)
	set := s.Settings(project, env)
	if v.Migrations == nil {
		return nil
	}
	var out []RowsWanted
	for _, name := range slices.Backward(*v.Migrations) {
		m, ok := s.class(project, name)
		state, _ := set.Schema.state(name, s.meta.Now)
		if queries := m.queries(); ok && state != MigrationPending && len(queries) > 0 && len(out) < maxRowsWanted {
			out = append(out, RowsWanted{Name: name, Sum: m.Sum, Queries: queries})
		}
	}
	return out
}
