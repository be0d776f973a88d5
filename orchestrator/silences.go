package orchestrator

import (
	"fmt"
	"strconv"
	"strings"
)

// maxSilence bounds how long one silence may be asked for; silencesKept is how
// long one that is over is still listed. Milliseconds.
const (
	maxSilence   = 7 * dayMS
	silencesKept = 30 * dayMS
	maxSilences  = 200
)

// Silence keeps the signals it matches from opening, joining or paging anything
// until it ends. They are recorded and, if they still fire then, decided about.
// Empty fields match everything.
type Silence struct {
	ID          int    `json:"id,omitempty"`
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Component   string `json:"component,omitempty"`
	Source      string `json:"source,omitempty"`
	// Name is that of the signal; a `*` at its end stands for any rest.
	Name   string `json:"name,omitempty"`
	By     string `json:"by"`
	Reason string `json:"reason"`
	// From and Until are Unix milliseconds.
	From  int64 `json:"from"`
	Until int64 `json:"until"`
	// Ended says who ended it before its time.
	Ended string `json:"ended,omitempty"`
}

// Active reports whether the silence holds at a time.
func (s *Silence) Active(now int64) bool { return s.From <= now && now < s.Until && s.Ended == "" }

// takes reports whether a silence covers an event.
func (s *Silence) takes(ev *Event) bool {
	same := func(want, have string) bool { return want == "" || want == have }
	name := same(s.Name, ev.Name)
	if prefix, any := strings.CutSuffix(s.Name, "*"); any {
		name = strings.HasPrefix(ev.Name, prefix)
	}
	return name && same(s.Project, ev.Project) && same(s.Environment, ev.Environment) &&
		same(s.Component, ev.Component) && same(s.Source, ev.Source)
}

// what names what a silence covers.
func (s *Silence) what() string {
	var parts []string
	for _, part := range [][2]string{{"", s.Project}, {"environment ", s.Environment}, {"component ", s.Component}, {"source ", s.Source}, {"name ", s.Name}} {
		if part[1] != "" {
			parts = append(parts, part[0]+part[1])
		}
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

func (s *Silence) sentence() string {
	who := "silence " + strconv.Itoa(s.ID)
	if s.ID == 0 {
		who = "the maintenance window"
	}
	return fmt.Sprintf("%s of %s until %s (%s)", who, s.By, clock(s.Until), s.Reason)
}

// Silences lists those that hold, will hold, or ended in the last 30 days: first
// the maintenance windows of the configuration, then what people said.
func (s *State) Silences() []Silence {
	return append(append([]Silence(nil), s.Config().Silences...), s.saidSilences()...)
}

// saidSilences are what people said, decoded once.
func (s *State) saidSilences() []Silence {
	if s.silences != nil {
		return s.silences
	}
	s.silences = []Silence{}
	left := maxSilences - len(s.Config().Silences)
	s.view.Scan(BucketSilence, nil, nil, func(_, v []byte) bool {
		var one Silence
		if decode(v, &one) {
			s.silences = append(s.silences, one)
		}
		return len(s.silences) < left
	})
	return s.silences
}

// silenced is the silence that covers an event now.
func (p *pass) silenced(ev *Event) *Silence {
	if p.s.meta.Silences == 0 && len(p.s.Config().Silences) == 0 {
		return nil
	}
	for _, all := range [2][]Silence{p.s.Config().Silences, p.s.saidSilences()} {
		for i := range all {
			if all[i].Active(p.now) && all[i].takes(ev) {
				return &all[i]
			}
		}
	}
	return nil
}

// commandSilence adds or ends a silence.
func (p *pass) commandSilence(c *Command, who Person) {
	if c.Args["action"] == "end" {
		p.endSilence(c, who)
		return
	}
	lasts, ok := parseWait(c.Args["for"])
	switch {
	case !ok || lasts <= 0 || lasts > maxSilence:
		p.refuseCommand(c, "say for how long, at most 7d: `silence "+or(c.Project, "PROJECT")+" 2h --reason \"...\"`")
		return
	case c.Text == "":
		p.refuseCommand(c, "say why with --reason, so that whoever wonders at 3 a.m. can read it")
		return
	case len(p.s.Silences()) >= maxSilences:
		p.refuseCommand(c, "there are "+strconv.Itoa(maxSilences)+" silences already; end some")
		return
	}
	pr, known := p.s.Config().Project(c.Project)
	if c.Project != "" && !known {
		p.refuseCommand(c, "there is no project "+strconv.Quote(c.Project)+" in the configuration")
		return
	}
	if env := c.Args["environment"]; env != "" && known && p.v2() {
		if why := pr.noEnvironment(env); why != "" {
			p.refuseCommand(c, why+". Nothing is silenced")
			return
		}
	}
	p.forgetSilences()
	m := &p.s.meta
	m.Silences++
	s := Silence{
		ID: m.Silences, Project: c.Project, Environment: c.Args["environment"], Component: c.Args["component"],
		Source: c.Args["source"], Name: c.Args["name"], By: who.ID, Reason: clip(c.Text, 200), From: p.now, Until: p.now + lasts,
	}
	p.s.save(BucketSilence, silenceKey(s.ID), &s)
	p.s.silences = nil
	p.reply(c, nil, true, fmt.Sprintf("silence %d: signals of %s open and page nothing until %s; what still fires then is decided about. `silence end %d` ends it", s.ID, s.what(), clock(s.Until), s.ID))
}

func (p *pass) endSilence(c *Command, who Person) {
	id, _ := strconv.Atoi(c.Args["id"])
	var s Silence
	if id <= 0 || !p.s.load(BucketSilence, silenceKey(id), &s) || !s.Active(p.now) {
		p.refuseCommand(c, "there is no silence "+strconv.Quote(c.Args["id"])+" that holds; `backout silence list` shows them")
		return
	}
	s.Ended = who.ID
	p.s.save(BucketSilence, silenceKey(id), &s)
	p.s.silences = nil
	n := p.reviewHeld()
	p.reply(c, nil, true, fmt.Sprintf("silence %d is over; %s decided about", id, plural(n, "held signal")))
}

// forgetSilences drops what has been over for long.
func (p *pass) forgetSilences() {
	p.weed(BucketSilence, nil, func(_, v []byte) (goes, more bool) {
		var s Silence
		return decode(v, &s) && s.Until < p.now-silencesKept, true
	})
	p.s.silences = nil
}
