package orchestrator

import (
	"encoding/binary"
	"slices"
)

// seenDays is for how many days ids are remembered.
const seenDays = 7

// Seen is what became of an event, for `why EVENT`.
type Seen struct {
	N uint64 `json:"n,omitempty"`
	// Why is not kept where it is what nearly every signal has: see joined.
	Why string `json:"why,omitempty"`
	At  int64  `json:"at"`
	Seq uint64 `json:"seq"`
}

// Seen looks an id up, today and the seven days before.
func (s *State) Seen(origin, id string, now int64) (Seen, bool) {
	var v Seen
	key, found := s.seenBefore(origin, id, now)
	found = found && s.load(BucketSeen, key, &v)
	if found && v.Why == "" {
		v.Why = s.joined(v.N)
	}
	return v, found
}

// joined is what became of a signal that came to an incident which was open for its
// place already: in a storm, of all but the first.
func (s *State) joined(n uint64) string {
	l := s.incident(n)
	if l == nil {
		return "joined " + IncidentName(n)
	}
	return "joined " + IncidentName(n) + ", which is open for " + l.inc.Project + "/" + l.inc.Environment
}

// seenBefore finds the key under which an id is remembered. Nearly every id is
// new and must be looked for on each of the days, so it is hashed once and days
// without any id are passed over.
func (s *State) seenBefore(origin, id string, now int64) (key []byte, found bool) {
	for d := range int64(seenDays + 1) {
		day := now/dayMS - d
		if s.dayIsEmpty(day) {
			continue
		}
		key, data := s.onShelves(BucketSeen, dayKey(day), s.idSum(origin, id), s.idShelf(day))
		if data != nil {
			return key, true
		}
	}
	return nil, false
}

// remember keeps what became of an id.
func (s *State) remember(origin, id string, now int64, v *Seen) {
	day := now / dayMS
	s.days[day] = true
	if v.N > 0 && v.Why == s.joined(v.N) {
		v = &Seen{N: v.N, At: v.At, Seq: v.Seq}
	}
	s.save(BucketSeen, onShelf(dayKey(day), s.idSum(origin, id), s.idShelf(day)), v)
	if s.meta.FoldVersion >= 2 {
		s.ids(day, true).N++
		s.metaDirty = true
	}
}

// dayIsEmpty reports whether no id is remembered of a day. A day is looked at
// once: remember notes when it gets its first id.
func (s *State) dayIsEmpty(day int64) bool {
	some, known := s.days[day]
	if !known {
		s.view.Scan(BucketSeen, dayKey(day), nil, func(_, _ []byte) bool {
			some = true
			return false
		})
		s.days[day] = some
	}
	return !some
}

// forgetOldIDs drops whole days that are past, once a day.
func (p *pass) forgetOldIDs() {
	oldest := p.now/dayMS - seenDays
	if p.s.meta.SeenFrom >= oldest {
		return
	}
	p.weed(BucketSeen, nil, func(k, _ []byte) (goes, more bool) {
		past := int64(binary.BigEndian.Uint32(k)) < oldest
		return past, past
	})
	clear(p.s.days)
	p.s.meta.IDs = slices.DeleteFunc(p.s.meta.IDs, func(d dayIDs) bool { return d.Day < oldest })
	p.s.meta.SeenFrom = oldest
	p.forgetOldAlerts()
	p.forgetOldQuarantine()
}
