package orchestrator

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Windows of the signal rules, in milliseconds.
const (
	webhookWindow = 5 * 60_000
	futureSkew    = 5 * 60_000
	reopenWindow  = 2 * 60 * 60_000
	maxSignals    = 2000
)

// alertState is what is known of one alert or webhook failure by its natural
// key: source, fingerprint, start.
type alertState struct {
	N      uint64 `json:"n,omitempty"`
	Firing bool   `json:"firing"`
	// At is when it ended.
	At int64 `json:"at,omitempty"`
	// Told and From belong to the last end of a fingerprint, see lastEnd: when that was by
	// its sender's word, and the start it named.
	Told int64 `json:"told,omitempty"`
	From int64 `json:"from,omitempty"`
}

// signalFires takes in something that is wrong: it joins the incident that is
// open there, opens one when a rule says so, or is only counted.
func (p *pass) signalFires(ev *Event) (uint64, string) {
	p.normalise(ev)
	key := alertKey(ev)
	var known alertState
	if p.s.load(BucketAlert, key, &known) && known.Firing && known.N > 0 {
		if why := p.repeats(known.N, ev); why != "" {
			return known.N, why
		}
	} else if n, why := p.overAlready(ev); why != "" {
		return n, why
	}
	if p.v2() {
		if why := p.holdsBack(ev); why != "" {
			p.s.save(BucketAlert, key, &alertState{Firing: true})
			return 0, p.hold(key, ev, why)
		}
		p.dropHeld(key)
	}
	n, why := p.decideSignal(ev)
	p.s.save(BucketAlert, key, &alertState{N: n, Firing: true})
	return n, why
}

// normalise fills what the sender left out. A time in the future is worth as
// much as none.
func (p *pass) normalise(ev *Event) {
	if ev.Fingerprint == "" {
		ev.Fingerprint = ev.Name
		if ev.Type == WebhookFailed || ev.Type == WebhookRecovered {
			ev.Fingerprint = "webhook/" + ev.Provider + "/" + ev.Endpoint
		}
	}
	if ev.Name == "" {
		ev.Name = ev.Fingerprint
	}
	if ev.Severity == "" {
		ev.Severity = "warning"
		if ev.Type == WebhookFailed {
			ev.Severity = "critical"
		}
	}
	if ev.StartsAt == 0 {
		ev.StartsAt = ev.Time
	}
	if ev.StartsAt > p.now+futureSkew || ev.StartsAt < 0 {
		ev.StartsAt = 0
	}
}

func alertKey(ev *Event) []byte {
	return binary.BigEndian.AppendUint64(alertPrefix(ev), uint64(naturalStart(ev)))
}

// naturalStart is the start that tells two firings of one alert apart. Webhook
// failures have none: they go on until they recover.
func naturalStart(ev *Event) int64 {
	if ev.Type == WebhookFailed || ev.Type == WebhookRecovered {
		return 0
	}
	return ev.StartsAt
}

func alertPrefix(ev *Event) []byte {
	return append(joinKey(ev.Project, ev.Environment, ev.Source, ev.Fingerprint), 0)
}

// decideSignal asks the rules.
func (p *pass) decideSignal(ev *Event) (uint64, string) {
	env := p.s.Env(ev.Project, ev.Environment)
	if l := p.openIncident(ev.Project, ev.Environment); l != nil && p.bygone(l, ev) {
		p.noteBygone(l, ev)
		return l.inc.N, "noted with " + IncidentName(l.inc.N) + ": it went wrong before the trouble ended there"
	}
	distinct := p.distinctEvents(ev, env)
	p.hits = 0
	if ev.Type == WebhookFailed || len(ev.EventIDs) > 0 {
		p.hits = distinct
	}
	open := p.openIncident(ev.Project, ev.Environment)
	var rule *Rule
	why := ""
	if open == nil || !open.inc.State.Open() || leadable(open.inc) {
		rule, why = p.matchRule(ev, env, distinct, open)
	}
	if open != nil && p.ownTrouble(open, ev, rule) {
		p.leave(open, Place{ev.Project, ev.Environment})
		open = nil
	}
	switch {
	case open != nil && open.inc.State.Open():
		p.join(open, ev)
		if rule != nil && rule.Do == RuleOpen {
			p.leadWith(open, rule, ev)
		}
		return open.inc.N, fmt.Sprintf("joined %s, which is open for %s/%s", IncidentName(open.inc.N), ev.Project, ev.Environment)
	case rule == nil:
		return 0, "no rule matched" + why
	case rule.Do != RuleOpen:
		return 0, "rule " + rule.ID + ": " + rule.Why
	case open != nil && open.inc.State == Resolved && p.now-open.inc.Since < reopenWindow:
		p.comesBack(open, ev, rule)
		return open.inc.N, "reopened " + IncidentName(open.inc.N) + ": it came back within two hours"
	}
	if l, node := p.behindTheSame(ev, rule); l != nil {
		p.joinFrom(l, ev, node)
		return l.inc.N, "joined " + IncidentName(l.inc.N) + ": " + l.inc.Project + " and " + ev.Project + " both depend on " + node
	}
	l := p.open(ev, rule)
	return l.inc.N, "opened " + IncidentName(l.inc.N) + " by rule " + rule.ID + ": " + rule.Why
}

