package orchestrator

import (
	"slices"
	"strings"
)

// tally is what the signals of an incident say together, so that one that joins
// does not have to be weighed by going through all the others: in a storm those are
// thousands. It is made of the records when it is first asked for, kept up by
// saveSignal and dropped when signals leave or the incident leaves the cache. It says
// the same as the records at any time, so nothing depends on whether it is there.
type tally struct {
	// sources are the kinds of senders; hits is the most any signal counts.
	sources map[string]bool
	hits    int
	// probes are own probes that say since when they fail; telling are the signals
	// that name a release or say when their error was first seen. Both are in the
	// order of the keys.
	probes, telling []told
}

// told is what the tally keeps of one signal.
type told struct {
	key, name, release string
	startsAt, first    int64
}

// tally counts the signals of an incident, once.
func (p *pass) tally(l *loaded) *tally {
	if l.tally == nil {
		t := &tally{sources: map[string]bool{}}
		p.s.view.Scan(BucketSignal, incidentKey(l.inc.N), nil, func(k, v []byte) bool {
			var sig Signal
			if readSignal(v, &sig) {
				t.note(k, &sig)
			}
			return true
		})
		l.tally = t
	}
	return l.tally
}

// saveSignal keeps a signal of an incident.
func (p *pass) saveSignal(l *loaded, key []byte, sig *Signal) {
	p.s.save(BucketSignal, key, p.s.row(sig))
	if l.tally != nil {
		l.tally.note(key, sig)
	}
}

// note takes a signal in, or what is new of it.
func (t *tally) note(key []byte, sig *Signal) {
	t.sources[sig.Source] = true
	t.hits = max(t.hits, sig.Hits)
	one := told{key: string(key), name: sig.Name, release: sig.Release, startsAt: sig.StartsAt, first: sig.FirstSeen}
	t.probes = one.in(t.probes, sig.Source == probeSource && sig.StartsAt > 0)
	t.telling = one.in(t.telling, sig.Release != "" || sig.FirstSeen != 0)
}

// in puts what a signal tells in its place of a list, or takes it out.
func (one told) in(all []told, belongs bool) []told {
	i, found := slices.BinarySearchFunc(all, one.key, func(t told, key string) int { return strings.Compare(t.key, key) })
	switch {
	case found && belongs:
		all[i] = one
	case found:
		all = slices.Delete(all, i, i+1)
	case belongs:
		all = slices.Insert(all, i, one)
	}
	return all
}

// sourceCount counts the different kinds of senders.
func (p *pass) sourceCount(l *loaded) int { return len(p.tally(l).sources) }
