package orchestrator

import (
	"fmt"
	"strconv"
)

// foldEvent takes one event in: known already, whose it is, what it means, and
// keeps the sentence that says why.
func (p *pass) foldEvent(ev *Event) {
	if ev.Inbox > 0 && ev.Inbox <= p.floor {
		return
	}
	p.heard(ev.Source, ev.Origin)
	if ev.Replay != nil && p.v2() {
		p.foldReplay(ev)
		return
	}
	ev.Replay = nil
	if _, known := p.s.seenBefore(ev.Origin, ev.ID, p.now); known {
		return
	}
	p.s.meta.Events++
	p.takeEvent(ev)
}

// takeEvent finds whose an event is, does what it means and remembers its id.
func (p *pass) takeEvent(ev *Event) Seen {
	why := Seen{At: p.now, Seq: p.seq}
	if p.heartbeat(ev, &why) {
		return why
	}
	came := ev.place()
	if reason := p.route(ev); reason != "" {
		ev.putBack(came)
		p.quarantineEvent(ev, "unrouted: "+reason, ev.Type+" "+ev.Name+" "+ev.ID)
		why.Why = "unrouted: " + reason
		p.finding(&Finding{Kind: FindUnrouted, Key: reason, Text: "an event that no project claims went to quarantine: " + reason + ". `backout quarantine list` shows it, `backout quarantine replay` hands it in again"})
	} else if l, over := p.pastBudget(ev); l != nil {
		why.N, why.Why = l.inc.N, over
		return why // not remembered: that is what the budget is for
	} else {
		p.nameRelease(ev)
		why.N, why.Why = p.meaning(ev)
	}
	p.s.remember(ev.Origin, ev.ID, p.now, &why)
	p.forgetOldIDs()
	return why
}

// meaning does what the event's type asks for and says why.
func (p *pass) meaning(ev *Event) (uint64, string) {
	switch ev.Type {
	case DeployChanged:
		if p.v2() {
			return p.changeEvent(ev)
		}
	case DeployCreated, DeploySucceeded, DeployFailed, DeployPromoted, DeployRolledBack:
		return p.deployEvent(ev)
	case AlertFiring, WebhookFailed:
		return p.signalFires(ev)
	case AlertResolved, WebhookRecovered:
		return p.signalEnds(ev)
	}
	p.quarantineEvent(ev, "unknown type "+strconv.Quote(ev.Type), ev.ID)
	return 0, "unknown type " + strconv.Quote(ev.Type)
}

// route finds the project, environment and component of an event by the match
// rules, and says what is missing when none claims it.
func (p *pass) route(ev *Event) (missing string) {
	cfg := p.s.Config()
	if ev.Project == "" && !p.s.claimed(ev) && !p.endsElsewhere(ev) {
		return fmt.Sprintf("no match rule of any project takes source %q with labels %v; add one under projects[].match, such as %s", ev.Source, sortedLabels(ev.Labels), matchFor(ev))
	}
	pr, ok := cfg.Project(ev.Project)
	if !ok {
		return fmt.Sprintf("there is no project %q in the configuration", ev.Project)
	}
	if ev.Environment == "" {
		matchOne(pr, ev)
	}
	if ev.Environment == "" {
		ev.Environment = pr.Production()
	}
	if _, ok := pr.Environment(ev.Environment); !ok {
		return fmt.Sprintf("project %s has no environment %q", pr.ID, ev.Environment)
	}
	return ""
}

// Place fills where an event belongs as the match rules of now say, so that its labels are
// not needed for that any more.
func (s *State) Place(ev *Event) {
	if ev.Project == "" && !s.claimed(ev) {
		return
	}
	pr, ok := s.Config().Project(ev.Project)
	if !ok {
		return
	}
	if ev.Environment == "" {
		matchOne(pr, ev)
	}
	ev.Environment = or(ev.Environment, pr.Production())
}

// claimed routes an event that names no project by the match rules of all.
func (s *State) claimed(ev *Event) bool {
	r, ok := s.routing().find(ev)
	if ok {
		ev.Project = r.project
		r.match.fill(ev)
	}
	return ok
}

func matchOne(pr *Project, ev *Event) {
	for i := range pr.Match {
		if m := &pr.Match[i]; m.takes(ev) {
			m.fill(ev)
			return
		}
	}
}

func labelsMatch(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// deployEvent notes what a provider or publisher said about a deployment. It is
// a hint: what serves counts only as the provider is read.
func (p *pass) deployEvent(ev *Event) (uint64, string) {
	at := ev.Time
	if at == 0 || at > p.now {
		at = p.now
	}
	switch ev.Type {
	case DeployFailed:
		return 0, "a failed build leaves production as it is; nothing is done"
	case DeployPromoted:
		if ev.DeploymentID == "" {
			return 0, "a promotion without a deployment id; nothing is known by it"
		}
		p.promoted(ev.Project, ev.Environment, promotion{id: ev.DeploymentID, commit: ev.Commit, url: ev.URL, release: ev.Release, at: at, hint: true})
		return 0, "deployment " + ev.DeploymentID + " noted as live since " + clock(at)
	case DeployRolledBack:
		if ev.DeploymentID != "" {
			p.promoted(ev.Project, ev.Environment, promotion{id: ev.DeploymentID, commit: ev.Commit, url: ev.URL, at: at, rollback: true, hint: true})
		}
		return 0, "rollback to " + ev.DeploymentID + " noted"
	}
	p.ledgerTold(ev.Project, ev.Environment, Deployment{ID: ev.DeploymentID, URL: ev.URL, Commit: ev.Commit, Release: ev.Release, At: at})
	return 0, "deployment " + ev.DeploymentID + " noted"
}
