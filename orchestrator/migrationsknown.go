package orchestrator

import "slices"

// MigrationKnown is what is known of one migration in an environment.
type MigrationKnown struct {
	Name string `json:"migration"`
	// State is applied, pending, failed or unread; AppliedAt is Unix milliseconds.
	State     string `json:"state"`
	AppliedAt int64  `json:"applied_at,omitempty"`
	// Between is set when it lies between what serves and what would be gone back to.
	Between bool `json:"between,omitempty"`
	// Class is nil while the script has not been read; Other is set when the database has
	// applied another script than the one that was.
	Class *MigrationClass `json:"class,omitempty"`
	Other bool            `json:"other,omitempty"`
	// Rows are the newest counts of its queries; Paged says that people were told that it
	// cannot be taken back.
	Rows  *MigrationRows `json:"rows,omitempty"`
	Paged bool           `json:"paged,omitempty"`
}

// MigrationsKnown lists the migrations of an environment by name: those of the database,
// of its newest deployments, and those that were classified.
func (s *State) MigrationsKnown(project, env string) []MigrationKnown {
	set := s.Settings(project, env)
	names := s.migrationNames(project, env, &set)
	v := s.VerdictNow(project, env)
	out := []MigrationKnown{}
	for _, name := range names {
		k := MigrationKnown{Name: name, Between: v.Migrations != nil && slices.Contains(*v.Migrations, name)}
		k.State, k.AppliedAt = set.Schema.state(name, s.meta.Now)
		if class, ok := s.class(project, name); ok {
			k.Class, k.Other = &class, !class.has(set.Schema.sum(name))
		}
		mark := s.mark(project, env, name)
		k.Rows, k.Paged = mark.Rows, mark.Paged
		out = append(out, k)
	}
	return out
}

func (s *State) migrationNames(project, env string, set *Settings) []string {
	var names []string
	if r := set.Schema; r != nil {
		names = append(append(names, r.Applied...), r.Failed...)
	}
	for i, d := range s.newestFirst(project, env) {
		if d.Migrations != nil && i < classCandidates {
			names = append(names, d.Migrations.Names...)
		}
	}
	prefix := joinKey(project, "")
	s.view.Scan(BucketMigration, prefix, nil, func(k, _ []byte) bool {
		names = append(names, string(k[len(prefix):]))
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// NewCounts keeps those counts that say something that is not known.
func (s *State) NewCounts(all []MigrationRows) (out []MigrationRows) {
	for i := range all {
		if s.meta.FoldVersion >= 2 && s.rowsWorth(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out
}
