package orchestrator

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxLines bounds a timeline; past it lines are only counted.
const maxLines = 2000

// The names of an incident's own timers: its next change by itself, and the end
// of an acknowledgement.
const (
	incidentTimer = "i"
	ackTimer      = "ack"
)

// open makes a new incident of a signal and starts the rule's playbook.
func (p *pass) open(ev *Event, rule *Rule) *loaded {
	severity := rule.Severity
	if severity == "" {
		severity = ev.Severity
	}
	l := p.create(&Incident{
		Severity: severity, Title: clip(titleOf(ev), 200), Project: ev.Project, Environment: ev.Environment,
		Component: ev.Component, OpenedBy: ev.Origin, StartedAt: p.now,
	})
	p.line(l, "backout", "opened by rule "+rule.ID+": "+rule.Why)
	p.join(l, ev)
	p.leadByRule(l, rule)
	return l
}

// leadByRule starts a rule's playbook: at once when one source's word is enough.
func (p *pass) leadByRule(l *loaded, rule *Rule) {
	if rule.Sure {
		p.lead(l, rule.Playbook)
		return
	}
	p.leadSure(l, rule.Playbook)
}

func titleOf(ev *Event) string {
	if ev.Summary != "" {
		return ev.Name + ": " + ev.Summary
	}
	return ev.Name
}

// create numbers an incident and makes it the one its environment's signals
// join.
func (p *pass) create(inc *Incident) *loaded {
	m := &p.s.meta
	m.NextIncident++
	inc.N = m.NextIncident
	inc.State, inc.Since, inc.OpenedAt = Triggered, p.now, p.now
	if m.FoldVersion >= 2 {
		inc.OpenedSeq = p.seq
	}
	inc.Partition = Partition(inc.Project, inc.Environment, m.Partitions)
	l := p.s.newIncident(inc)
	p.s.view.Put(BucketCorr, joinKey(inc.Project, inc.Environment), incidentKey(inc.N))
	p.s.open = nil
	p.changed(l)
	return l
}

// lead starts a playbook as the incident's leading plan.
func (p *pass) lead(l *loaded, playbook string) {
	inc := l.inc
	p.cancelConfirm(l)
	hash := p.s.meta.Playbooks[playbook]
	plan := p.s.PlanByHash(hash)
	if plan == nil {
		p.line(l, "backout", "there is no playbook "+strconv.Quote(playbook)+"; a person must decide. Load one with `backout config apply`")
		p.page(l, "No playbook "+playbook+" for this incident: please look.")
		return
	}
	if plan.NeedsSuspect {
		inc.Suspect = p.suspect(l)
		if inc.Suspect == nil && playbook != "respond" {
			p.line(l, "backout", "no deployment is to blame: playbook respond instead of "+playbook)
			p.lead(l, "respond")
			return
		}
	}
	// Whatever serves, however long: nothing is done to it by age. What was gone back to is
	// not what spoiled the data; the suspect stays who it was.
	if back := p.s.Env(inc.Project, inc.Environment).RolledBack && p.v2(); playbook == EmergencyPlaybook && !back {
		inc.Suspect = p.blamed(l, true)
	}
	inc.Runs = append(inc.Runs, Run{Round: len(inc.Runs) + 1, Playbook: playbook, Plan: hash})
	if inc.Suspect != nil && (plan.NeedsSuspect || playbook == EmergencyPlaybook) {
		p.line(l, "backout", "suspect: deployment "+inc.Suspect.DeploymentID+", score "+score(inc.Suspect.Score)+", because "+join(inc.Suspect.Reasons))
	}
	p.line(l, "backout", "playbook "+playbook+" leads")
	if p.v2() && !plan.NeedsSuspect {
		p.likelyCause(l)
	}
	p.advance(l)
}

// leadWith changes the plan of an open incident when a later signal finds a
// deployment to blame and nothing has been done outside yet.
func (p *pass) leadWith(l *loaded, rule *Rule, ev *Event) {
	if rule.Playbook == "" || l.inc.Run().Playbook == rule.Playbook || !leadable(l.inc) {
		return
	}
	if env := p.s.Env(l.inc.Project, l.inc.Environment); l.inc.Cleared != "" && l.inc.Cleared == env.Promoted && p.blames(rule.Playbook) {
		return // it was found not to be the cause
	}
	if p.v2() && l.inc.Pending != "" && !rule.Sure && !p.blames(rule.Playbook) {
		return // it still waits to be confirmed
	}
	p.line(l, ev.Origin, "rule "+rule.ID+": "+rule.Why)
	l.inc.PagedAt = 0 // another plan is news
	p.cancelSteps(l, "playbook "+rule.Playbook+" leads now")
	p.lead(l, rule.Playbook)
}

