package workflows

import "slices"

// shape is what is known about a variable: the names of its fields, or nil for
// a map whose keys are names of the configuration or of the plan.
type shape struct {
	fields map[string]*shape
	open   bool
}

// where says in which expressions a variable can be read.
type where int

const (
	inPlan where = 1 << iota
	inSignalsGate
	inUsesGate
	inRules
	inInhibition
	inThreshold
	inWatch
)

type variable struct {
	name  string
	where where
	shape *shape
}

// variables lists what the fold provides to expressions. steps, answers and
// timing hold names of the plan and of the configuration; they are checked
// elsewhere.
func variables() []variable {
	const plan = inPlan | inSignalsGate | inUsesGate
	target := fields("id", "url", "commit", "grade")
	hotfix := fields("repo", "staging", "tests")
	return []variable{
		{"steps", plan, anything()},
		{"answers", plan, anything()},
		{"timing", plan, anything()},
		{"incident", plan, fields("id", "title", "severity", "state", "project", "environment", "component", "started_at", "failing", "distinct", "requested_by", "switched_off", "impact_from", "impact_to", "impact_ms", "data_at_risk", "switchable")},
		{"suspect", plan, fields("deployment_id", "commit", "score", "sources", "promoted_at", "reasons")},
		{"verdict", plan, fields("answer", "reasons").with("target", target)},
		{"target", plan, fields("probe")},
		{"env", plan, fields("id", "kind", "domains", "probes", "marker_path", "marker_json", "evidence", "database", "read_only")},
		{"project", plan, fields("id", "vercel", "audience", "affected", "maintenance", "reconciles", "components", "repository").with("hotfix", hotfix)},
		{"failing", inSignalsGate, anything()},
		{"signal", inRules, fields("type", "severity", "source", "name", "project", "environment", "component", "release", "age_ms", "provider", "distinct", "counted", "auth", "has_time", "new", "data_at_risk")},
		{"out", inUsesGate | inWatch, anything()},
		{"other", inInhibition, fields("source", "name", "severity", "component", "project", "environment", "fingerprint")},
		{"deployment", inRules, fields("id", "commit", "promoted_ms_ago", "rolled_back", "known", "named")},
		{"open", inRules, fields("n", "playbook", "state")},
		{"limit", inRules, fields("signal_age", "auto_window", "ask_window", "min_distinct")},
		{"now", inRules, anything()},
		{"value", inThreshold, anything()},
	}
}

// stepFields are what an expression may read of `steps.ID`.
func stepFields() []string { return []string{"state", "answer", "output", "reason"} }

func anything() *shape { return &shape{open: true} }

func fields(names ...string) *shape {
	s := &shape{fields: map[string]*shape{}}
	for _, n := range names {
		s.fields[n] = anything()
	}
	return s
}

func (s *shape) with(name string, inner *shape) *shape {
	s.fields[name] = inner
	return s
}

// names lists the fields in ascending order.
func (s *shape) names() []string {
	var out []string
	for n := range s.fields {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func variableNames() []string {
	var out []string
	for _, v := range variables() {
		out = append(out, v.name)
	}
	return out
}

// visible lists the variables that can be read at w.
func visible(w where) map[string]*shape {
	out := map[string]*shape{}
	for _, v := range variables() {
		if v.where&w != 0 {
			out[v.name] = v.shape
		}
	}
	return out
}
