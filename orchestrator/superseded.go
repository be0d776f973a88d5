package orchestrator

import "strings"

// checkTimer is when the checks that failed before a promotion are looked at again,
// checkAgain how long after it: long enough for a probe to see the new deployment.
// Milliseconds.
const (
	checkTimer = "check"
	checkAgain = 3 * 60_000
)

// superseded voids what is asked about a deployment when a newer one takes over: a yes
// that was given for the one must not move the other. What is to be done is decided
// anew. A change that is under way is left alone; it compares before it acts.
func (p *pass) superseded(project, env, id string) {
	l := p.openIncident(project, env)
	if l == nil || !l.inc.State.Open() {
		return
	}
	p.blame(l, id)
	if l.inc.Stopped != "" {
		return
	}
	p.s.view.Put(BucketTimer, timerKey(p.now+checkAgain, l.inc.Partition, l.inc.N, checkTimer), []byte{1})
	plan := p.s.PlanByHash(l.inc.Run().Plan)
	suspect := l.inc.Suspect
	if plan == nil || !plan.NeedsSuspect || suspect == nil || suspect.DeploymentID == id || l.inc.Effects > 0 || p.halfDone(l) {
		return
	}
	if !p.pending(l, plan, id) {
		return
	}
	p.sayLong(l, "deployment "+id+" took over from "+suspect.DeploymentID+", so what was asked about "+suspect.DeploymentID+" is void and a yes to it counts no more. Nothing has been changed by me. I decide anew")
	p.cancelSteps(l, "deployment "+id+" took over")
	l.inc.Suspect, l.inc.Requester = nil, ""
	p.lead(l, l.inc.Run().Playbook)
}

// pending reports whether the plan has a rollback before it that does not lead to what
// serves now.
func (p *pass) pending(l *loaded, plan *Plan, serves string) (found bool) {
	for i := range plan.Nodes {
		node := &plan.Nodes[i]
		if !node.Spec.Serving || node.Spec.Forward {
			continue
		}
		if st := l.now(i); st != nil && (st.State.Ended() || targetOf(st) == serves) {
			return false
		}
		found = true
	}
	return found
}

func targetOf(st *Step) string {
	var in struct {
		Target string `json:"target"`
	}
	_ = decode(st.Inputs, &in)
	return in.Target
}

// adopt ends the question whether to go back when somebody has done it: what people
// did is never countered, and not asked for again.
func (p *pass) adopt(project, env, id string) {
	l := p.openIncident(project, env)
	if l == nil || !l.inc.State.Open() || !p.v2() {
		return
	}
	p.blame(l, id)
	for _, st := range append([]*Step(nil), l.steps...) {
		node := p.node(l, st)
		if node == nil || !node.Spec.Serving || st.State != StepAwaiting || st.Asked || targetOf(st) != id {
			continue
		}
		p.line(l, "backout", "somebody brought "+id+" back by hand; it is adopted, nobody has to agree to it any more")
		p.finish(l, st, node, id+" serves already; somebody else did it")
	}
}

// checkedAgain looks whether probes that failed on the deployment before still fail on
// the one that serves now.
func (p *pass) checkedAgain(l *loaded) {
	e := p.s.Env(l.inc.Project, l.inc.Environment)
	if !l.inc.State.Open() || e.Promoted == "" || p.now-e.PromotedAt < checkAgain {
		return
	}
	p.checkSuspect(l, e.PromotedAt, before(p.s.Deployments(l.inc.Project, l.inc.Environment), e.Promoted), e.Promoted)
}

// before is the deployment that served before this one.
func before(all []Deployment, id string) string {
	var last string
	var at int64
	var began int64
	for _, d := range all {
		if n := len(d.Served); d.ID == id && n > 0 {
			began = d.Served[n-1].From
		}
	}
	for _, d := range all {
		for _, s := range d.Served {
			if d.ID != id && s.To > 0 && s.To <= began && s.To > at {
				last, at = d.ID, s.To
			}
		}
	}
	return last
}

// checkSuspect says that a check is suspect when it failed on two different
// deployments without passing in between.
func (p *pass) checkSuspect(l *loaded, took int64, one, other string) {
	if one == "" || one == other || l.inc.CheckSuspect != "" {
		return
	}
	var failing []string
	p.eachSignal(l.inc.N, func(sig *Signal) {
		n := len(sig.Fired)
		if sig.Source == probeSource && sig.Firing && sig.Ended == 0 && (n == 0 && sig.First < took || n > 0 && sig.Fired[n-1] < took) {
			failing = append(failing, sig.Name)
		}
	})
	p.suspectCheck(l, strings.Join(failing, ", "), one, other)
}

func (p *pass) suspectCheck(l *loaded, check, one, other string) {
	if check == "" {
		return
	}
	l.inc.CheckSuspect = "the check is suspect: \"" + clip(check, 120) + "\" failed on " + one + " and fails on " + other + " too, two different deployments"
	p.sayLong(l, l.inc.CheckSuspect+". I do not roll back further. Look at the check itself, and at what both depend on: the database, a provider, a secret")
	p.changed(l)
}

// gateFailed compares a gate that failed after a rollback with what failed before it.
func (p *pass) gateFailed(l *loaded, node *Node) {
	inc := l.inc
	if !p.v2() || node.Kind != NodeGate || node.Gate == nil || inc.Suspect == nil || inc.CheckSuspect != "" || inc.Firing == 0 {
		return
	}
	e := p.s.Env(inc.Project, inc.Environment)
	if !e.RolledBack || e.Promoted == inc.Suspect.DeploymentID || !node.Gate.Signals && !strings.HasPrefix(node.Gate.Uses, "probe.") {
		return
	}
	if fires := p.stillFires(l); node.Gate.Signals && fires != "" {
		p.suspectSignals(l, fires, inc.Suspect.DeploymentID, e.Promoted)
		return
	}
	p.suspectCheck(l, titled(node), inc.Suspect.DeploymentID, e.Promoted)
}

// suspectSignals says of signals that outlive the rollback what can be said: they began
// with the one deployment and go on with the other. Who sends them may be late.
func (p *pass) suspectSignals(l *loaded, fires, one, other string) {
	l.inc.CheckSuspect = "the check is suspect: " + fires + " on " + other + " as on " + one + ", two different deployments"
	p.sayLong(l, l.inc.CheckSuspect+". I do not roll back further. Either its sender is late to say that it is over, or look at the check itself, and at what both depend on: the database, a provider, a secret")
	p.changed(l)
}