// leadable reports whether another plan may still lead an open incident; if not,
// a signal needs no rule to join it.
func leadable(inc *Incident) bool {
	cur := inc.Run().Playbook
	return inc.Stopped == "" && inc.Effects == 0 && (cur == "" || cur == "respond")
}

// reopen takes a resolved incident up again under its number and says so to people.
func (p *pass) reopen(l *loaded, why string) {
	p.takeUp(l, why)
	p.pageAgain(l, "Reopened: "+why)
}

// takeUp takes a resolved incident up again; its plan pages when it begins.
func (p *pass) takeUp(l *loaded, why string) {
	p.clearIncidentTimer(l)
	p.move(l, "reopen", why)
	l.inc.Stopped, l.inc.Effects = "", 0
	p.cancelSteps(l, "reopened")
	if p.v2() {
		l.inc.Times++
	}
}

// move asks the incident table and notes the change. An event the table does
// not have from this state changes nothing.
func (p *pass) move(l *loaded, event, why string) bool {
	next, ok := p.incidents.Next(string(l.inc.State), event)
	if !ok || next == string(l.inc.State) {
		return false
	}
	l.inc.State, l.inc.Since = IncidentState(next), p.now
	l.inc.ends(p.now)
	p.s.open = nil
	p.line(l, "backout", "incident is "+next+": "+why)
	p.changed(l)
	switch l.inc.State {
	case Resolved:
		p.release(l)
		p.setIncidentTimer(l, p.now+p.timing("close_after", dayMS))
		p.stillReadOnly(l)
	case Closed:
		p.closed(l)
		p.stillReadOnly(l)
	case Triggered, Mitigating, Monitoring:
	}
	return true
}

// closed ends everything that still waits in the incident.
func (p *pass) closed(l *loaded) {
	p.clearIncidentTimer(l)
	if p.v2() {
		p.setIncidentTimer(l, p.now+closedKept)
	}
	p.release(l)
	p.cancelSteps(l, "the incident is closed")
	p.pageAtEnd(l)
	if text := p.leftBehind(l.inc); text != "" {
		p.line(l, "backout", text)
	}
	p.forgetPlaces(l.inc)
}

// release gives the environment lock back, unless a change of what serves is half
// done: until its end is known, nobody else may change it.
func (p *pass) release(l *loaded) {
	if p.v2() && p.halfDone(l) {
		return
	}
	env := p.s.Env(l.inc.Project, l.inc.Environment)
	if env.Lock == l.inc.N {
		env.Lock = 0
		p.s.saveEnv(l.inc.Project, l.inc.Environment, env)
	}
}

// halfDone reports whether a change of what serves was begun and has not ended.
func (p *pass) halfDone(l *loaded) bool {
	for _, st := range l.steps {
		switch st.State {
		case StepRunning, StepAccepted, StepUnknown:
			if node := p.node(l, st); node != nil && node.Spec.Serving {
				return true
			}
		case StepBlocked, StepAwaiting, StepReady, StepWaiting, StepDone, StepFailed, StepSkipped, StepCancelled:
		}
	}
	return false
}

// over reports whether nothing more is begun for an incident.
func over(inc *Incident) bool {
	return inc.State == Resolved || inc.State == Closed || inc.Stopped != ""
}

// cancelSteps calls off every step of the plan that has not ended and is not
// under way. Pages and the chat's message go on.
func (p *pass) cancelSteps(l *loaded, why string) {
	for _, st := range append([]*Step(nil), l.steps...) {
		if st.Extra != nil {
			continue
		}
		switch st.State {
		case StepBlocked, StepAwaiting, StepReady, StepWaiting:
			p.to(l, st, "cancel", why)
		case StepRunning, StepAccepted, StepUnknown, StepDone, StepFailed, StepSkipped, StepCancelled:
		}
	}
}

// underWay reports whether a step of the plan has not ended: an incident is not
// closed over it.
func (p *pass) underWay(l *loaded) bool {
	for _, st := range l.steps {
		if st.Extra == nil && !st.State.Ended() {
			return true
		}
	}
	return false
}

