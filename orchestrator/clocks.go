package orchestrator

import "strings"

// Clocks are the three times a decision looks at. They are never mixed: each bounds
// something of its own. Milliseconds; negative when it is not known.
type Clocks struct {
	// SignalAge is how old the newest signal is: what is old is not acted upon alone.
	SignalAge int64 `json:"signal_age_ms"`
	// Exposure is from the promotion to the first bad signal: what begins long after
	// it is hardly its fault.
	Exposure int64 `json:"exposure_ms"`
	// Lag is from the first bad signal to when Backout knew. It is shown and limits
	// nothing.
	Lag int64 `json:"detection_lag_ms"`
}

// Clocks reads the clocks of an incident at a time.
func (s *State) Clocks(inc *Incident, now int64) Clocks {
	c := Clocks{SignalAge: -1, Exposure: -1, Lag: max(0, inc.OpenedAt-inc.StartedAt)}
	if inc.SignalAt > 0 && inc.Timed {
		c.SignalAge = max(0, now-inc.SignalAt)
	}
	promoted := s.Env(inc.Project, inc.Environment).PromotedAt
	if inc.Suspect != nil {
		promoted = inc.Suspect.PromotedAt
	}
	if promoted > 0 {
		c.Exposure = inc.StartedAt - promoted
	}
	return c
}

func (p *pass) clocks(inc *Incident) Clocks { return p.s.Clocks(inc, p.now) }

// Sentence tells the clocks with their limits.
func (c Clocks) Sentence(lim Limits) string {
	age, exposure := "signal of unknown age", "no deployment to measure from"
	if c.SignalAge >= 0 {
		age = "signal " + span(c.SignalAge) + " old (alone up to " + span(lim.SignalAge) + ")"
	}
	switch {
	case c.Exposure >= 0:
		exposure = "began " + span(c.Exposure) + " after the promotion (alone up to " + span(lim.AutoWindow) + ", asked up to " + span(lim.AskWindow) + ")"
	case c.Exposure < -1:
		exposure = "began " + span(-c.Exposure) + " before the promotion"
	}
	return age + "; " + exposure + "; known " + span(c.Lag) + " after it began (limits nothing)"
}

// inputsOf are all the things a decision about a step looks at, in words.
func (p *pass) inputsOf(l *loaded, node *Node) string {
	inc := l.inc
	lim := p.s.Config().Policies.Limits.WithDefaults()
	var parts []string
	if s := inc.Suspect; s != nil {
		parts = append(parts, "suspect "+s.DeploymentID+" with score "+score(s.Score)+" ("+clip(join(s.Reasons), 300)+")")
	} else {
		parts = append(parts, "no suspect")
	}
	parts = append(parts, p.clocks(inc).Sentence(lim), "mode "+string(p.mode(inc, node.Action)))
	if node.Spec.Serving {
		parts = append(parts, "probes on the target: "+targetSays(p.targetProbe(l)))
	}
	return strings.Join(append(parts, p.upstreamsSay(inc)), "; ")
}

func targetSays(answer string) string {
	switch answer {
	case "good":
		return "pass"
	case "bad":
		return "fail in the same way"
	case "unknown":
		return "could not be asked"
	case "blind":
		return "do not see this trouble"
	}
	return "not asked"
}

// upstreamsSay is what the providers say of themselves that an incident stands on.
func (p *pass) upstreamsSay(inc *Incident) string {
	var said []string
	for _, node := range p.nodes(inc.Project, inc.Component) {
		if text := p.upstreamSays(node); text != "" {
			said = append(said, clip(text, 120))
		}
	}
	if len(said) == 0 {
		return "upstreams: not read"
	}
	return strings.Join(said, "; ")
}
