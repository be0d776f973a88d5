package orchestrator

// SQLSignal is a read-only query of the environment's database that fires by its
// value. Fire is CEL over the integer `value`, without the leading "=". Times are
// milliseconds.
type SQLSignal struct {
	ID        string `json:"id"`
	Component string `json:"component,omitempty"`
	Every     int64  `json:"every,omitempty"`
	SQL       string `json:"sql"`
	Fire      string `json:"fire"`
	Severity  string `json:"severity,omitempty"`
	Timeout   int64  `json:"timeout,omitempty"`
	// DataAtRisk is set when its firing means that wrong data is being written.
	DataAtRisk bool `json:"data_at_risk,omitempty"`
}

// ExpectSource is a source that must be heard from within Every milliseconds.
type ExpectSource struct {
	Source string `json:"source"`
	Every  int64  `json:"every"`
}

// watchSpec is what the configuration says of a polled source.
type watchSpec struct {
	covers        []string
	severity      string
	fire          string
	fails, passes int
	every         int64
}

// The defaults of a probe: how many readings in a row count, and how often it is
// asked, in milliseconds.
const (
	probeFails   = 3
	probePasses  = 2
	probeEvery   = 30_000
	controlEvery = 15_000
)

// watchSpec finds what the configuration says of a reading's source; false when it
// has no such source.
func (c *Config) watchSpec(r *Reading) (watchSpec, bool) {
	spec := watchSpec{severity: "critical", fails: 1, passes: probePasses, every: probeEvery}
	if r.Kind == ReadControl {
		spec.fails, spec.every = controlFails, controlEvery
		return spec, len(c.ControlProbes) > 0
	}
	e := c.environment(r.Project, r.Environment)
	if e == nil {
		return spec, false
	}
	switch r.Kind {
	case ReadProbe:
		return e.probeSpec(spec, r.ID)
	case ReadSQL:
		return e.sqlSpec(spec, r.ID)
	case ReadSupabase:
		spec.fails = probeFails
		return spec, e.Supabase == r.ID && r.ID != ""
	case ReadCopies:
		return spec, e.Database.Snapshots && r.ID == ReadCopies
	}
	return spec, false
}

func (e *Environment) probeSpec(spec watchSpec, id string) (watchSpec, bool) {
	for i := range e.Probes {
		if pb := &e.Probes[i]; pb.ID == id {
			spec.covers, spec.severity = pb.Covers, or(pb.Severity, spec.severity)
			spec.fails, spec.passes = orInt(pb.Fails, probeFails), orInt(pb.Passes, probePasses)
			spec.every = int64(orInt(int(pb.Every), probeEvery))
			return spec, true
		}
	}
	return spec, false
}

func (e *Environment) sqlSpec(spec watchSpec, id string) (watchSpec, bool) {
	for i := range e.Signals {
		if q := &e.Signals[i]; q.ID == id {
			if q.Component != "" {
				spec.covers = []string{q.Component}
			}
			spec.severity, spec.fire, spec.every = or(q.Severity, spec.severity), q.Fire, int64(orInt(int(q.Every), probeEvery))
			return spec, true
		}
	}
	return spec, false
}

func orInt(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// readings lists every polled source of the configuration as an empty reading.
func (c *Config) readings() []Reading {
	var out []Reading
	if len(c.ControlProbes) > 0 {
		out = append(out, Reading{Kind: ReadControl, ID: ReadControl})
	}
	for i := range c.Projects {
		pr := &c.Projects[i]
		for j := range pr.Environments {
			e := &pr.Environments[j]
			for k := range e.Probes {
				out = append(out, Reading{Kind: ReadProbe, ID: e.Probes[k].ID, Project: pr.ID, Environment: e.ID})
			}
			for k := range e.Signals {
				out = append(out, Reading{Kind: ReadSQL, ID: e.Signals[k].ID, Project: pr.ID, Environment: e.ID})
			}
			if e.Database.Snapshots {
				out = append(out, Reading{Kind: ReadCopies, ID: ReadCopies, Project: pr.ID, Environment: e.ID})
			}
			if e.Supabase != "" {
				out = append(out, Reading{Kind: ReadSupabase, ID: e.Supabase, Project: pr.ID, Environment: e.ID})
			}
		}
	}
	return out
}

// Worth reports whether a record is worth an entry: a reading that changes nothing is
// one only every ten minutes, so that a week of watching costs little. It looks at the
// state and never changes it; now is in Unix milliseconds.
func (f *Fold) Worth(s *State, r *Record, now int64) bool {
	switch {
	case s.meta.FoldVersion < 2:
		return r.Reading == nil && r.Upstream == nil && r.Migrations == nil && r.Schema == nil && r.Digest == nil && r.Restore == nil && r.Class == nil && r.Rows == nil // the log cannot take it yet
	case r.Upstream != nil:
		return s.upstreamChanges(r.Upstream)
	case r.Deploys != nil:
		return s.deploysWorth(r.Deploys)
	case r.Migrations != nil:
		return s.migrationsWorth(r.Migrations)
	case r.Digest != nil:
		return s.digestWorth(r.Digest)
	case r.Schema != nil:
		return s.schemaWorth(r.Schema)
	case r.Restore != nil:
		return s.restorePointWorth(r.Restore)
	case r.Class != nil:
		return s.classWorth(r.Class)
	case r.Rows != nil:
		return s.rowsWorth(r.Rows)
	case r.Obs != nil:
		return s.obsWorth(r.Obs, now)
	case r.Reading != nil:
		return f.readingCounts(s, r.Reading, now)
	case r.Event != nil: // a source may say the same until it is known to have been heard
		_, known := s.seenBefore(r.Event.Origin, r.Event.ID, now)
		return !known
	}
	return true
}

func (f *Fold) readingCounts(s *State, r *Reading, now int64) bool {
	spec, ok := s.Config().watchSpec(r)
	if !ok {
		return false
	}
	var w Watch
	if !s.load(BucketWatch, r.key(), &w) || now-w.At >= summaryEvery {
		return true
	}
	j := f.judge(s, r, spec, now)
	switch {
	case j.verdict != w.Verdict, r.Denied && !w.Found:
		return true
	case j.verdict == ReadFailed:
		return !w.Firing && w.Fails < spec.fails
	case j.verdict == ReadErrored:
		return !j.blind && !w.Found
	}
	return w.Firing
}
