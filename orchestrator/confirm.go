package orchestrator

import (
	"slices"
	"strconv"
)

const (
	confirmTimer = "confirm"
	snoozeTimer  = "snooze"
	probeSource  = "probe"
	// probeWorse is how long an own probe must fail while an incident is snoozed
	// to end the snooze. Milliseconds.
	probeWorse = 5 * 60_000
)

// leadSure starts a playbook at once when the trouble is sure: a deployment is to
// blame, several sources agree, several users or projects were hit, or an own probe has failed
// for long enough. Otherwise it waits for that, at most confirm_before_page: a
// blip of one monitor wakes nobody.
func (p *pass) leadSure(l *loaded, playbook string) {
	wait := p.s.Config().Policies.Limits.WithDefaults().ConfirmPage
	plan := p.s.PlanByHash(p.s.meta.Playbooks[playbook])
	if !p.v2() || plan == nil || plan.NeedsSuspect || wait <= 0 || p.confirmed(l, wait) {
		p.lead(l, playbook)
		return
	}
	p.cancelConfirm(l)
	l.inc.Pending, l.inc.Confirm = playbook, p.now+wait
	p.s.view.Put(BucketTimer, timerKey(l.inc.Confirm, l.inc.Partition, l.inc.N, confirmTimer), []byte{1})
	p.line(l, "backout", "one source tells of it and no deployment is to blame: people are woken when a second one does, or when it has lasted until "+clock(l.inc.Confirm))
}

// confirmed reports whether more than one monitor's word stands for the trouble.
func (p *pass) confirmed(l *loaded, wait int64) bool {
	t := p.tally(l)
	// A number of our own database is no monitor's word.
	if len(t.sources) > 1 || len(l.inc.Also) > 0 || t.sources[ReadSQL] {
		return true
	}
	if len(t.sources) > 0 && t.hits >= p.s.Config().Policies.Limits.WithDefaults().MinDistinct {
		return true
	}
	return slices.ContainsFunc(t.probes, func(one told) bool { return p.now-one.startsAt >= wait })
}

func (p *pass) cancelConfirm(l *loaded) {
	if l.inc.Confirm != 0 {
		p.s.view.Delete(BucketTimer, timerKey(l.inc.Confirm, l.inc.Partition, l.inc.N, confirmTimer))
	}
	l.inc.Pending, l.inc.Confirm = "", 0
}

// confirmOver is the end of the wait: what still fires is trouble.
func (p *pass) confirmOver(l *loaded) {
	playbook := l.inc.Pending
	l.inc.Confirm = 0
	switch {
	case !l.inc.State.Open() || playbook == "":
	case l.inc.Firing == 0 || !p.stillBad(l):
		p.line(l, "backout", "it is well again; nobody was woken")
	default:
		p.line(l, "backout", "it has lasted")
		p.lead(l, playbook)
	}
	p.changed(l)
}

// stillBad reports whether a signal fires that is not only counted as firing.
func (p *pass) stillBad(l *loaded) bool {
	bad := false
	p.eachSignal(l.inc.N, func(sig *Signal) { bad = bad || sig.Firing && sig.Ended == 0 })
	return bad
}

// news is what a signal that joins may change: an incident that waits to be
// confirmed, or one that is snoozed until worse.
func (p *pass) news(l *loaded, sig *Signal) {
	if !p.v2() || !l.inc.State.Open() {
		return
	}
	switch wait := p.s.Config().Policies.Limits.WithDefaults().ConfirmPage; {
	case l.inc.Pending == "":
	case l.inc.Confirm == 0: // it had been well again, and is not
		p.leadSure(l, l.inc.Pending)
	case p.confirmed(l, wait):
		p.lead(l, l.inc.Pending)
	}
	p.rescore(l)
	p.worse(l, sig)
}

// rescore weighs the suspect again when more is known, as long as nothing was
// done. Policy is asked anew about what waits for a person's yes, or for the end of
// a veto time, when its answer changes with the score.
func (p *pass) rescore(l *loaded) {
	inc := l.inc
	if !p.v2() || inc.Suspect == nil || inc.Effects > 0 || inc.Stopped != "" {
		return
	}
	s := p.suspect(l)
	if s == nil || s.DeploymentID != inc.Suspect.DeploymentID || s.Score == inc.Suspect.Score && s.Sources == inc.Suspect.Sources {
		return
	}
	p.line(l, "backout", "suspect: deployment "+s.DeploymentID+", score "+score(s.Score)+" now, "+score(inc.Suspect.Score)+" before, because "+join(s.Reasons))
	inc.Suspect = s
	for _, st := range append([]*Step(nil), l.steps...) {
		node := p.node(l, st)
		if node != nil && st.State == StepSkipped && st.Round == inc.Run().Round && st.Chunk == 0 && p.mode(inc, node.Action) == Shadow {
			p.wouldHave(l, st, node)
		}
		if node == nil || st.State != StepAwaiting || st.Preview == nil || st.Asked || st.Approval == nil || len(st.Approval.Votes) > 0 {
			continue
		}
		p.wouldHave(l, st, node)
		switch ap := p.approvalFor(l, node); {
		case ap.Auto != st.Approval.Auto:
			p.askApproval(l, st, node)
		case ap.Rule != st.Approval.Rule:
			if ap.Not != st.Approval.Not {
				p.decision(l, st, node, ap)
			}
			st.Approval.Rule, st.Approval.Not = ap.Rule, ap.Not
			p.line(l, "backout", titled(node)+" still waits for "+roles(ap.Roles)+" because of "+ap.Rule)
			l.touch(st)
		}
	}
}

