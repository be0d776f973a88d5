package orchestrator

import (
	"fmt"
	"slices"
)

// maxLedger bounds how many deployments of an environment are looked through.
const maxLedger = 200

// hintFor is how long a promotion that was only told counts against a provider
// that does not show it yet. Milliseconds.
const hintFor = 60_000

// promotion is a deployment that took over an environment.
type promotion struct {
	id, commit, url string
	release         string
	at              int64
	rollback        bool
	// hint is set when it was told and not read from the provider.
	hint bool
}

// promoted notes that a deployment took over: the one before stops serving.
func (p *pass) promoted(project, env string, pr promotion) {
	e := p.s.Env(project, env)
	if e.Promoted == pr.id || pr.at < e.PromotedAt {
		return
	}
	if old, key := p.ledgerFind(project, env, e.Promoted); old != nil {
		endServing(old, pr.at)
		p.s.save(BucketDeploy, key, old)
	}
	p.ledgerAdd(project, env, Deployment{ID: pr.id, URL: pr.url, Commit: pr.commit, Release: pr.release, At: pr.at, Ready: true})
	d, key := p.ledgerFind(project, env, pr.id)
	if d != nil {
		if n := len(d.Served); n > 0 && d.Served[n-1].To == 0 {
			pr.at = d.Served[n-1].From // the provider told before that it serves, and since when
		} else {
			d.Served = append(d.Served, Span{From: pr.at})
		}
		p.s.save(BucketDeploy, key, d)
		pr.commit, pr.release = d.Commit, d.Release
	}
	e.Promoted, e.PromotedAt, e.Commit, e.RolledBack, e.Hinted = pr.id, pr.at, pr.commit, pr.rollback, pr.hint
	e.Release = pr.release
	p.s.saveEnv(project, env, e)
	if p.v2() && !pr.rollback {
		p.whileOpen(project, env, "deployment "+pr.id+" took over")
		p.overHold(project, env, pr.id)
	}
	p.watchPromotion(project, env, pr)
}

func endServing(d *Deployment, at int64) {
	if n := len(d.Served); n > 0 && d.Served[n-1].To == 0 {
		d.Served[n-1].To = max(at, d.Served[n-1].From)
	}
}

// ledgerAdd adds a deployment, or fills in what was not known of it.
func (p *pass) ledgerAdd(project, env string, d Deployment) {
	if d.ID == "" {
		return
	}
	old, key := p.ledgerFind(project, env, d.ID)
	if old == nil {
		p.s.save(BucketDeploy, deployKey(project, env, d.At, d.ID), &d)
		return
	}
	if d.URL != "" {
		old.URL = d.URL
	}
	if d.Commit != "" {
		old.Commit = d.Commit
	}
	if d.Release != "" {
		old.Release = d.Release
	}
	old.Ready = old.Ready || d.Ready
	p.s.save(BucketDeploy, key, old)
}

func (p *pass) ledgerFind(project, env, id string) (*Deployment, []byte) {
	if id == "" {
		return nil, nil
	}
	var found *Deployment
	var key []byte
	p.s.view.Scan(BucketDeploy, deployPrefix(project, env), nil, func(k, v []byte) bool {
		var d Deployment
		if decode(v, &d) && d.ID == id {
			found, key = &d, append([]byte(nil), k...)
			return false
		}
		return true
	})
	return found, key
}

// Deployments lists the ledger of an environment, newest first.
func (s *State) Deployments(project, env string) []Deployment {
	var out []Deployment
	s.view.Scan(BucketDeploy, deployPrefix(project, env), nil, func(_, v []byte) bool {
		var d Deployment
		if decode(v, &d) {
			out = append(out, d)
		}
		return true
	})
	slices.SortStableFunc(out, func(a, b Deployment) int { return int(min(max(b.At-a.At, -1), 1)) })
	return out[:min(len(out), maxLedger)]
}

