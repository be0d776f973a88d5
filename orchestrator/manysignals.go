package orchestrator

import (
	"maps"
	"slices"
)

// fewSignals is how many new signals of one delivery get a line each in a timeline;
// what is past it is counted in one, so that a storm does not push the rest out of sight.
const fewSignals = 10

// newSignals counts what one entry brings for one incident, and who brought it last.
type newSignals struct {
	count  int
	origin string
}

// signalLine tells an incident of a signal it did not have.
func (p *pass) signalLine(l *loaded, ev *Event) {
	if p.v2() && !few(&p.brought, l.inc.N, ev.Origin) {
		p.changed(l)
		return
	}
	p.lineOfSender(l, ev.Origin, "signal: "+describe(ev))
}

// goneLine tells an incident that a signal has ended.
func (p *pass) goneLine(l *loaded, who, text string) {
	if p.v2() && !few(&p.gone, l.inc.N, who) {
		p.changed(l)
		return
	}
	p.lineOfSender(l, who, text)
}

// few counts one more of what an entry does to an incident and reports whether that has
// a line of its own.
func few(all *map[uint64]newSignals, n uint64, origin string) bool {
	if *all == nil {
		*all = map[uint64]newSignals{}
	}
	c := newSignals{(*all)[n].count + 1, origin}
	(*all)[n] = c
	return c.count <= fewSignals
}

// countSignals writes the lines about what was past fewSignals.
func (p *pass) countSignals() {
	p.eachPast(p.brought, func(l *loaded, more int, origin string) {
		p.lineOfSender(l, origin, "and "+plural(more, "more signal")+" at once; `incident show "+IncidentName(l.inc.N)+"` counts them all")
	})
	p.eachPast(p.gone, func(l *loaded, more int, origin string) {
		p.lineOfSender(l, origin, "and "+plural(more, "more signal")+" gone at once; "+plural(l.inc.Firing, "signal")+" still "+verbFor(l.inc.Firing, "fires", "fire"))
	})
}

func (p *pass) eachPast(all map[uint64]newSignals, tell func(l *loaded, more int, origin string)) {
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if l := p.s.incident(n); l != nil && all[n].count > fewSignals {
			tell(l, all[n].count-fewSignals, all[n].origin)
		}
	}
}

// senderLines is how far a timeline tells of signals one by one. The rest is for what
// people and Backout do: after a storm the night goes on.
const senderLines = maxLines / 2

// lineOfSender adds what a sender said to the timeline, while it has room for that.
func (p *pass) lineOfSender(l *loaded, who, text string) {
	switch {
	case !p.v2() || l.inc.Lines < senderLines:
		p.line(l, who, text)
	case !l.inc.Crowded:
		l.inc.Crowded = true
		p.line(l, "backout", "the timeline tells no more of single signals, so that there is room for what people do; `incident show "+IncidentName(l.inc.N)+"` counts them all")
	default:
		p.changed(l)
	}
}