// worse ends a snooze when the trouble grew.
func (p *pass) worse(l *loaded, sig *Signal) {
	inc := l.inc
	if inc.Snooze <= p.now {
		return
	}
	why := ""
	switch sources := p.sourceCount(l); {
	case severityRank(inc.Severity) > inc.SnoozeRank:
		why = "it is " + inc.Severity + " now"
	case sources > inc.SnoozeSources:
		why = "a new source tells of it: " + sig.describe()
	case sig.Source == probeSource && len(sig.Fired) > 0 && sig.Fired[len(sig.Fired)-1] == p.now:
		p.s.view.Put(BucketTimer, timerKey(p.now+probeWorse, inc.Partition, inc.N, snoozeTimer), []byte{1})
	}
	if why != "" {
		p.wake(l, why)
	}
}

// snoozeChecked wakes people when an own probe has failed all the while.
func (p *pass) snoozeChecked(l *loaded) {
	if l.inc.Snooze <= p.now || !l.inc.State.Open() {
		return
	}
	p.eachSignal(l.inc.N, func(sig *Signal) {
		if sig.Source == probeSource && sig.Firing && sig.Ended == 0 && len(sig.Fired) > 0 && p.now-sig.Fired[len(sig.Fired)-1] >= probeWorse {
			p.wake(l, "our own probe has failed for "+span(probeWorse)+": "+sig.describe())
		}
	})
}

func (p *pass) wake(l *loaded, why string) {
	if l.inc.Snooze <= p.now {
		return
	}
	l.inc.Snooze = 0
	p.page(l, "Worse than when it was snoozed: "+why)
}

// comesBack takes a resolved incident up again: the same number and, within the
// hour, no second page for the same thing.
func (p *pass) comesBack(l *loaded, ev *Event, rule *Rule) {
	if !p.v2() {
		p.reopen(l, ev.Name+" fires again")
		p.join(l, ev)
		p.lead(l, rule.Playbook)
		return
	}
	p.takeUp(l, ev.Name+" fires again, "+nth(l.inc.Times+1)+" since "+clock(l.inc.OpenedAt))
	p.join(l, ev)
	p.leadByRule(l, rule)
}

func nth(n int) string {
	switch n {
	case 1:
		return "for the first time"
	case 2:
		return "for the second time"
	case 3:
		return "for the third time"
	}
	return "for the " + strconv.Itoa(n) + "th time"
}

// pagedLately says when people were paged for this, if that was within the hour
// and it is no worse now: a second page for the same thing within the hour is how
// people learn to switch a pager off.
func (p *pass) pagedLately(inc *Incident) string {
	if !p.v2() || inc.PagedAt == 0 || p.now-inc.PagedAt >= hourMS || severityRank(inc.Severity) > inc.PagedRank {
		return ""
	}
	return "people were paged for it at " + clock(inc.PagedAt) + ", and it is no worse"
}

// remind pages again because something still waits for a person. Not while somebody
// has it, who is paged when that ends, nor while nothing fires and nothing was
// changed: then it can wait, and does not use up how often people are asked.
func (p *pass) remind(l *loaded, ap *Approval, text string) {
	inc := l.inc
	switch {
	case !p.v2():
		p.page(l, text)
	case inc.Ack != nil && inc.Ack.Expires > p.now:
		ap.Round--
		p.line(l, "backout", "no new page: "+inc.Ack.By+" has it until "+clock(inc.Ack.Expires))
	case inc.well():
		ap.Round--
		p.line(l, "backout", "no new page: nothing fires now")
	default:
		p.page(l, text)
	}
}

// well reports whether everything that was signalled is gone and nothing was asked
// for or changed.
func (inc *Incident) well() bool {
	return inc.Requester == "" && inc.Firing == 0 && inc.Effects == 0 && inc.Distinct > 0
}

// pageAgain pages about something that came back.
func (p *pass) pageAgain(l *loaded, text string) {
	if why := p.pagedLately(l.inc); why != "" {
		p.line(l, "backout", "no new page: "+why)
		return
	}
	p.page(l, text)
}

func (p *pass) notePaged(inc *Incident) {
	if p.v2() {
		inc.PagedAt, inc.PagedRank = p.now, severityRank(inc.Severity)
	}
}