// distinctEvents counts the different failures of the last five minutes: a
// sender's retries of one event are one failure, and an alert that names what it is
// about (payments, orders) counts those.
func (p *pass) distinctEvents(ev *Event, env *EnvState) int {
	if ev.Type != WebhookFailed && (!p.v2() || len(ev.EventIDs) == 0) {
		return len(env.Webhooks)
	}
	group := ""
	if ev.Type != WebhookFailed {
		group = ev.Source + "/" + ev.Fingerprint
	}
	ids := ev.EventIDs
	if len(ids) == 0 {
		ids = []string{ev.ID}
	}
	env.Webhooks = slices.DeleteFunc(env.Webhooks, func(w WebhookAt) bool { return p.now-w.At > webhookWindow })
	at := p.now
	if ev.Replay != nil {
		at = min(ev.StartsAt, p.now) // what failed long ago does not add up with what fails now
	}
	for _, id := range ids {
		id = or(group, ev.Provider) + "/" + id
		if p.now-at <= webhookWindow && len(env.Webhooks) < 64 && !slices.ContainsFunc(env.Webhooks, func(w WebhookAt) bool { return w.ID == id }) {
			env.Webhooks = append(env.Webhooks, WebhookAt{ID: id, At: at, Of: group})
		}
	}
	p.s.putEnv(ev.Project, ev.Environment, env)
	n := 0
	for _, w := range env.Webhooks {
		if w.Of == group {
			n++
		}
	}
	return n
}

// openIncident is the incident that has this environment, closed ones excepted.
func (p *pass) openIncident(project, env string) *loaded { return p.s.incidentOf(project, env) }

func (s *State) incidentOf(project, env string) *loaded {
	b := s.view.Get(BucketCorr, joinKey(project, env))
	if len(b) != 8 {
		return nil
	}
	return s.incident(binary.BigEndian.Uint64(b))
}

// join adds a signal to an incident.
func (p *pass) join(l *loaded, ev *Event) {
	inc := l.inc
	var sig Signal
	key, found := p.s.findSignal(inc, signalOf(inc, ev), &sig)
	if !found && inc.Distinct >= maxSignals {
		p.tooMany(l)
		if p.v2() {
			p.weigh(l, ev)
		}
		return
	}
	if !found {
		sig = Signal{Fingerprint: ev.Fingerprint, Name: ev.Name, Source: ev.Source, First: p.now}
		if elsewhere(inc, ev) {
			sig.Project, sig.Environment = ev.Project, ev.Environment
		}
		inc.Distinct++
		p.signalLine(l, ev)
	}
	if !sig.Firing || sig.Ended > 0 {
		p.firesAgain(&sig)
	}
	if !sig.Firing {
		inc.Firing++
	}
	sig.Firing, sig.Last, sig.StartsAt, sig.Ended = true, p.now, ev.StartsAt, 0
	sig.Severity, sig.Summary, sig.Component = ev.Severity, ev.Summary, ev.Component
	sig.Release, sig.FirstSeen, sig.Single = ev.Release, ev.FirstSeen, ev.Single
	sig.Count++
	p.keepRaw(&sig, ev)
	if p.v2() {
		sig.Hits = max(sig.Hits, p.hits)
	}
	p.saveSignal(l, key, &sig)
	p.weigh(l, ev)
	p.changed(l)
	if inc.State == Monitoring {
		p.move(l, "regressed", "it came back: "+describe(ev))
		p.pageAgain(l, "It came back: "+describe(ev))
	}
	p.news(l, &sig)
}

// weigh lets a new signal raise the severity, set the clock of automatic
// actions and name the component.
func (p *pass) weigh(l *loaded, ev *Event) {
	inc := l.inc
	inc.Timed = ev.StartsAt > 0
	inc.SignalAt = max(inc.SignalAt, ev.StartsAt)
	if ev.StartsAt > 0 && ev.StartsAt < inc.StartedAt {
		inc.StartedAt = ev.StartsAt
	}
	if severityRank(ev.Severity) > severityRank(inc.Severity) {
		inc.Severity = ev.Severity
	}
	if inc.Component == "" {
		inc.Component = ev.Component
	}
	if inc.Timer != 0 && inc.State.Open() {
		p.clearIncidentTimer(l)
	}
}

// countAgain counts a repeat of a signal the incident has.
func (p *pass) countAgain(n uint64, ev *Event) {
	l := p.s.incident(n)
	if l == nil {
		return
	}
	var sig Signal
	key, found := p.s.findSignal(l.inc, signalOf(l.inc, ev), &sig)
	if !found {
		return
	}
	sig.Count++
	sig.Last = p.now
	p.keepRaw(&sig, ev)
	if p.v2() && severityRank(ev.Severity) > severityRank(sig.Severity) {
		sig.Severity, sig.Summary = ev.Severity, ev.Summary
		p.line(l, ev.Origin, "worse: "+describe(ev)+" is "+ev.Severity+" now")
		p.weigh(l, ev)
		p.news(l, &sig)
	}
	p.saveSignal(l, key, &sig)
}

// describe is what a signal says, as describe says it of an event.
func (sig *Signal) describe() string {
	return describe(&Event{Name: sig.Name, Summary: sig.Summary, Component: sig.Component})
}

func severityRank(s string) int {
	switch s {
	case "critical":
		return 3
	case "error", "major":
		return 2
	case "warning":
		return 1
	}
	return 0
}

func describe(ev *Event) string {
	text := ev.Name
	if ev.Summary != "" {
		text += " (" + ev.Summary + ")"
	}
	if ev.Error != "" {
		text += " (" + ev.Error + ")"
	}
	if ev.Component != "" {
		text += " on " + ev.Component
	}
	return clip(text, 300)
}
