package orchestrator

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Replay says that an event was in quarantine and is handed in again, and by whom.
type Replay struct {
	// Seq and Index name the line of quarantine.
	Seq   uint64 `json:"seq"`
	Index int    `json:"i,omitempty"`
	By    string `json:"by"`
	// Scope is the scope of the token that was used.
	Scope string `json:"scope,omitempty"`
}

// Replayed is what became of a replay.
type Replayed struct {
	// Seq is the entry of the replay.
	Seq uint64 `json:"seq"`
	At  int64  `json:"at"`
	By  string `json:"by"`
	// Incident is the number of the incident it came to, 0 when none.
	Incident uint64 `json:"incident,omitempty"`
	Why      string `json:"why"`
}

// quarantined is a record of the quarantine.
type quarantined struct {
	Bad
	At int64 `json:"at"`
	// Event is what was read and nobody claims, as it came.
	Event *Event `json:"event,omitempty"`
	// Replayed is set once it was handed in again and counted; Tried when it was
	// and still nobody claimed it.
	Replayed *Replayed `json:"replayed,omitempty"`
	Tried    *Replayed `json:"tried,omitempty"`
}

// quarantine keeps what could not be understood, with its reason.
func (p *pass) quarantine(b Bad) { p.setAside(&quarantined{Bad: b, At: p.now}) }

// quarantineEvent keeps an event that could be read and means nothing as things
// stand; it stays whole, so that it can be handed in again.
func (p *pass) quarantineEvent(ev *Event, reason, excerpt string) {
	q := &quarantined{Bad: Bad{Origin: ev.Origin, Reason: reason, Excerpt: excerpt, Blob: ev.Blob}, At: p.now}
	if p.v2() {
		kept := *ev
		kept.Replay = nil
		q.Event = &kept
	}
	p.setAside(q)
}

func (p *pass) setAside(q *quarantined) {
	p.s.save(BucketBad, badKey(p.seq, p.idx), q)
	p.s.meta.Quarantined++
}

// eventPlace is where an event said it belongs, before the match rules.
type eventPlace struct{ project, environment, component string }

func (ev *Event) place() eventPlace { return eventPlace{ev.Project, ev.Environment, ev.Component} }

// putBack undoes what match rules filled in: others may hold when it comes again.
func (ev *Event) putBack(e eventPlace) {
	ev.Project, ev.Environment, ev.Component = e.project, e.environment, e.component
}

// foldReplay takes in again what went to quarantine. The first replay that finds
// a project counts, all others change nothing; several events of one entry are
// one replay, because a body may hold several.
func (p *pass) foldReplay(ev *Event) {
	r := ev.Replay
	key := badKey(r.Seq, r.Index)
	var q quarantined
	if !p.s.load(BucketBad, key, &q) || q.Origin != ev.Origin || !p.s.MayReplay(r.By, r.Scope) {
		return
	}
	if q.Replayed != nil && q.Replayed.Seq != p.seq {
		return
	}
	timeOfArrival(ev, q.At)
	if reason := p.stillUnrouted(ev); reason != "" && q.Event != nil {
		q.Tried = &Replayed{Seq: p.seq, At: p.now, By: r.By, Why: "unrouted: " + reason}
		p.s.save(BucketBad, key, &q)
		return
	}
	done := p.takeAgain(ev)
	if q.Replayed != nil {
		done.Incident = max(done.Incident, q.Replayed.Incident)
		done.Why = clip(q.Replayed.Why+"; "+done.Why, 1000)
	}
	q.Replayed = &done
	p.s.save(BucketBad, key, &q)
}

// takeAgain takes an event in unless it came in another time since, and says in
// the incident where it comes from.
func (p *pass) takeAgain(ev *Event) Replayed {
	r := ev.Replay
	done := Replayed{Seq: p.seq, At: p.now, By: r.By}
	was, known := p.s.Seen(ev.Origin, ev.ID, p.now)
	if known && !was.setAsideAt(r.Seq) {
		done.Incident, done.Why = was.N, "it is known by another delivery: "+was.Why
		return done
	}
	if !known {
		p.s.meta.Events++
	}
	why := p.takeEvent(ev)
	done.Incident, done.Why = why.N, why.Why
	if l := p.s.incident(why.N); l != nil {
		p.line(l, r.By, "handed in again from quarantine "+QuarantineName(r.Seq, r.Index))
		p.changed(l)
	}
	return done
}