func (p *pass) setIncidentTimer(l *loaded, due int64) {
	p.clearIncidentTimer(l)
	l.inc.Timer = due
	p.s.view.Put(BucketTimer, timerKey(due, l.inc.Partition, l.inc.N, incidentTimer), []byte{1})
	p.changed(l)
}

func (p *pass) clearIncidentTimer(l *loaded) {
	if l.inc.Timer == 0 {
		return
	}
	p.s.view.Delete(BucketTimer, timerKey(l.inc.Timer, l.inc.Partition, l.inc.N, incidentTimer))
	l.inc.Timer = 0
	p.changed(l)
}

// incidentTimerFired closes a resolved incident, or lets one subside whose
// signals are gone and for which nothing was done outside.
func (p *pass) incidentTimerFired(l *loaded) {
	l.inc.Timer = 0
	p.changed(l)
	switch {
	case l.inc.State == Closed:
		p.forget(l)
	case l.inc.State == Resolved && p.underWay(l):
		p.setIncidentTimer(l, p.now+min(p.timing("close_after", dayMS), hourMS))
	case l.inc.State == Resolved:
		p.move(l, "close", "resolved for "+span(p.now-l.inc.Since))
	case l.inc.State.Open() && l.inc.Firing == 0 && l.inc.Effects == 0:
		if p.move(l, "subside", "the signals are gone and nothing had been done") {
			p.cancelSteps(l, "the signals are gone")
		}
	}
}

// ackOver pages again when whoever had it has not brought it further: something
// still waits for a person.
func (p *pass) ackOver(l *loaded) {
	waiting := p.waitingSteps(l, nil)
	if l.inc.Ack == nil || l.inc.Ack.Expires > p.now || !l.inc.State.Open() || len(waiting) == 0 {
		return
	}
	if p.v2() && l.inc.well() {
		p.line(l, "backout", "no new page though the acknowledgement has expired: nothing fires now")
		return
	}
	p.page(l, "The acknowledgement of "+l.inc.Ack.By+" has expired and this still waits for a person: "+orNothing(waiting))
}

// line adds to the timeline.
func (p *pass) line(l *loaded, actor, text string) { p.lineOf(l, actor, text, maxLine) }

// sayLong is line for decisions, which name all that they looked at.
func (p *pass) sayLong(l *loaded, text string) { p.lineOf(l, "backout", text, maxDecision) }

// maxLine and maxDecision bound one line of a timeline, in bytes.
const (
	maxLine     = 600
	maxDecision = 1500
)

func (p *pass) lineOf(l *loaded, actor, text string, most int) {
	inc := l.inc
	if inc.Lines < maxLines {
		p.s.save(BucketHistory, historyKey(inc.N, inc.Lines), &Line{At: p.now, Actor: actor, Text: clip(text, most), Seq: p.seq})
	}
	inc.Lines++
	p.changed(l)
}

// changed marks the incident for the next flush and for those who watch.
func (p *pass) changed(l *loaded) {
	l.dirty = true
	if !p.seen[l.inc.N] {
		p.seen[l.inc.N] = true
		p.out.Changed = append(p.out.Changed, l.inc.N)
	}
}

// timing is a waiting time of the configuration, in milliseconds.
func (p *pass) timing(name string, otherwise int64) int64 {
	if v, ok := p.s.Config().Policies.Timings[name]; ok {
		return v
	}
	return otherwise
}

// Timeline reads up to limit lines of an incident from line from on.
func (s *State) Timeline(n uint64, from uint32, limit int) []Line {
	var out []Line
	s.view.Scan(BucketHistory, incidentKey(n), historyKey(n, from), func(_, v []byte) bool {
		var line Line
		if decode(v, &line) {
			out = append(out, line)
		}
		return len(out) < limit
	})
	return out
}

// clip shortens text to at most n bytes, never inside a character.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05") + " UTC" }

// span writes milliseconds for people, as finely as they care.
func span(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		d = d.Round(time.Second)
	default:
		d = d.Round(time.Minute)
	}
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// score writes 930 as 0.93.
func score(v int) string {
	switch {
	case v >= 1000:
		return "1.00"
	case v < 0:
		return "0.00"
	}
	s := strconv.Itoa(v / 10)
	if len(s) < 2 {
		s = "0" + s
	}
	return "0." + s
}
