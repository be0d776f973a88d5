package orchestrator

import (
	"slices"
	"strings"
)

// Settings are what is known of an environment beside what serves it.
type Settings struct {
	// Plan is the provider's, such as hobby; RetentionDays is after how many days it
	// deletes production deployments, 0 for never or not told.
	Plan          string `json:"plan,omitempty"`
	RetentionDays int    `json:"retention_days,omitempty"`
	// Variables are the environment's, without values.
	Variables []VariableAt `json:"variables,omitempty"`
	// Crons are those of the deployment that serves.
	Crons *CronsOf `json:"crons,omitempty"`
	// Rotated is the newest rotation of a secret: what was built before it has the
	// old one.
	Rotated *Change `json:"rotated,omitempty"`
	// Schema is what the database said of its migrations last.
	Schema *SchemaRead `json:"schema,omitempty"`
	// RestorePoint is the newest verified one.
	RestorePoint *RestorePoint `json:"restore_point,omitempty"`
	// ReadOnly is set while the application may not write to the database.
	ReadOnly *ReadOnlyState `json:"read_only,omitempty"`
}

// RestorePoint is a copy of a database that was tried: restored somewhere and compared.
// Times are Unix milliseconds, At the moment it shows; Size is in bytes.
type RestorePoint struct {
	At         int64  `json:"at"`
	Name       string `json:"name"`
	VerifiedAt int64  `json:"verified_at,omitempty"`
	Size       int64  `json:"size,omitempty"`
	Rows       int64  `json:"rows,omitempty"`
}

// Settings of an environment.
func (s *State) Settings(project, env string) Settings {
	var out Settings
	s.load(BucketSettings, joinKey(project, env), &out)
	return out
}

func (p *pass) saveSettings(project, env string, set *Settings) {
	p.s.save(BucketSettings, joinKey(project, env), set)
	p.s.touch(project, env)
}

// foldSettings takes in plan, retention, variables and crons, and notes as a change
// what became different since they were read last.
func (p *pass) foldSettings(ds *Deployments) {
	set := p.s.Settings(ds.Project, ds.Environment)
	p.settingsChanged(ds, &set)
	if c := ds.Crons; c != nil {
		if d, key := p.ledgerFind(ds.Project, ds.Environment, c.Deployment); d != nil && (d.Crons == nil || !slices.Equal(*d.Crons, c.List)) {
			list := append([]string{}, c.List...)
			d.Crons = &list
			p.s.save(BucketDeploy, key, d)
		}
		set.Crons = c
	}
	if len(ds.Variables) > 0 {
		set.Variables = ds.Variables
	}
	set.Plan, set.RetentionDays = or(ds.Plan, set.Plan), ds.RetentionDays
	p.saveSettings(ds.Project, ds.Environment, &set)
}

// settingsChanged notes one change for all that differs from the last look.
func (p *pass) settingsChanged(ds *Deployments, set *Settings) {
	var parts []string
	kind := "cron"
	if len(set.Variables) > 0 && len(ds.Variables) > 0 {
		if text := variablesChanged(set.Variables, ds.Variables); text != "" {
			parts, kind = append(parts, text), "environment"
		}
	}
	if old, c := set.Crons, ds.Crons; old != nil && c != nil {
		if text := differs(old.List, c.List); text != "" {
			parts = append(parts, cronsText(kind, text))
		}
	}
	if len(parts) > 0 {
		p.noteChange(ds.Project, ds.Environment, &Change{At: p.now, Kind: kind, Title: clip(join(parts), 200)})
	}
}

// variablesChanged says which variables came, went or got another value.
func variablesChanged(old, now []VariableAt) string {
	var parts []string
	for _, v := range now {
		i := slices.IndexFunc(old, func(x VariableAt) bool { return x.Key == v.Key })
		switch {
		case i < 0:
			parts = append(parts, v.Key+" added")
		case old[i].At != v.At:
			parts = append(parts, v.Key+" changed")
		}
	}
	for _, v := range old {
		if !slices.ContainsFunc(now, func(x VariableAt) bool { return x.Key == v.Key }) {
			parts = append(parts, v.Key+" removed")
		}
	}
	return strings.Join(parts, ", ")
}

// differs says what of two sorted lists is only in one.
func differs(old, now []string) string {
	var parts []string
	for _, x := range only(now, old) {
		parts = append(parts, x+" added")
	}
	for _, x := range only(old, now) {
		parts = append(parts, x+" removed")
	}
	return strings.Join(parts, ", ")
}

// only are the members of a that b does not have.
func only(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// cronsText leaves the kind out where the change is of that kind alone: it is told with it.
func cronsText(kind, text string) string {
	if kind == "cron" {
		return text
	}
	return "cron " + text
}
