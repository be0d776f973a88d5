package orchestrator

import "slices"

// migrationsBetween lists the migrations that one deployment has and the other lacks,
// and the other way round. Where no repository was read, it is those that the database
// applied after the other one was built: that may be too many and is never too few of
// them, as long as code and migrations come together.
func migrationsBetween(from, to *Deployment, set *Settings) (since, lost []string, known bool) {
	if from.Migrations == nil || to.Migrations == nil {
		since, known = set.Schema.appliedAfter(to.At)
		return since, nil, known && from.At > to.At
	}
	since = only(from.Migrations.Names, to.Migrations.Names)
	if len(to.Migrations.Names) > 0 { // what is older than the oldest one told is in both
		since = slices.DeleteFunc(since, func(name string) bool { return name < to.Migrations.Names[0] })
	}
	lost = only(to.Migrations.Names, from.Migrations.Names)
	if len(from.Migrations.Names) > 0 {
		lost = slices.DeleteFunc(lost, func(name string) bool { return name < from.Migrations.Names[0] })
	}
	return since, lost, true
}

// The states of a migration in a database.
const (
	MigrationApplied = "applied"
	MigrationPending = "pending"
	// MigrationFailed began and did not end: what it did before is not known.
	MigrationFailed = "failed"
	// MigrationUnread is one of which the database has not been asked.
	MigrationUnread = "unread"
)

// usable reports whether the reading says which migrations there are, and is new
// enough to be believed.
func (r *SchemaRead) usable(now int64) bool {
	return r != nil && r.Error == "" && now-r.At <= schemaFresh
}

// state says whether a migration is in the database, and since when in Unix
// milliseconds, 0 when that is not told.
func (r *SchemaRead) state(name string, now int64) (state string, at int64) {
	if !r.usable(now) {
		return MigrationUnread, 0
	}
	if i := slices.Index(r.Applied, name); i >= 0 {
		return MigrationApplied, r.appliedAt(i)
	}
	if slices.Contains(r.Failed, name) {
		return MigrationFailed, 0
	}
	if r.All > len(r.Applied) && len(r.Applied) > 0 && name < r.Applied[0] { // too old to be told
		return MigrationApplied, 0
	}
	return MigrationPending, 0
}

func (r *SchemaRead) appliedAt(i int) int64 {
	if i < len(r.AppliedAt) {
		return r.AppliedAt[i]
	}
	return 0
}

// sum is that of the script the database has applied, "" when it is not known.
func (r *SchemaRead) sum(name string) string {
	if r == nil {
		return ""
	}
	if i := slices.Index(r.Applied, name); i >= 0 && i < len(r.Sums) {
		return r.Sums[i]
	}
	return ""
}

// appliedAfter lists what was applied after a time; known is false when the database
// has not said when.
func (r *SchemaRead) appliedAfter(at int64) (names []string, known bool) {
	if r == nil || r.Error != "" || at <= 0 || len(r.Applied) == 0 || len(r.AppliedAt) != len(r.Applied) {
		return nil, false
	}
	for i, name := range r.Applied {
		if r.AppliedAt[i] > at {
			names = append(names, name)
		}
	}
	return names, true
}