// foldObserved notes what the provider says serves. A change nobody here asked
// for is adopted: it becomes the newest promotion and is never countered.
func (p *pass) foldObserved(o *Observed) {
	e := p.s.Env(o.Project, o.Environment)
	if o.Error != "" {
		if e.BlindSince == 0 {
			e.BlindSince = p.now
		}
		p.s.saveEnv(o.Project, o.Environment, e)
		return
	}
	e.BlindSince = 0
	e.Serving, e.SeenSeq = o, p.seq
	id := o.Serving.Deployment
	if id == e.Promoted {
		e.Hinted = false
	}
	p.s.saveEnv(o.Project, o.Environment, e)
	early := e.Hinted && o.At-e.PromotedAt < hintFor
	if id != "" && id != e.Promoted && !mixed(o.Serving) && !early {
		d, _ := p.ledgerFind(o.Project, o.Environment, id)
		back := d != nil && len(d.Served) > 0 && d.Served[len(d.Served)-1].To != 0
		p.promoted(o.Project, o.Environment, promotion{id: id, at: max(o.At, e.PromotedAt), rollback: back})
	}
}

// foldDeployments brings the ledger up to what the provider lists.
func (p *pass) foldDeployments(ds *Deployments) {
	for i, d := range ds.List {
		p.ledgerAdd(ds.Project, ds.Environment, Deployment{ID: d.ID, URL: d.URL, Commit: d.Commit, At: d.CreatedAt, Ready: d.Ready})
		have, key := p.ledgerFind(ds.Project, ds.Environment, d.ID)
		if have == nil {
			continue
		}
		have.Candidate, have.Ready = d.Candidate, d.Ready
		if len(have.Served) == 0 && d.AliasedAt > 0 {
			have.Served = []Span{{From: d.AliasedAt, To: nextAliased(ds.List[:i])}}
		}
		p.s.save(BucketDeploy, key, have)
	}
}

// nextAliased is when the deployment after this one took over at the earliest, 0
// if none did. A rollback moves the provider's time of taking over, so the time
// the next one was made is counted: too short a service asks a person, too long
// a one would not.
func nextAliased(newer []DeploymentAt) int64 {
	for _, d := range slices.Backward(newer) {
		if d.AliasedAt > 0 {
			return min(d.AliasedAt, max(d.CreatedAt, 1))
		}
	}
	return 0
}

// Verdict is the answer to "can we go back, and to what".
type Verdict struct {
	Answer  string   `json:"answer"`
	Target  Target   `json:"target"`
	Reasons []string `json:"reasons"`
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

// verdict looks for the newest candidate before the deployment to go back from.
func (s *State) verdict(project, env, from string, now int64) Verdict {
	ds := s.Deployments(project, env)
	start := slices.IndexFunc(ds, func(d Deployment) bool { return d.ID == from })
	if start < 0 {
		return Verdict{Answer: VerdictImpossible, Reasons: []string{"deployment " + from + " is not in the ledger, so what came before it is not known"}}
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
	served := servedFor(&d, now)
	v.Target = Target{ID: d.ID, URL: d.URL, Commit: d.Commit, Grade: "unknown", Served: served}
	need := int64(dayMS)
	if pr, ok := s.Config().Project(project); ok {
		if e, ok := pr.Environment(env); ok && e.ServedFor > 0 {
			need = e.ServedFor
		}
	}
	switch {
	case d.Proven:
		v.Answer, v.Target.Grade = VerdictSafe, "proven"
		v.Reasons = append(v.Reasons, d.ID+" served and passed its watch")
	case served >= need:
		v.Answer, v.Target.Grade = VerdictSafe, "served"
		v.Reasons = append(v.Reasons, fmt.Sprintf("%s served production for %s", d.ID, span(served)))
	default:
		v.Answer = VerdictAsk
		v.Reasons = append(v.Reasons, fmt.Sprintf("%s served only %s, less than %s: its grade is unknown, a person decides", d.ID, span(served), span(need)))
	}
	return v
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

// VerdictNow is the verdict for what serves an environment now.
func (s *State) VerdictNow(project, env string) Verdict {
	e := s.Env(project, env)
	if e.Promoted == "" {
		return Verdict{Answer: VerdictImpossible, Reasons: []string{"what serves is not known: no deployment event came and the provider was not read"}}
	}
	return s.verdict(project, env, e.Promoted, s.meta.Now)
}
