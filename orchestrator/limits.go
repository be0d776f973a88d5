package orchestrator

import (
	"slices"
	"strconv"
)

// How fresh an observation must be when an intent is decided, and how long a
// refused step waits before it tries again. Milliseconds.
const (
	observationAge = 5_000
	blindWait      = 1_000
	heldWait       = 15_000
	mixedWait      = 2_000
	retryFor       = 10 * 60_000
	hourMS         = 60 * 60_000
)

// refusal says why an intent is not accepted and what becomes of the step.
type refusal struct {
	reason string
	// then is what happens next: wait (tries again after ms), ask, fail,
	// adopt (it is already so), or park (a person decides).
	then string
	ms   int64
	// held is set when people or another incident hold the step back, which may
	// last and costs nothing of its budget.
	held bool
}

// limits is the one place where everything that bounds an effect is decided.
// nil means that the attempt may be made.
func (p *pass) limits(l *loaded, st *Step, node *Node) *refusal {
	inc := l.inc
	if !node.Spec.Effect {
		return nil
	}
	if who, what, ok := p.paused(inc.Project); ok {
		return &refusal{reason: "paused by " + who + what, then: "wait", ms: heldWait, held: true}
	}
	if p.mode(inc, node.Action) == Shadow {
		return &refusal{reason: "the mode is shadow now", then: "fail"}
	}
	env := p.s.Env(inc.Project, inc.Environment)
	if h := env.Hold; h.holds(p.now) && node.Spec.Forward && h.N != inc.N {
		return &refusal{reason: "held by " + h.By + ": " + h.Reason + h.end(p.now), then: "wait", ms: heldWait, held: true}
	}
	if node.Spec.Serving && env.Lock != 0 && env.Lock != inc.N {
		return &refusal{reason: IncidentName(env.Lock) + " is changing " + inc.Project + "/" + inc.Environment, then: "wait", ms: heldWait, held: true}
	}
	if why := p.migrating(inc); why != "" && node.Spec.Serving {
		return &refusal{reason: why, then: "wait", ms: heldWait, held: true}
	}
	if why := p.resetGuard(l, st, node); why != "" {
		return &refusal{reason: why, then: "fail"}
	}
	p.letGo(l, st)
	if r := p.noLongerBack(l, st, node); r != nil {
		return r
	}
	if r := p.agreed(l, st, node); r != nil {
		return r
	}
	if r := p.spent(l, st, node); r != nil {
		return r
	}
	if node.Spec.Serving {
		return p.situation(st, env)
	}
	return nil
}

// agreed checks that whoever must agree still does.
func (p *pass) agreed(l *loaded, st *Step, node *Node) *refusal {
	ap := st.Approval
	valid := p.s.Config().Policies.Limits.WithDefaults().ApprovalValid
	if ap == nil {
		switch {
		case node.Approve != nil || p.mode(l.inc, node.Action) != Live:
			return &refusal{reason: "nobody has approved it", then: "ask"}
		case p.overdue(st, valid):
			return &refusal{reason: "it was due at " + p.moment(st.Offered) + " and did not come to it for more than " + span(valid), then: "ask"}
		}
		return nil
	}
	if ap.Auto {
		if why := p.mustAsk(l, node); why != "" {
			return &refusal{reason: why, then: "ask"}
		}
	}
	if st.Chunk == 0 && st.Tries == 0 && p.now-ap.GivenAt > valid {
		return &refusal{reason: "the approval is older than " + span(valid), then: "ask"}
	}
	return nil
}

