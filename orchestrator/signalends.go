package orchestrator

// signalEnds takes in that something is well again. A sender that names no
// start ends every firing of that fingerprint.
func (p *pass) signalEnds(ev *Event) (uint64, string) {
	p.normalise(ev)
	keys, states := p.firing(ev)
	p.noteEnd(ev, states)
	if len(keys) == 0 {
		return 0, "it resolves an alert that is not known to fire"
	}
	var n uint64
	for i, k := range keys {
		p.s.save(BucketAlert, k, &alertState{N: states[i].N, At: p.ended()})
		p.dropHeld(k)
		n = max(n, states[i].N)
	}
	if n == 0 {
		return 0, "it resolves an alert that no incident has"
	}
	p.signalGone(n, ev)
	return n, "a signal of " + IncidentName(n) + " is gone"
}

// ended is the time kept with an ended alert.
func (p *pass) ended() int64 {
	if !p.v2() {
		return 0
	}
	return p.now
}

func (p *pass) firing(ev *Event) (keys [][]byte, states []alertState) {
	exact := alertKey(ev)
	var st alertState
	if p.s.load(BucketAlert, exact, &st) {
		if st.Firing {
			return [][]byte{exact}, []alertState{st}
		}
		return nil, nil
	}
	prefix := alertPrefix(ev)
	var all [][]byte
	p.s.view.Scan(BucketAlert, prefix, nil, func(k, v []byte) bool {
		var st alertState
		if p.v2() && decode(v, &st) && !st.Firing {
			return true // ended ones stay for a week and must not hide one that fires
		}
		all = append(all, append([]byte(nil), k...))
		return len(all) < 64
	})
	for _, k := range all {
		var st alertState
		if p.s.load(BucketAlert, k, &st) && st.Firing {
			keys, states = append(keys, k), append(states, st)
		}
	}
	return keys, states
}

func (p *pass) signalGone(n uint64, ev *Event) {
	l := p.s.incident(n)
	if l == nil {
		return
	}
	var sig Signal
	key, found := p.s.findSignal(l.inc, signalOf(l.inc, ev), &sig)
	if !found || !sig.Firing && !sig.Single {
		return
	}
	p.keepRaw(&sig, ev)
	if p.damped(l, key, &sig) {
		return
	}
	why := ""
	if p.v2() && ev.Name != sig.Name && ev.Name != ev.Fingerprint {
		why = ": " + ev.Name
	}
	p.endSignal(l, key, &sig, ev.Origin, why)
}

// endSignal notes that a signal is gone, and why if its sender says so.
func (p *pass) endSignal(l *loaded, key []byte, sig *Signal, who, why string) {
	if sig.Firing {
		l.inc.Firing = max(0, l.inc.Firing-1)
	}
	sig.Firing, sig.Single, sig.Last, sig.Ended = false, false, p.now, 0
	p.saveSignal(l, key, sig)
	p.goneLine(l, who, "gone: "+sig.describe()+why)
	p.changed(l)
	if l.inc.Firing == 0 && l.inc.Effects == 0 && l.inc.State.Open() {
		p.setIncidentTimer(l, p.now+p.timing("subside_after", 10*60_000))
	}
}
