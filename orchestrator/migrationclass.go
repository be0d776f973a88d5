package orchestrator

import (
	"slices"
	"strings"
)

// The classes of a migration, as handlers/migrations gives them; what is none of them
// counts as ClassUnknown.
const (
	ClassAdditive    = "additive"
	ClassData        = "data"
	ClassUnknown     = "unknown"
	ClassBreaking    = "breaking"
	ClassDestructive = "destructive"
)

// Whether the code from before can read, or write. By-rows is yes as long as the
// queries count 0; anything else counts as AnswerUnsure.
const (
	AnswerYes    = "yes"
	AnswerNo     = "no"
	AnswerByRows = "by-rows"
	AnswerUnsure = "unknown"
)

// Bounds of what is kept of a migration's class; a record stays under 64 KiB.
const (
	MaxEffects      = 24
	MaxRowQueries   = 8
	MaxRowQuery     = 2000
	maxClasses      = 300
	classCandidates = 20
)

// MigrationClass is what a migration does to the code from right before it. It is
// found once for a script, by whoever can read it, and never by the fold.
type MigrationClass struct {
	Project string `json:"project"`
	Name    string `json:"name"`
	// Sum is the SHA-256 of the script in hex, Also that of it with the other line
	// ends; Prisma takes either. Commit is where it was read, empty for a checkout.
	Sum    string `json:"sum"`
	Also   string `json:"also,omitempty"`
	Commit string `json:"commit,omitempty"`
	Class  string `json:"class"`
	// Effects are what its statements do, in their order, at most MaxEffects. Cut is set
	// when one that is not additive was left out.
	Effects []MigrationEffect `json:"effects,omitempty"`
	Cut     bool              `json:"cut,omitempty"`
}

// MigrationEffect is one thing a statement does.
type MigrationEffect struct {
	// Does says it in a few words, such as ADD COLUMN.
	Does   string `json:"does"`
	Class  string `json:"class"`
	Reads  string `json:"old_code_reads"`
	Writes string `json:"old_code_writes"`
	Why    string `json:"why,omitempty"`
	// Loss is what cannot be brought back.
	Loss      string `json:"data_loss,omitempty"`
	Line      int    `json:"line,omitempty"`
	Statement string `json:"statement,omitempty"`
	// Rows are the queries that decide where an answer is by-rows, at most MaxRowQueries
	// in a migration.
	Rows []RowQuery `json:"rows,omitempty"`
}

// RowQuery is a read-only query that gives one row with one number.
type RowQuery struct {
	// Counts says what, in words that follow the number: "rows use it".
	Counts string `json:"counts"`
	SQL    string `json:"sql,omitempty"`
	// Decides is "reads" or "writes".
	Decides string `json:"decides"`
}

// has reports whether the class is that of a script with this sum; an empty sum is
// not known, and no reason to doubt.
func (m *MigrationClass) has(sum string) bool { return sum == "" || sum == m.Sum || sum == m.Also }

// queries are those of all effects, in order: counts stand in the same one.
func (m *MigrationClass) queries() []RowQuery {
	var out []RowQuery
	for i := range m.Effects {
		out = append(out, m.Effects[i].Rows...)
	}
	return out
}

// class of a migration; false when it is not known.
func (s *State) class(project, name string) (m MigrationClass, ok bool) {
	ok = s.load(BucketMigration, joinKey(project, name), &m)
	return m, ok
}

// classWorth reports whether a class says anything that is not known.
func (s *State) classWorth(m *MigrationClass) bool {
	old, ok := s.class(m.Project, m.Name)
	return !ok || old.Sum != m.Sum
}

// foldClass keeps what a migration does, and wakes people when it was applied a moment
// ago and cannot be taken back.
func (p *pass) foldClass(m *MigrationClass) {
	pr, ok := p.s.Config().Project(m.Project)
	if !p.v2() || !ok || !p.s.classWorth(m) {
		return
	}
	keep := *m
	if len(keep.Effects) > MaxEffects {
		keep.Effects, keep.Cut = keep.Effects[:MaxEffects], true
	}
	for i := range pr.Environments {
		defer p.hearing(m.Project, pr.Environments[i].ID)()
	}
	p.s.save(BucketMigration, joinKey(m.Project, m.Name), &keep)
	p.forgetOldest(BucketMigration, joinKey(m.Project, ""))
	for i := range pr.Environments {
		env := pr.Environments[i].ID
		p.s.touch(m.Project, env)
		p.notTakenBack(m.Project, env, []string{m.Name})
	}
}

// forgetOldest drops what has the first names: migrations begin with the time they
// were made.
func (p *pass) forgetOldest(b Bucket, prefix []byte) {
	var keys [][]byte
	p.s.view.Scan(b, prefix, nil, func(k, _ []byte) bool {
		keys = append(keys, append([]byte(nil), k...))
		return true
	})
	for _, k := range keys[:max(0, len(keys)-maxClasses)] {
		p.s.view.Delete(b, k)
	}
}

// MigrationWanted is a migration whose class is not known. Commit has it; empty when
// only the database names it.
type MigrationWanted struct{ Name, Commit string }

// ClassesWanted lists the migrations between what serves and what could be gone back
// to, or is about to serve, whose class is not known: at most 50, in order.
func (s *State) ClassesWanted(project string) []MigrationWanted {
	pr, ok := s.Config().Project(project)
	if !ok {
		return nil
	}
	var out []MigrationWanted
	for i := range pr.Environments {
		env := pr.Environments[i].ID
		set := s.Settings(project, env)
		for _, w := range s.betweenAny(project, env, &set) {
			m, known := s.class(project, w.Name)
			if (known && m.has(set.Schema.sum(w.Name))) || slices.ContainsFunc(out, func(x MigrationWanted) bool { return x.Name == w.Name }) {
				continue
			}
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b MigrationWanted) int { return strings.Compare(a.Name, b.Name) })
	return out[:min(len(out), maxMigrations)]
}

// betweenAny lists the migrations that not all of the newest deployments have, with the
// commit of what serves where that one has it, or else of the newest that does.
func (s *State) betweenAny(project, env string, set *Settings) []MigrationWanted {
	serves := s.Env(project, env).Promoted
	var ds []*Deployment
	for _, d := range s.newestFirst(project, env) {
		if d.Ready && !d.Gone && len(ds) < classCandidates {
			ds = append(ds, d)
		}
	}
	var out []MigrationWanted
	add := func(name, commit string) {
		if !slices.ContainsFunc(out, func(w MigrationWanted) bool { return w.Name == name }) {
			out = append(out, MigrationWanted{name, commit})
		}
	}
	slices.SortStableFunc(ds, func(a, b *Deployment) int { return firstIs(a.ID == serves, b.ID == serves) })
	for _, d := range ds {
		for _, to := range ds {
			since, _, known := migrationsBetween(d, to, set)
			if !known {
				continue
			}
			for _, name := range since {
				if d.Migrations == nil {
					add(name, "")
				} else {
					add(name, d.Commit)
				}
			}
		}
	}
	return out
}

func firstIs(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
