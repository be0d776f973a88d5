package orchestrator

import "slices"

// Inhibition says that while one signal fires another one is only its echo: the
// echo is held back. When and By are CEL, over `signal` (the echo) and `other` (a
// firing signal of an open incident); Equal lists what both must have the same:
// project, environment, component.
type Inhibition struct {
	ID    string   `json:"id"`
	When  string   `json:"when"`
	By    string   `json:"by"`
	Equal []string `json:"equal,omitempty"`
	Why   string   `json:"why"`
}

// inhibited says which rule makes a signal an echo of another one that fires.
func (p *pass) inhibited(ev *Event) string {
	rules := p.s.RuleSet().Inhibit
	if len(rules) == 0 {
		return ""
	}
	vars := p.ruleVars(ev, p.s.Env(ev.Project, ev.Environment), 0, nil)
	for i := range rules {
		r := &rules[i]
		if v, err := p.rules.Eval(r.When, vars); err != nil || v != true {
			continue
		}
		if n, name := p.inhibitor(r, ev); n > 0 {
			return "held back by rule " + r.ID + " while " + name + " of " + IncidentName(n) + " fires: " + r.Why
		}
	}
	return ""
}

// inhibitor looks for a firing signal that makes ev its echo.
func (p *pass) inhibitor(r *Inhibition, ev *Event) (n uint64, name string) {
	for _, l := range p.openOnes() {
		if !r.equal(l.inc, ev) {
			continue
		}
		p.s.view.Scan(BucketSignal, incidentKey(l.inc.N), nil, func(_, v []byte) bool {
			var sig Signal
			if readSignal(v, &sig) && p.makesEcho(r, l.inc, &sig, ev) {
				n, name = l.inc.N, sig.Name
			}
			return n == 0
		})
		if n > 0 {
			return n, name
		}
	}
	return 0, ""
}

// makesEcho reports whether a signal of an incident makes ev its echo.
func (p *pass) makesEcho(r *Inhibition, inc *Incident, sig *Signal, ev *Event) bool {
	if !sig.Firing || sig.Source == ev.Source && sig.Fingerprint == ev.Fingerprint {
		return false
	}
	if slices.Contains(r.Equal, "component") && sig.Component != ev.Component {
		return false
	}
	v, err := p.rules.Eval(r.By, map[string]any{"other": map[string]any{
		"source": sig.Source, "name": sig.Name, "severity": sig.Severity, "component": sig.Component,
		"project": inc.Project, "environment": inc.Environment, "fingerprint": sig.Fingerprint,
	}})
	return err == nil && v == true
}

func (r *Inhibition) equal(inc *Incident, ev *Event) bool {
	return (!slices.Contains(r.Equal, "project") || inc.Project == ev.Project) &&
		(!slices.Contains(r.Equal, "environment") || inc.Environment == ev.Environment)
}
