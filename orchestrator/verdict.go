package orchestrator

import (
	"fmt"
	"slices"
)

// Verdict is the answer to "can we go back, and to what".
type Verdict struct {
	Answer  string   `json:"answer"`
	Target  Target   `json:"target"`
	Reasons []string `json:"reasons"`
	// Because are the reasons with what each says and its evidence, those that leave
	// the answer as it is among them.
	Because []Reason `json:"because,omitempty"`
	// Migrations are those between the target and what serves; nil when they are not
	// known. Variables and Crons would be as they were.
	Migrations *[]string `json:"migrations,omitempty"`
	// Weighed are the newest of them that the target lacks, with what each does to it.
	Weighed   []MigrationWeighed `json:"weighed,omitempty"`
	Variables []string           `json:"variables,omitempty"`
	Crons     []string           `json:"crons,omitempty"`
	Restore   *RestorePoint      `json:"restore_point,omitempty"`
}

// Reason is one thing that speaks for or against going back.
type Reason struct {
	// Kind is a word such as grade, plan, migrations, secret.
	Kind string `json:"kind"`
	// Says is the answer this alone would give; empty for what is only to be known.
	Says string `json:"says,omitempty"`
	Text string `json:"text"`
	// Evidence is where that is from.
	Evidence string `json:"evidence,omitempty"`
}

// Target is the deployment a rollback would go to. Grade is proven, served or
// unknown.
type Target struct {
	ID     string `json:"id"`
	URL    string `json:"url"`
	Commit string `json:"commit"`
	Grade  string `json:"grade"`
	Served int64  `json:"served_ms"`
}

// The answers of a verdict.
const (
	VerdictSafe       = "safe"
	VerdictAsk        = "ask"
	VerdictRefuse     = "refuse"
	VerdictImpossible = "impossible"
)

// The grades of a deployment.
const (
	GradeProven  = "proven"
	GradeServed  = "served"
	GradeUnknown = "unknown"
	GradeBad     = "bad"
)

// worse is the stricter of two answers.
func worse(a, b string) string {
	order := []string{VerdictSafe, VerdictAsk, VerdictRefuse, VerdictImpossible}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// add takes a reason in. The first one with an answer sets it, later ones can only
// make it stricter.
func (v *Verdict) add(r Reason) {
	v.Because = append(v.Because, r)
	if r.Says == "" {
		return
	}
	v.Answer = worse(or(v.Answer, VerdictSafe), r.Says)
	v.Reasons = append(v.Reasons, r.Text)
}

// verdict looks for the newest candidate before the deployment to go back from.
func (s *State) verdict(project, env, from string, now int64) Verdict {
	if s.meta.FoldVersion >= 2 {
		return s.judged(project, env, from, now)
	}
	ds := s.Deployments(project, env)
	start := slices.IndexFunc(ds, func(d Deployment) bool { return d.ID == from })
	if start < 0 {
		return Verdict{Answer: VerdictImpossible, Reasons: []string{notInLedger(from)}}
	}
	v := Verdict{Answer: VerdictImpossible, Reasons: []string{}}
	for _, d := range ds[start+1:] {
		if why := unfit(&d); why != "" {
			v.Reasons = append(v.Reasons, d.ID+" is not a target: "+why)
			continue
		}
		return s.graded(project, env, d, v, now)
	}
	v.Reasons = append(v.Reasons, "no earlier deployment can be gone back to")
	return v
}

func notInLedger(id string) string {
	return "deployment " + id + " is not in the ledger, so what came before it is not known"
}

func unfit(d *Deployment) string {
	switch {
	case d.Bad != "":
		return "known bad, " + d.Bad
	case !d.Ready:
		return "it is not READY"
	case !d.Candidate:
		return "the provider does not offer it for a rollback"
	}
	return ""
}

func (s *State) graded(project, env string, d Deployment, v Verdict, now int64) Verdict {
	target, r := s.grade(project, env, &d, now)
	v.Target = target
	v.Answer = r.Says
	v.Reasons = append(v.Reasons, r.Text)
	return v
}

// grade says how well a deployment is known to have served.
func (s *State) grade(project, env string, d *Deployment, now int64) (Target, Reason) {
	served := servedFor(d, now)
	t := Target{ID: d.ID, URL: d.URL, Commit: d.Commit, Grade: GradeUnknown, Served: served}
	need := s.servedEnough(project, env)
	r := Reason{Kind: "grade", Says: VerdictSafe}
	switch {
	case d.Proven:
		t.Grade, r.Text = GradeProven, d.ID+" served and passed its watch"
	case served >= need:
		t.Grade, r.Text = GradeServed, fmt.Sprintf("%s served production for %s", d.ID, span(served))
	default:
		r.Says = VerdictAsk
		r.Text = fmt.Sprintf("%s served only %s, less than %s: its grade is unknown, a person decides", d.ID, span(served), span(need))
	}
	return t, r
}

// servedEnough is how long a deployment must have served to count as good.
func (s *State) servedEnough(project, env string) int64 {
	if e := s.Config().environment(project, env); e != nil && e.ServedFor > 0 {
		return e.ServedFor
	}
	return dayMS
}

func servedFor(d *Deployment, now int64) int64 {
	var sum int64
	for _, sp := range d.Served {
		to := sp.To
		if to == 0 {
			to = now
		}
		sum += max(0, to-sp.From)
	}
	return sum
}

// VerdictNow is the verdict for what serves an environment now, as the fold keeps it.
func (s *State) VerdictNow(project, env string) Verdict {
	var kept Verdict
	if s.meta.FoldVersion >= 2 && s.load(BucketVerdict, joinKey(project, env), &kept) {
		return kept
	}
	return s.verdictOf(project, env)
}

func (s *State) verdictOf(project, env string) Verdict {
	e := s.Env(project, env)
	if e.Promoted == "" {
		return Verdict{Answer: VerdictImpossible, Reasons: []string{"what serves is not known: no deployment event came and the provider was not read"}}
	}
	return s.verdict(project, env, e.Promoted, s.meta.Now)
}

// touch remembers that the verdict of an environment may be another one after this
// entry.
func (s *State) touch(project, env string) {
	if s.meta.FoldVersion < 2 {
		return
	}
	if s.touched == nil {
		s.touched = map[string][2]string{}
	}
	s.touched[string(joinKey(project, env))] = [2]string{project, env}
}

// keepVerdicts brings the verdicts up to this entry, so that whoever asks only reads.
func (p *pass) keepVerdicts() error {
	cause, err := p.safely(func() error {
		for _, k := range sortedKeys(p.s.touched) {
			at := p.s.touched[k]
			v := p.s.verdictAt(at[0], at[1], p.now)
			p.s.save(BucketVerdict, []byte(k), &v)
		}
		return nil
	})
	if cause != "" {
		p.s.keepAll()
	}
	clear(p.s.touched)
	return err
}

func (s *State) verdictAt(project, env string, now int64) Verdict {
	before := s.meta.Now
	s.meta.Now = now
	v := s.verdictOf(project, env)
	s.meta.Now = before
	return v
}
