package orchestrator

import (
	"slices"
	"strconv"
	"strings"
)

// What speaks for and against a deployment, in parts of 1000.
const (
	scoreSoon     = 500
	scoreLate     = 200
	scoreNamed    = 300
	scoreSources  = 150
	scoreCritical = 100
	scoreNew      = 100
	scoreAlone    = 50
	scoreOld      = -300
	scoreOther    = -300
	// scoreUpstream is the most a deployment is blamed while what it depends on
	// is out: that can stop a rollback, and never clears the way for one.
	scoreUpstream = 400
)

// suspect scores the deployment that serves now; nil when none is known or
// nothing speaks against it.
func (p *pass) suspect(l *loaded) *Suspect { return p.blamed(l, l.inc.Requester != "") }

// blamed is suspect when a person asked: then neither age nor depth keeps what serves
// from being it.
func (p *pass) blamed(l *loaded, byHand bool) *Suspect {
	inc := l.inc
	e := p.s.Env(inc.Project, inc.Environment)
	asked := p.v2() && byHand // depth binds the machine, not a person
	if e.Promoted == "" || e.RolledBack && !asked || inc.Cleared == e.Promoted {
		return nil
	}
	s := &Suspect{DeploymentID: e.Promoted, Commit: e.Commit, PromotedAt: e.PromotedAt, Sources: p.sourceCount(l)}
	age := inc.StartedAt - e.PromotedAt
	p.scoreTime(s, age)
	if p.releaseNamed(l, e) {
		s.add(scoreNamed, "the signal names this release")
	}
	if s.Sources > 1 {
		s.add(scoreSources, strconv.Itoa(s.Sources)+" independent sources agree")
	}
	if inc.Severity == "critical" {
		s.add(scoreCritical, "the signal is critical")
	}
	if p.v2() {
		p.scoreSignals(s, l, e)
		p.scoreAround(s, inc)
	}
	s.Score = max(0, min(s.Score, 1000))
	if age < 0 && !byHand {
		return nil
	}
	return s
}

func (s *Suspect) add(points int, reason string) {
	s.Score += points
	s.Reasons = append(s.Reasons, reason)
}

func (p *pass) scoreTime(s *Suspect, age int64) {
	switch {
	case age < 0:
		s.add(0, "it began "+span(-age)+" before the promotion")
	case age <= p.s.Config().Policies.Limits.WithDefaults().AutoWindow:
		s.add(scoreSoon, "it began "+span(age)+" after the promotion")
	default:
		s.add(scoreLate, "it began "+span(age)+" after the promotion, which is long")
	}
}

// scoreSignals weighs what the signals tell of errors: were they there before, and
// do they name another release.
func (p *pass) scoreSignals(s *Suspect, l *loaded, e *EnvState) {
	fresh, old, other := false, "", ""
	var tried []string
	for _, sig := range p.tally(l).telling {
		switch {
		case sig.first == 0:
		case sig.first >= e.PromotedAt:
			fresh = true
		default:
			old = sig.name
		}
		if sig.release == "" || other != "" || slices.Contains(tried, sig.release) {
			continue
		}
		tried = append(tried, sig.release)
		if !namesServing(sig.release, e) && p.releaseOfAnother(l.inc, sig.release, e.Promoted) {
			other = sig.release
		}
	}
	switch {
	case fresh:
		s.add(scoreNew, "its error was never seen before this deployment")
	case old != "":
		s.add(scoreOld, "the error "+clip(old, 80)+" was there before this deployment")
	}
	if other != "" {
		s.add(scoreOther, "a signal names the release "+clip(other, 60)+", which is another deployment")
	}
}

// releaseOfAnother reports whether a release is that of a deployment other than
// the one that serves.
func (p *pass) releaseOfAnother(inc *Incident, release, serving string) bool {
	for _, d := range p.s.Deployments(inc.Project, inc.Environment) {
		if d.ID != serving && namesOne(release, d.ID, d.Commit, d.Release) {
			return true
		}
	}
	return false
}

// scoreAround weighs what else goes on: other projects, and what this one depends
// on.
func (p *pass) scoreAround(s *Suspect, inc *Incident) {
	others := 0
	for _, l := range p.openOnes() {
		if l.inc.N != inc.N && l.inc.Firing > 0 && !slices.Contains(inc.places(), Place{l.inc.Project, l.inc.Environment}) {
			others++
		}
	}
	switch {
	case others > 0:
		s.add(0, plural(others, "other incident")+" open at the same time")
	case p.v2() && len(inc.Also) > 0:
		s.add(0, plural(len(inc.Also), "other project")+" in the same incident")
	case len(p.s.Config().Projects) > 1:
		s.add(scoreAlone, "all other projects are well")
	}
	for _, node := range p.nodes(inc.Project, inc.Component) {
		if p.upstreamOut(node) {
			s.Score = min(s.Score, scoreUpstream)
			s.Reasons = append(s.Reasons, node+" says of itself that it is out, so this deployment may not be the cause")
		}
	}
}

func (p *pass) releaseNamed(l *loaded, e *EnvState) bool {
	last := ""
	for _, sig := range p.tally(l).telling {
		if sig.release == last {
			continue // most name the same one, or none
		}
		last = sig.release
		if last != "" && (last == e.Commit || last == e.Promoted || p.v2() && namesServing(last, e)) {
			return true
		}
	}
	return false
}

func namesServing(release string, e *EnvState) bool {
	return namesOne(release, e.Promoted, e.Commit, e.Release)
}

// shortCommit is how many letters of a commit are enough to know it by.
const shortCommit = 7

// namesOne reports whether a release tag means a deployment: its id, the name the
// deployment was published under, or its commit, also shortened and behind a
// prefix as in shop@9f3c2e1.
func namesOne(release, id, commit, name string) bool {
	if release == id || name != "" && release == name {
		return true
	}
	if commit == "" {
		return false
	}
	if i := strings.LastIndexAny(release, "@+/:"); i >= 0 && namesOne(release[i+1:], id, commit, "") {
		return true
	}
	return release == commit || len(release) >= shortCommit && len(commit) >= shortCommit &&
		(strings.HasPrefix(commit, strings.ToLower(release)) || strings.HasPrefix(strings.ToLower(release), commit))
}

func (p *pass) eachSignal(n uint64, fn func(*Signal)) {
	p.s.view.Scan(BucketSignal, incidentKey(n), nil, func(_, v []byte) bool {
		var sig Signal
		if readSignal(v, &sig) {
			fn(&sig)
		}
		return true
	})
}

// eachFiring goes over the signals of an incident that fire; fn may save what it is
// given under its key.
func (p *pass) eachFiring(n uint64, fn func(key []byte, sig *Signal)) {
	type firing struct {
		key []byte
		sig Signal
	}
	var rows []firing
	p.s.view.Scan(BucketSignal, incidentKey(n), nil, func(k, v []byte) bool {
		var sig Signal
		if readSignal(v, &sig) && sig.Firing {
			rows = append(rows, firing{append([]byte(nil), k...), sig})
		}
		return true
	})
	for i := range rows {
		fn(rows[i].key, &rows[i].sig)
	}
}

// Signals lists the signals of an incident.
func (s *State) Signals(n uint64, limit int) []Signal {
	var out []Signal
	s.view.Scan(BucketSignal, incidentKey(n), nil, func(_, v []byte) bool {
		var sig Signal
		if readSignal(v, &sig) {
			out = append(out, sig)
		}
		return len(out) < limit
	})
	return out
}
