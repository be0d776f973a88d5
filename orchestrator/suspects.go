package orchestrator

import "strconv"

// suspect scores the deployment that serves now; nil when none is known or
// nothing speaks against it.
func (p *pass) suspect(l *loaded) *Suspect {
	inc := l.inc
	e := p.s.Env(inc.Project, inc.Environment)
	if e.Promoted == "" || e.RolledBack {
		return nil
	}
	s := &Suspect{DeploymentID: e.Promoted, Commit: e.Commit, PromotedAt: e.PromotedAt, Sources: p.sources(inc.N)}
	lim := p.s.Config().Policies.Limits.WithDefaults()
	age := inc.StartedAt - e.PromotedAt
	switch {
	case age < 0:
		s.Reasons = append(s.Reasons, "it began "+span(-age)+" before the promotion")
	case age <= lim.AutoWindow:
		s.Score += 500
		s.Reasons = append(s.Reasons, "it began "+span(age)+" after the promotion")
	default:
		s.Score += 200
		s.Reasons = append(s.Reasons, "it began "+span(age)+" after the promotion, which is long")
	}
	if p.releaseNamed(inc.N, e) {
		s.Score += 300
		s.Reasons = append(s.Reasons, "the signal names this release")
	}
	if s.Sources > 1 {
		s.Score += 150
		s.Reasons = append(s.Reasons, strconv.Itoa(s.Sources)+" independent sources agree")
	}
	if inc.Severity == "critical" {
		s.Score += 100
		s.Reasons = append(s.Reasons, "the signal is critical")
	}
	s.Score = min(s.Score, 1000)
	if age < 0 && inc.Requester == "" {
		return nil
	}
	return s
}

// sources counts the different kinds of senders.
func (p *pass) sources(n uint64) int {
	kinds := map[string]bool{}
	p.eachSignal(n, func(sig *Signal) { kinds[sig.Source] = true })
	return len(kinds)
}

func (p *pass) releaseNamed(n uint64, e *EnvState) bool {
	named := false
	p.eachSignal(n, func(sig *Signal) {
		if sig.Release != "" && (sig.Release == e.Commit || sig.Release == e.Promoted) {
			named = true
		}
	})
	return named
}

func (p *pass) eachSignal(n uint64, fn func(*Signal)) {
	p.s.view.Scan(BucketSignal, incidentKey(n), nil, func(_, v []byte) bool {
		var sig Signal
		if decode(v, &sig) {
			fn(&sig)
		}
		return true
	})
}

// Signals lists the signals of an incident.
func (s *State) Signals(n uint64, limit int) []Signal {
	var out []Signal
	s.view.Scan(BucketSignal, incidentKey(n), nil, func(_, v []byte) bool {
		var sig Signal
		if decode(v, &sig) {
			out = append(out, sig)
		}
		return len(out) < limit
	})
	return out
}
