package orchestrator

import "slices"

// A signal that began to fire flapAfter times within flapWindow flaps: it counts
// as firing until it has been well for flapQuiet. Milliseconds.
const (
	flapAfter  = 4
	flapWindow = hourMS
	flapQuiet  = 10 * 60_000
	flapTimer  = "flap"
)

// firesAgain notes when a signal began to fire.
func (p *pass) firesAgain(sig *Signal) {
	if !p.v2() {
		return
	}
	sig.Fired = slices.DeleteFunc(sig.Fired, func(at int64) bool { return p.now-at > flapWindow })
	if len(sig.Fired) >= 2*flapAfter {
		sig.Fired = sig.Fired[1:]
	}
	sig.Fired = append(sig.Fired, p.now)
}

// damped reports whether a signal that is well again flaps, so that this is not
// believed before it has lasted.
func (p *pass) damped(l *loaded, key []byte, sig *Signal) bool {
	recent := 0
	for _, at := range sig.Fired {
		if p.now-at <= flapWindow {
			recent++
		}
	}
	if !p.v2() || recent < flapAfter {
		return false
	}
	if sig.Ended == 0 {
		p.line(l, "backout", sig.describe()+" flaps: "+plural(recent, "time")+" within the hour; it counts as firing until it has been well for "+span(flapQuiet))
	}
	sig.Ended, sig.Last = p.now, p.now
	p.saveSignal(l, key, sig)
	p.watchFlaps(l, p.now+flapQuiet)
	return true
}

func (p *pass) watchFlaps(l *loaded, due int64) {
	if l.inc.Flaps != 0 {
		return
	}
	l.inc.Flaps = due
	p.s.view.Put(BucketTimer, timerKey(due, l.inc.Partition, l.inc.N, flapTimer), []byte{1})
	p.changed(l)
}

// flapsOver ends the flapping signals that have been well for long enough.
func (p *pass) flapsOver(l *loaded) {
	l.inc.Flaps = 0
	p.changed(l)
	next := int64(0)
	p.eachFiring(l.inc.N, func(key []byte, sig *Signal) {
		switch {
		case sig.Ended == 0:
		case sig.Ended+flapQuiet <= p.now:
			p.endSignal(l, key, sig, "backout", "")
		case next == 0 || sig.Ended+flapQuiet < next:
			next = sig.Ended + flapQuiet
		}
	})
	if next > 0 {
		p.watchFlaps(l, next)
	}
}
