package orchestrator

import (
	"encoding/binary"
	"strings"
)

// lateFor is for how long an end that came first outdoes the firing it ended: senders
// try again for about that long. Milliseconds.
const lateFor = hourMS

// repeats counts a repeat of a signal that an incident has and says so. It says nothing
// when the incident is over and the signal has to be decided about anew: what goes on a
// day after it was called well is trouble, and so is a webhook that fails again.
func (p *pass) repeats(n uint64, ev *Event) string {
	l := p.s.incident(n)
	if !p.v2() || l != nil && l.inc.State.Open() {
		p.countAgain(n, ev)
		return "a repeat of a signal that " + IncidentName(n) + " already has"
	}
	if l == nil || ev.Type == WebhookFailed || l.inc.State == Closed && !l.inc.Dismissed {
		return ""
	}
	if _, found := p.s.findSignal(l.inc, signalOf(l.inc, ev), &Signal{}); !found {
		return ""
	}
	p.countAgain(n, ev)
	if l.inc.Dismissed {
		return "a repeat of a signal of " + IncidentName(n) + ", which was dismissed: it opens nothing until it has ended and fires anew"
	}
	return "a repeat of a signal of " + IncidentName(n) + ", which was called well while it fired: it opens nothing until that is closed; `reopen " + IncidentName(n) + "` takes it up"
}

// stillFiring says what goes on firing when a person calls an incident well or none.
func (p *pass) stillFiring(l *loaded) string {
	if !p.v2() || l.inc.Firing == 0 {
		return ""
	}
	var names []string
	p.eachFiring(l.inc.N, func(_ []byte, sig *Signal) {
		if len(names) < 3 {
			names = append(names, sig.Name)
		}
	})
	n := l.inc.Firing
	text := plural(n, "signal") + " still " + verbFor(n, "fires", "fire") + " (" + strings.Join(names, ", ")
	if n > len(names) {
		text += " …"
	}
	text += ")"
	if l.inc.State == Resolved {
		return text + ": while this is resolved a repeat opens nothing; `reopen " + IncidentName(l.inc.N) + "` takes it up again"
	}
	if l.inc.Dismissed {
		return text + ": a repeat opens nothing until it has ended and fires anew"
	}
	return text + ": a repeat is decided about anew"
}

// endStart stands where a start does in the key of lastEnd.
const endStart = ^uint64(0)

// lastEnd is the key under which the last end of a fingerprint is remembered: behind all
// its starts.
func lastEnd(ev *Event) []byte {
	return binary.BigEndian.AppendUint64(alertPrefix(ev), endStart)
}

// noteEnd remembers when an alert ended by its sender's word, not later than now.
func (p *pass) noteEnd(ev *Event, ended []alertState) {
	if !p.v2() || ev.Type != AlertResolved || ev.Time <= 0 {
		return
	}
	last := alertState{At: p.now, Told: min(ev.Time, p.now), From: naturalStart(ev)}
	for i := range ended {
		last.N = max(last.N, ended[i].N)
	}
	p.s.save(BucketAlert, lastEnd(ev), &last)
}

// overAlready reports that an alert fires late: its sender said before that it ended.
func (p *pass) overAlready(ev *Event) (n uint64, why string) {
	var last alertState
	if !p.v2() || ev.Type != AlertFiring || ev.StartsAt == 0 || !p.s.load(BucketAlert, lastEnd(ev), &last) {
		return 0, ""
	}
	if last.Told <= max(ev.Time, ev.StartsAt) || ev.StartsAt > last.From || p.now-last.At > lateFor {
		return 0, ""
	}
	return last.N, "it came late: by its sender's word it ended at " + clock(last.Told) + ", so nothing is opened"
}

// endsElsewhere finds the one place where something fires that ends now: who ends it may
// name it and nothing else, as PagerDuty's shape allows.
func (p *pass) endsElsewhere(ev *Event) bool {
	if !p.v2() || ev.Fingerprint == "" || ev.Type != AlertResolved && ev.Type != WebhookRecovered {
		return false
	}
	var at []Place
	cfg := p.s.Config()
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Environments {
			place := Place{cfg.Projects[i].ID, cfg.Projects[i].Environments[j].ID}
			there := *ev
			there.Project, there.Environment = place.Project, place.Environment
			p.normalise(&there)
			if keys, _ := p.firing(&there); len(keys) > 0 {
				at = append(at, place)
			}
		}
	}
	if len(at) != 1 {
		return false
	}
	ev.Project, ev.Environment = at[0].Project, at[0].Environment
	return true
}

// tooMany counts a signal of an incident that has as many as are kept.
func (p *pass) tooMany(l *loaded) {
	if !p.v2() {
		return
	}
	if l.inc.Overflow++; l.inc.Overflow == 1 {
		p.line(l, "backout", "it has 2,000 different signals; further ones are counted, not kept one by one")
	}
	p.changed(l)
}
