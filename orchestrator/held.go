package orchestrator

import "strings"

// heldTimer is the timer of no incident that looks at what is held back.
const heldTimer = "held"

// Held signals are looked at again every heldEvery; maxHeld bounds how many are
// kept and how many one look decides about.
const (
	heldEvery = 60_000
	maxHeld   = 2000
)

// Held is a signal that fires and may open nothing for now.
type Held struct {
	// Why says what holds it back.
	Why   string `json:"why"`
	Since int64  `json:"since"`
	Event Event  `json:"event"`
}

// holdsBack says what keeps a signal from opening or joining anything, "" when
// nothing does.
func (p *pass) holdsBack(ev *Event) string {
	if s := p.silenced(ev); s != nil {
		return "held back by " + s.sentence()
	}
	return p.inhibited(ev)
}

// hold remembers a signal that is held back, so that it is decided about when
// what holds it is over and it still fires.
func (p *pass) hold(key []byte, ev *Event, why string) string {
	known := Held{Since: p.now}
	found := p.s.load(BucketHeld, key, &known)
	if !found {
		if p.s.meta.Held >= maxHeld {
			return why + "; too many are held to remember this one, its next repeat counts"
		}
		p.s.meta.Held++
	}
	known.Why, known.Event = why, *ev
	p.s.save(BucketHeld, key, &known)
	p.watchHeld()
	return why + "; it is decided about when that is over and it still fires"
}

// dropHeld forgets a held signal and reports whether it was one.
func (p *pass) dropHeld(key []byte) bool {
	if p.s.meta.Held == 0 || p.s.view.Get(BucketHeld, key) == nil {
		return false
	}
	p.s.view.Delete(BucketHeld, key)
	p.s.meta.Held--
	return true
}

// watchHeld sets the timer for the next look, unless it is set.
func (p *pass) watchHeld() {
	m := &p.s.meta
	if m.HeldTimer == 0 && m.Held > 0 {
		m.HeldTimer = p.now + heldEvery
		p.s.view.Put(BucketTimer, timerKey(m.HeldTimer, 0, 0, heldTimer), []byte{1})
	}
}

// reviewHeld decides about the held signals that nothing holds back any more, and
// says how many those were.
func (p *pass) reviewHeld() int {
	var keys [][]byte
	p.s.view.Scan(BucketHeld, nil, nil, func(k, _ []byte) bool {
		keys = append(keys, append([]byte(nil), k...))
		return true
	})
	freed := 0
	for _, key := range keys {
		var h Held
		if !p.s.load(BucketHeld, key, &h) || p.holdsBack(&h.Event) != "" {
			continue
		}
		p.dropHeld(key)
		freed++
		n, why := uint64(0), p.route(&h.Event) // the configuration may have lost its project
		if why == "" {
			n, why = p.decideSignal(&h.Event)
		}
		p.s.save(BucketAlert, key, &alertState{N: n, Firing: true})
		p.s.remember(h.Event.Origin, h.Event.ID, p.now, &Seen{N: n, Why: h.Why + "; that is over: " + why, At: p.now, Seq: p.seq})
	}
	return freed
}

// Held lists the signals that are held back, at most limit.
func (s *State) Held(limit int) []Held {
	var out []Held
	s.view.Scan(BucketHeld, nil, nil, func(_, v []byte) bool {
		var h Held
		if decode(v, &h) {
			out = append(out, h)
		}
		return len(out) < limit
	})
	return out
}

// standingTimer acts on a due timer that belongs to no incident.
func (p *pass) standingTimer(t *TimerFired) {
	if p.watchTimer(t) {
		return
	}
	key := timerKey(t.Due, p.part, 0, t.Name)
	if !p.fenced || t.Due > p.now || p.s.view.Get(BucketTimer, key) == nil {
		return
	}
	p.s.view.Delete(BucketTimer, key)
	if strings.HasPrefix(t.Name, holdTimer) {
		p.holdOver(t.Name)
	}
	if strings.HasPrefix(t.Name, toldTimer) {
		p.tellVerdict(t.Name)
	}
	if t.Name == heldTimer {
		p.s.meta.HeldTimer = 0
		p.reviewHeld()
		p.watchHeld()
	}
}
