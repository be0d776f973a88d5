package orchestrator

import (
	"maps"
	"slices"
	"strings"
)

// A source that must be heard and is not is a finding. Its time is kept to a tenth of
// what is expected, so that a storm does not write it at every event; the finding
// comes a tenth later.
const (
	silentTimer  = "silent/"
	heardParts   = 10
	expectPolled = 30 * 60_000
)

// sourceHeard is when a source was heard. Times are Unix milliseconds.
type sourceHeard struct {
	At int64 `json:"at,omitempty"`
	// From is since when somebody listens: a source cannot be heard by a Backout that
	// does not run.
	From   int64 `json:"from"`
	Timer  int64 `json:"timer,omitempty"`
	Silent bool  `json:"silent,omitempty"`
}

func heardKey(source string) []byte { return joinKey("heard", source) }

// expected maps every source that must be heard to how often, in milliseconds: those
// of the configuration, and whatever Backout itself polls.
func (s *State) expected() map[string]int64 {
	if s.expects != nil {
		return s.expects
	}
	cfg := s.Config()
	s.expects = map[string]int64{}
	for _, x := range cfg.Expect {
		if x.Every > 0 {
			s.expects[x.Source] = x.Every
		}
	}
	for _, r := range cfg.readings() {
		if spec, ok := cfg.watchSpec(&r); ok {
			s.expects[watchName(r.Kind, r.Project, r.Environment, r.ID)] = max(expectPolled, 3*spec.every)
		}
	}
	return s.expects
}

// SourceState is a source that must be heard within Every milliseconds; At is when it
// was heard last, 0 for never.
type SourceState struct {
	Source string `json:"source"`
	Every  int64  `json:"every"`
	At     int64  `json:"at"`
	Silent bool   `json:"silent"`
}

// Sources lists the sources that must be heard, by name.
func (s *State) Sources() []SourceState {
	expected := s.expected()
	out := make([]SourceState, 0, len(expected))
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		h, _ := s.heardState(name)
		out = append(out, SourceState{Source: name, Every: expected[name], At: h.At, Silent: h.Silent})
	}
	return out
}

// Heard tells when a source that must be heard was heard last; 0 is never.
func (s *State) Heard(source string) (at int64, silent, expected bool) {
	if _, ok := s.expected()[source]; !ok {
		return 0, false, false
	}
	h, _ := s.heardState(source)
	return h.At, h.Silent, true
}

func (s *State) heardState(source string) (sourceHeard, bool) {
	if h, ok := s.heard[source]; ok {
		return h, true
	}
	var h sourceHeard
	if !s.load(BucketWatch, heardKey(source), &h) {
		return h, false
	}
	s.heard[source] = h
	return h, true
}

func (s *State) saveHeard(source string, h sourceHeard) {
	s.save(BucketWatch, heardKey(source), &h)
	s.heard[source] = h
}

// heard notes that a source, or whoever delivers at an ingress, is alive.
func (p *pass) heard(source, origin string) {
	if !p.v2() {
		return
	}
	expected := p.s.expected()
	if len(expected) == 0 {
		return
	}
	hook, _ := strings.CutPrefix(origin, "http/")
	for _, name := range [2]string{source, hook} {
		if every, ok := expected[name]; ok && name != "" {
			p.heardOne(name, every)
		}
		if source == hook {
			return
		}
	}
}

func (p *pass) heardOne(name string, every int64) {
	h, _ := p.s.heardState(name)
	if !h.Silent && p.now-h.At < every/heardParts {
		return
	}
	h.At = p.now
	if h.Silent {
		h.Silent = false
		p.findingGone(&Finding{Kind: FindSilent, Key: name})
		p.listenFor(name, every, &h)
	}
	p.s.saveHeard(name, h)
}

// listenFor sets when a source would have been silent for too long.
func (p *pass) listenFor(name string, every int64, h *sourceHeard) {
	if h.Timer > 0 {
		p.s.view.Delete(BucketTimer, timerKey(h.Timer, 0, 0, silentTimer+name))
	}
	h.Timer = max(h.At, h.From) + every + every/heardParts
	p.s.view.Put(BucketTimer, timerKey(h.Timer, 0, 0, silentTimer+name), []byte{1})
}

// watchTimer acts on a timer that belongs to no incident; false means that it is none
// of these.
func (p *pass) watchTimer(t *TimerFired) bool {
	name, ok := strings.CutPrefix(t.Name, silentTimer)
	if !ok || !p.v2() {
		return false
	}
	key := timerKey(t.Due, 0, 0, t.Name)
	if !p.fenced || p.part != 0 || t.Due > p.now || p.s.view.Get(BucketTimer, key) == nil {
		return true
	}
	p.s.view.Delete(BucketTimer, key)
	every, expected := p.s.expected()[name]
	h, known := p.s.heardState(name)
	if !expected || !known {
		return true
	}
	h.Timer = 0
	if last := max(h.At, h.From); p.now < last+every+every/heardParts {
		p.listenFor(name, every, &h)
	} else {
		h.Silent = true
		p.finding(&Finding{Kind: FindSilent, Key: name, Text: silence(name, h, p.now)})
	}
	p.s.saveHeard(name, h)
	return true
}

func silence(name string, h sourceHeard, now int64) string {
	text := "nothing from " + name + " for " + span(now-max(h.At, h.From)) + "; "
	last := "it was never heard"
	if h.At > 0 {
		last = "last at " + clock(h.At)
	}
	if strings.Contains(name, "/") {
		return text + last + ". Backout asks it itself: one that was added by `config apply` is asked after a restart; else no instance does its work, see `backout cluster`"
	}
	return text + last + ". Silence is not health: look whether it runs and can reach Backout"
}

// heartbeat takes an alert that always fires, whose only meaning is that its sender
// works; it starts nothing and needs no match rule.
func (p *pass) heartbeat(ev *Event, why *Seen) bool {
	if !p.v2() || (ev.Name != "Watchdog" && ev.Name != "DeadMansSwitch") {
		return false
	}
	if _, ok := p.s.expected()[ev.Source]; !ok {
		return false
	}
	why.Why = "a heartbeat of " + ev.Source + ": it works; nothing follows from it"
	p.s.remember(ev.Origin, ev.ID, p.now, why)
	return true
}
