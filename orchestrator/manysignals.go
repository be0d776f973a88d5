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
	if p.v2() {
		if p.brought == nil {
			p.brought = map[uint64]newSignals{}
		}
		n := newSignals{p.brought[l.inc.N].count + 1, ev.Origin}
		p.brought[l.inc.N] = n
		if n.count > fewSignals {
			p.changed(l)
			return
		}
	}
	p.line(l, ev.Origin, "signal: "+describe(ev))
}

// countSignals writes the line about what was past fewSignals.
func (p *pass) countSignals() {
	for _, n := range slices.Sorted(maps.Keys(p.brought)) {
		b := p.brought[n]
		if l := p.s.incident(n); l != nil && b.count > fewSignals {
			p.line(l, b.origin, "and "+plural(b.count-fewSignals, "more signal")+" at once; `incident show "+IncidentName(n)+"` counts them all")
		}
	}
}
