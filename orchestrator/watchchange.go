package orchestrator

import (
	"maps"
	"slices"
)

// listening starts to wait for every source anew when the work changes hands: nobody
// can be heard by a Backout that does not run.
func (p *pass) listening() {
	if !p.v2() || p.part != 0 {
		return
	}
	p.dropUnexpected()
	expected := p.s.expected()
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		h, _ := p.s.heardState(name)
		if h.Silent {
			continue
		}
		h.From = p.now
		p.listenFor(name, expected[name], &h)
		p.s.saveHeard(name, h)
	}
}

// watchesChanged brings what is watched in line with a new configuration: what left it
// fires no longer, and what came must be heard.
func (p *pass) watchesChanged() {
	p.s.expects = nil
	if !p.v2() {
		return
	}
	p.dropUnexpected()
	expected := p.s.expected()
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		h, known := p.s.heardState(name)
		if h.Silent {
			continue
		}
		if !known {
			h.From = p.now
		}
		p.listenFor(name, expected[name], &h)
		p.s.saveHeard(name, h)
	}
	p.dropWatches()
}

// dropUnexpected forgets the sources that need not be heard any more.
func (p *pass) dropUnexpected() {
	expected := p.s.expected()
	var gone []string
	p.s.view.Scan(BucketWatch, joinKey("heard", ""), nil, func(k, _ []byte) bool {
		name := string(k[len("heard\x00"):])
		if _, ok := expected[name]; !ok {
			gone = append(gone, name)
		}
		return true
	})
	for _, name := range gone {
		h, _ := p.s.heardState(name)
		if h.Timer > 0 {
			p.s.view.Delete(BucketTimer, timerKey(h.Timer, 0, 0, silentTimer+name))
		}
		p.findingGone(&Finding{Kind: FindSilent, Key: name})
		p.s.view.Delete(BucketWatch, heardKey(name))
		delete(p.s.heard, name)
	}
}

// dropWatches forgets the polled sources that are no longer configured; a signal or a
// finding of one is over, because nobody would ever end it.
func (p *pass) dropWatches() {
	cfg := p.s.Config()
	for _, w := range p.s.Watches() {
		r := Reading{Kind: w.Kind, ID: w.ID, Project: w.Project, Environment: w.Environment}
		if _, ok := cfg.watchSpec(&r); ok {
			continue
		}
		p.s.view.Delete(BucketWatch, r.key())
		p.findingGone(&Finding{Kind: FindErrored, Key: w.Name()})
		if w.Kind == ReadControl {
			p.findingGone(&Finding{Kind: FindBlind, Key: ReadControl})
			continue
		}
		if _, ok := cfg.Project(w.Project); ok && w.Firing {
			w.Text = "it is no longer configured"
			p.speak(&w, watchSpec{}, AlertResolved)
		}
	}
}