// mustAsk says why the machine may not act alone; "" if it may. These limits
// bind the machine, never a person with the role.
func (p *pass) mustAsk(l *loaded, node *Node) string {
	inc := l.inc
	lim := p.s.Config().Policies.Limits.WithDefaults()
	env := p.s.Env(inc.Project, inc.Environment)
	if mode := p.mode(inc, node.Action); mode != Live && !p.pretend {
		return "the mode is " + string(mode) + ": every effect needs a person"
	}
	if who := p.s.meta.jumped(); who != "" {
		return "the clock of instance " + who + " jumped; `clock accept` says that it is right"
	}
	if node.Spec.Person {
		return "a person always decides about " + node.Action
	}
	if !node.Spec.Serving {
		return ""
	}
	switch {
	case inc.Firing == 0:
		return "no signal fires any more"
	case !inc.Timed:
		return "the signal carries no time of its own"
	case p.now-inc.SignalAt > lim.SignalAge:
		return "the newest signal is " + span(p.now-inc.SignalAt) + " old, more than " + span(lim.SignalAge)
	case inc.Suspect != nil && inc.StartedAt-inc.Suspect.PromotedAt > lim.AutoWindow:
		return "it began more than " + span(lim.AutoWindow) + " after the promotion"
	case !node.Spec.Forward && p.notMigrated(inc) != "":
		return p.notMigrated(inc)
	case !node.Spec.Forward && p.lessSafe(l) != "":
		return p.lessSafe(l)
	case inc.CheckSuspect != "":
		return inc.CheckSuspect
	case env.RolledBack:
		return "what serves is itself the result of a rollback"
	case env.Tripped > 0:
		return "the breaker is open since " + clock(env.Tripped) + "; `unpause` re-arms it"
	case len(recent(env.Autos, p.now)) >= lim.AutoPerHour && !l.counted(node):
		return strconv.Itoa(lim.AutoPerHour) + " automatic actions in an hour are the limit"
	case p.targetProbe(l) == "unknown":
		return "the own address of the deployment to go back to could not be asked, so it is not known whether going back helps"
	case env.BlindSince > 0:
		return "the provider cannot be read since " + clock(env.BlindSince)
	}
	return ""
}

// counted reports whether the step counts as an automatic action already, so that
// this is a retry of it.
func (l *loaded) counted(node *Node) bool {
	return slices.ContainsFunc(l.steps, func(st *Step) bool {
		return st.Ordinal == node.Ordinal && st.State != StepDone && st.Approval != nil && st.Approval.Counted
	})
}

func recent(times []int64, now int64) []int64 {
	var out []int64
	for _, t := range times {
		if now-t < hourMS {
			out = append(out, t)
		}
	}
	return out
}

func (p *pass) paused(project string) (who, what string, ok bool) {
	for _, key := range []string{"", project} {
		if ps, found := p.s.meta.Paused[key]; found {
			return ps.By, suffix(ps.Reason), true
		}
	}
	return "", "", false
}

// situation compares what serves with what the step expects: an old look is no
// look, and a change made by somebody else is adopted, never countered.
func (p *pass) situation(st *Step, env *EnvState) *refusal {
	if env.Serving == nil || p.now-env.Serving.At > observationAge {
		return &refusal{reason: "blind: what serves was not seen in the last " + span(observationAge), then: "wait", ms: blindWait}
	}
	var in struct {
		Expect string `json:"expect_serving"`
		Target string `json:"target"`
	}
	if !decode(st.Inputs, &in) || in.Expect == "" {
		return &refusal{reason: "the step does not say which deployment it expects to serve, so nobody can tell whether it is still right", then: "fail"}
	}
	seen := env.Serving.Serving
	switch {
	case seen.Deployment == in.Expect || seen.Rolling != nil && seen.Rolling.Canary == in.Expect:
		return nil
	case env.Hinted && env.Promoted == in.Expect && seen.Deployment == in.Target && p.now-env.PromotedAt < hintFor:
		return &refusal{reason: "the provider does not show the promotion of " + in.Expect + " yet", then: "wait", ms: mixedWait}
	case mixed(seen):
		return &refusal{reason: "another change is under way: the domains serve different deployments", then: "wait", ms: mixedWait}
	case in.Target != "" && seen.Deployment == in.Target:
		return &refusal{reason: in.Target + " serves already; somebody else did it", then: "adopt"}
	}
	return &refusal{reason: "what serves has changed: " + seen.Deployment + " instead of " + in.Expect + "; nothing is countered", then: "fail"}
}

// mixed reports whether the domains do not all serve the same deployment.
func mixed(s Serving) bool {
	for _, d := range s.Domains {
		if d != s.Deployment {
			return true
		}
	}
	return false
}
