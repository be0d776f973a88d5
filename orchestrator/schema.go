package orchestrator

import (
	"slices"
	"strconv"
)

// SchemaAction is the read whose output is a SchemaRead.
const SchemaAction = "postgres.schema"

// SchemaRead is what the database of an environment says of its migrations: Prisma's
// table _prisma_migrations, and whether one runs now. At is Unix milliseconds.
type SchemaRead struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	// Applied are the newest 50 of All that are applied, sorted; Failed those that were
	// begun and neither finished nor rolled back.
	Applied []string `json:"applied,omitempty"`
	All     int      `json:"all,omitempty"`
	// AppliedAt says when each of Applied was, in Unix milliseconds, and Sums the SHA-256
	// of its script in hex, as Prisma noted them; empty ones are not known.
	AppliedAt []int64  `json:"applied_at,omitempty"`
	Sums      []string `json:"sums,omitempty"`
	Failed    []string `json:"failed,omitempty"`
	// Lock is set while somebody holds the lock that Prisma takes for a migration.
	Lock *MigrationLock `json:"lock,omitempty"`
	// Missing is set when there is no such table; Error when nothing could be read.
	Missing bool   `json:"missing,omitempty"`
	Error   string `json:"error,omitempty"`
	At      int64  `json:"at"`
	// Rows are what was counted beside, where a step has read both at once.
	Rows []MigrationRows `json:"rows,omitempty"`
}

// MigrationLock is who holds advisory lock 72707369, and since when in Unix
// milliseconds, 0 when the server does not say.
type MigrationLock struct {
	PID   int   `json:"pid"`
	Since int64 `json:"since,omitempty"`
}

// A reading counts for schemaFresh after it was made: unchanged ones are an entry
// every summaryEvery only. Code that came before its migration has aheadGrace to be
// caught up with before policy may roll it back alone, and a running migration is
// waited for lockWait at most. Milliseconds.
const (
	schemaFresh = 2 * summaryEvery
	aheadGrace  = 3 * 60_000
	lockWait    = 10 * 60_000
)

// foldSchema takes in what the database says, and notes what was applied since.
func (p *pass) foldSchema(r *SchemaRead) {
	if !p.v2() || p.s.Config().environment(r.Project, r.Environment) == nil {
		return
	}
	set := p.s.Settings(r.Project, r.Environment)
	applied := p.schemaChanged(set.Schema, r)
	keep := *r
	keep.Rows = nil
	if old := set.Schema; r.Error != "" && old != nil { // what was applied meanwhile is seen by the next one
		keep.Applied, keep.AppliedAt, keep.Sums, keep.All, keep.Failed = old.Applied, old.AppliedAt, old.Sums, old.All, old.Failed
	}
	if r.Lock != nil && set.Schema != nil && set.Schema.Lock != nil && set.Schema.Lock.PID == r.Lock.PID {
		keep.Lock = set.Schema.Lock // the same one, still
	} else if r.Lock != nil && r.Lock.Since == 0 {
		keep.Lock = &MigrationLock{PID: r.Lock.PID, Since: p.now}
	}
	set.Schema = &keep
	heard := p.hearing(r.Project, r.Environment)
	p.saveSettings(r.Project, r.Environment, &set)
	heard()
	p.seenApplied(r, set.RestorePoint, applied)
	for i := range r.Rows {
		p.foldRows(&r.Rows[i])
	}
}

// schemaChanged notes every migration that was applied, or failed, since the last look,
// and returns those that were applied.
func (p *pass) schemaChanged(old, now *SchemaRead) (applied []string) {
	if old == nil || now.Error != "" || old.Error != "" && len(old.Applied) == 0 {
		return nil
	}
	for _, name := range only(now.Applied, old.Applied) {
		if len(old.Applied) == 0 || name >= old.Applied[0] {
			applied = append(applied, name)
			p.noteChange(now.Project, now.Environment, &Change{At: p.now, Kind: "migration", Title: clip(name+" applied", 200)})
		}
	}
	for _, name := range only(now.Failed, old.Failed) {
		if now.Lock == nil {
			p.noteChange(now.Project, now.Environment, &Change{At: p.now, Kind: "migration", Title: clip(name+" began and did not end", 200)})
		}
	}
	return applied
}

// schemaWorth reports whether a reading says anything new, or the last one is old.
func (s *State) schemaWorth(r *SchemaRead) bool {
	old := s.Settings(r.Project, r.Environment).Schema
	if old == nil || r.At-old.At >= summaryEvery {
		return true
	}
	if r.Error != "" {
		return old.Error != r.Error
	}
	same := slices.Equal(old.Applied, r.Applied) && slices.Equal(old.AppliedAt, r.AppliedAt) && slices.Equal(old.Sums, r.Sums) && slices.Equal(old.Failed, r.Failed) &&
		old.All == r.All && old.Missing == r.Missing && old.Error == r.Error && old.Lock.same(r.Lock)
	return !same
}

func (l *MigrationLock) same(other *MigrationLock) bool {
	if l == nil || other == nil {
		return l == other
	}
	return l.PID == other.PID
}

// ahead lists the migrations that a deployment brings and the database does not have.
// Nothing is said where either could not be read.
func ahead(d *Deployment, set *Settings, now int64) []string {
	r := set.Schema
	if r == nil || d == nil || d.Migrations == nil || r.Error != "" || now-r.At > schemaFresh {
		return nil
	}
	missing := only(d.Migrations.Names, r.Applied)
	if r.All > len(r.Applied) && len(r.Applied) > 0 { // older ones were not told
		missing = slices.DeleteFunc(missing, func(name string) bool { return name < r.Applied[0] })
	}
	return missing
}

// aheadNow lists what the code that serves an environment brings and the database does
// not have.
func (p *pass) aheadNow(project, env string) []string {
	set := p.s.Settings(project, env)
	if set.Schema == nil {
		return nil
	}
	d, _ := p.ledgerFind(project, env, p.s.Env(project, env).Promoted)
	return ahead(d, &set, p.now)
}

// notMigrated says why the machine does not roll back code whose migration may be on
// its way; "" when that is no reason.
func (p *pass) notMigrated(inc *Incident) string {
	if !p.v2() {
		return ""
	}
	missing := p.aheadNow(inc.Project, inc.Environment)
	if len(missing) == 0 || p.now-p.s.Env(inc.Project, inc.Environment).PromotedAt > aheadGrace {
		return ""
	}
	return "the code is ahead of the database: " + several(missing) + " not applied yet, which may be the whole trouble; `prisma migrate deploy` first"
}

// migrating says that a migration runs, so that nothing that serves is changed under
// it; "" when none does, or it takes too long to be waited for.
func (p *pass) migrating(inc *Incident) string {
	if !p.v2() {
		return ""
	}
	r := p.s.Settings(inc.Project, inc.Environment).Schema
	if r == nil || r.Lock == nil || p.now-r.At > schemaFresh || p.now-r.Lock.Since > lockWait {
		return ""
	}
	return "a migration is running since " + clock(r.Lock.Since) + " (process " + strconv.Itoa(r.Lock.PID) + " of the database holds Prisma's lock); it is waited for until " + clock(r.Lock.Since+lockWait)
}