// stillUnrouted says what is missing when nobody claims an event even now.
func (p *pass) stillUnrouted(ev *Event) string {
	came := ev.place()
	reason := p.route(ev)
	ev.putBack(came)
	return reason
}

// timeOfArrival gives news of a deployment the time it first came in when its
// body had none: a promotion of yesterday is not one of now. Alerts without a
// time stay so, and start nothing by themselves.
func timeOfArrival(ev *Event, at int64) {
	switch ev.Type {
	case DeployCreated, DeploySucceeded, DeployFailed, DeployPromoted, DeployRolledBack:
		if ev.Time == 0 {
			ev.Time = at
		}
	}
}

// setAsideAt reports whether all that became of an event was to go to quarantine
// with entry seq.
func (s Seen) setAsideAt(seq uint64) bool {
	return s.Seq == seq && s.N == 0 && (strings.HasPrefix(s.Why, "unrouted: ") || strings.HasPrefix(s.Why, "unknown type "))
}

// MayReplay reports whether a person may hand in what is in quarantine: one who
// is on call or leads, or whoever holds an admin token.
func (s *State) MayReplay(person, scope string) bool {
	if scope == "admin" {
		return true
	}
	who, ok := s.Config().Person(person)
	return ok && person != "" && who.HasRole([]string{"on-call", "devops-lead"})
}

// Quarantined is a line of quarantine.
type Quarantined struct {
	Bad
	Seq   uint64 `json:"seq"`
	Index int    `json:"index"`
	At    int64  `json:"at"`
	// Event is what was read and nobody claims; lists leave it out.
	Event    *Event    `json:"event,omitempty"`
	Replayed *Replayed `json:"replayed,omitempty"`
	Tried    *Replayed `json:"tried,omitempty"`
}

// Name is how people write a line of quarantine.
func (q *Quarantined) Name() string { return QuarantineName(q.Seq, q.Index) }

// QuarantineName is SEQ.INDEX.
func QuarantineName(seq uint64, index int) string {
	return strconv.FormatUint(seq, 10) + "." + strconv.Itoa(index)
}

// ParseQuarantineName reads SEQ.INDEX.
func ParseQuarantineName(name string) (seq uint64, index int, ok bool) {
	a, b, found := strings.Cut(name, ".")
	seq, err := strconv.ParseUint(a, 10, 64)
	n, err2 := strconv.ParseUint(b, 10, 16)
	return seq, int(n), found && err == nil && err2 == nil
}

// Quarantine lists up to limit of what could not be understood, oldest first.
func (s *State) Quarantine(limit int) []Quarantined { return s.QuarantineFrom(0, 0, limit, false) }

// QuarantineFrom is Quarantine from a line on; waiting leaves out what was handed
// in again already.
func (s *State) QuarantineFrom(seq uint64, index, limit int, waiting bool) []Quarantined {
	out := []Quarantined{}
	s.view.Scan(BucketBad, nil, badKey(seq, index), func(k, v []byte) bool {
		var q Quarantined
		if len(k) == 10 && decode(v, &q) && (!waiting || q.Replayed == nil) {
			q.Seq, q.Index, q.Event = binary.BigEndian.Uint64(k), int(binary.BigEndian.Uint16(k[8:])), nil
			out = append(out, q)
		}
		return len(out) < limit
	})
	return out
}

// QuarantinedAt is one line of quarantine with its event.
func (s *State) QuarantinedAt(seq uint64, index int) (Quarantined, bool) {
	var q Quarantined
	ok := s.load(BucketBad, badKey(seq, index), &q)
	q.Seq, q.Index = seq, index
	return q, ok
}
