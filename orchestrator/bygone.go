package orchestrator

// What went wrong once stays wrong, whatever serves now: a payment of before the rollback
// whose webhook never came is owed to its buyer, and says nothing about whether the
// rollback has helped. The comparison of payments finds it (toss.reconcile); the gates
// after a rollback look at what goes wrong since.

// bygone reports whether an event tells of a single thing that went wrong before the
// incident of its environment was over, or before something else served.
func (p *pass) bygone(l *loaded, ev *Event) bool {
	inc := l.inc
	if !p.v2() || !ev.Single || ev.StartsAt == 0 || inc.State == Resolved && p.now-inc.Since >= reopenWindow {
		return false
	}
	return ev.StartsAt < inc.endedFor(ev)
}

// endedFor is when the trouble of an event's project ended, or may have: what serves
// changed in the incident's own environment, not in those that joined it.
func (i *Incident) endedFor(ev *Event) int64 {
	if elsewhere(i, ev) {
		return i.EndedAt
	}
	return max(i.ChangedAt, i.EndedAt)
}

// noteBygone adds such an event to its incident as something that is over.
func (p *pass) noteBygone(l *loaded, ev *Event) {
	inc := l.inc
	var sig Signal
	key, found := p.s.findSignal(inc, signalOf(inc, ev), &sig)
	if found {
		return
	}
	if inc.Distinct >= maxSignals {
		p.tooMany(l)
		return
	}
	sig = Signal{
		Fingerprint: ev.Fingerprint, Name: ev.Name, Source: ev.Source, Severity: ev.Severity, Summary: ev.Summary, Component: ev.Component,
		Count: 1, First: p.now, Last: p.now, StartsAt: ev.StartsAt, Single: true,
	}
	if elsewhere(inc, ev) {
		sig.Project, sig.Environment = ev.Project, ev.Environment
	}
	inc.Distinct++
	p.signalLine(l, ev)
	if p.brought[inc.N].count == 1 {
		p.line(l, "backout", "it went wrong at "+clock(ev.StartsAt)+", before the trouble ended at "+clock(inc.endedFor(ev))+": no new trouble")
	}
	p.keepRaw(&sig, ev)
	p.saveSignal(l, key, &sig)
	p.changed(l)
}

// onlyBygone reports whether an incident that nothing fires for has heard of single
// things only, none of which was put right: then its silence says nothing.
func (p *pass) onlyBygone(l *loaded) bool {
	if l.inc.Firing > 0 || l.inc.ChangedAt == 0 {
		return false
	}
	single, other := 0, 0
	p.eachSignal(l.inc.N, func(sig *Signal) {
		if sig.Single {
			single++
		} else {
			other++
		}
	})
	return single > 0 && other == 0
}

// servesAnother notes that something else serves since at, by a step or by hand, and that
// what went wrong once before it no longer counts as failing.
func (p *pass) servesAnother(l *loaded, at int64) {
	if !p.v2() || at <= l.inc.ChangedAt || at <= l.inc.OpenedAt || over(l.inc) {
		return
	}
	l.inc.ChangedAt = at
	n := 0
	p.eachFiring(l.inc.N, func(key []byte, sig *Signal) {
		if !sig.Single || sig.Project != "" || sig.StartsAt == 0 || sig.StartsAt >= at {
			return
		}
		sig.Firing, sig.Ended = false, 0
		p.saveSignal(l, key, sig)
		l.inc.Firing = max(0, l.inc.Firing-1)
		n++
	})
	if n > 0 {
		p.line(l, "backout", plural(n, "signal")+" of what went wrong once before this no longer "+verbFor(n, "counts", "count")+" as failing: "+verbFor(n, "it is", "they are")+" owed, not repeated")
	}
	p.changed(l)
}
