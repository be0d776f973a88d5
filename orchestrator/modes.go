package orchestrator

import (
	"maps"
	"slices"
	"strings"
)

// AnyAction is the key of Project.Modes that speaks for every action it does not
// name.
const AnyAction = "*"

// rank orders the modes from the strictest on; an unknown one is the strictest.
func (m Mode) rank() int {
	switch m {
	case Live:
		return 2
	case Advise:
		return 1
	case Shadow:
	}
	return 0
}

// Looser reports whether m lets more happen by itself than than.
func (m Mode) Looser(than Mode) bool { return m.rank() > than.rank() }

// ModeOf is how far Backout may go by itself with an action in a project: what the
// project says, or what it says of the action when that is stricter. An empty action
// asks about the project itself, which pages and chat follow.
func (c *Config) ModeOf(project, action string) Mode {
	mode := Mode(or(string(c.Mode), string(Advise)))
	pr, ok := c.Project(project)
	if !ok {
		return mode
	}
	mode = Mode(or(string(pr.Mode), string(mode)))
	own, named := pr.Modes[action]
	if !named {
		own, named = pr.Modes[AnyAction]
	}
	if action == "" || !named || own.Looser(mode) {
		return mode
	}
	return own
}

// mode is how far Backout may go by itself with an action for this incident, now.
// There is no other switch.
func (p *pass) mode(inc *Incident, action string) Mode {
	return p.s.Config().ModeOf(inc.Project, action)
}

// Switch is a project or an action that was let act alone: who said so, and what
// was known of it then.
type Switch struct {
	At      int64  `json:"at,omitempty"`
	By      string `json:"by,omitempty"`
	Project string `json:"project"`
	// Action is "*" for all that no entry of modes names.
	Action  string    `json:"action"`
	From    Mode      `json:"from"`
	Figures []Figures `json:"figures"`
}

// Sentence says who switched what, and the figures.
func (w *Switch) Sentence() string {
	what := w.Action + " of " + w.Project
	if w.Action == AnyAction {
		what = w.Project
	}
	text := or(w.By, "somebody") + " switched " + what + " to live (was " + string(w.From) + "). "
	if len(w.Figures) == 0 {
		return text + "Nothing was recorded of it before: no night has tried it yet"
	}
	lines := make([]string, len(w.Figures))
	for i := range w.Figures {
		lines[i] = w.Figures[i].Sentence()
	}
	return text + "So far: " + strings.Join(lines, "; ")
}

// SwitchesTo lists what becomes live when next takes the place of the current
// configuration, with what is known of each. The first configuration of a log
// switches nothing.
func (s *State) SwitchesTo(next *Config, by string) []Switch {
	if s.meta.ConfigHash == "" {
		return nil
	}
	return s.switches(s.Config(), next, by)
}

func (s *State) switches(old, next *Config, by string) []Switch {
	var out []Switch
	var known []Figures
	for i := range next.Projects {
		pr := &next.Projects[i]
		actions := map[string]bool{AnyAction: true}
		for a := range pr.Modes {
			actions[a] = true
		}
		had, found := old.Project(pr.ID)
		if !found {
			continue // a project that is new was not switched
		}
		for a := range had.Modes {
			actions[a] = true
		}
		for _, a := range slices.Sorted(maps.Keys(actions)) {
			from := old.ModeOf(pr.ID, a)
			if from == Live || next.ModeOf(pr.ID, a) != Live {
				continue
			}
			if known == nil {
				known = append([]Figures{}, s.Shadow("").Actions...)
			}
			out = append(out, Switch{Project: pr.ID, Action: a, From: from, By: by, Figures: figuresOf(known, pr, a)})
		}
	}
	return out
}

// figuresOf picks what is known of an action, or of all those that modes does not
// name.
func figuresOf(known []Figures, pr *Project, action string) []Figures {
	out := []Figures{}
	for _, f := range known {
		_, named := pr.Modes[f.Action]
		if f.Project == pr.ID && (f.Action == action || action == AnyAction && !named) {
			out = append(out, f)
		}
	}
	return out
}

// switched keeps what became live with a new configuration, and says so where
// changes of the configuration are told.
func (p *pass) switched(old *Config, by string) {
	if !p.v2() {
		return
	}
	for i, w := range p.s.switches(old, p.s.Config(), or(by, "the configuration file, at a start,")) {
		w.At = p.now
		p.s.save(BucketShadow, shadowKey(shadowSwitch, StepRef{N: p.seq, Ordinal: i}), &w)
		p.announce("The configuration of Backout changed", w.Sentence())
	}
}

// announce tells those who run Backout of a change of how it works: a line in the
// incident about Backout itself, and a message of its own in the ops channel. It
// pages nobody.
func (p *pass) announce(title, text string) {
	l := p.openIncident(SelfProject, selfEnvironment)
	if l == nil || !l.inc.State.Open() {
		l = p.create(&Incident{
			Severity: "info", Title: clip(text, 200), Project: SelfProject, Environment: selfEnvironment, OpenedBy: "backout", StartedAt: p.now,
		})
		p.setIncidentTimer(l, p.now+findingEnds)
	}
	p.line(l, "backout", text)
	if p.s.Config().Chat {
		p.post(l, title, text)
	}
}

// post sends a message of its own to the ops channel.
func (p *pass) post(l *loaded, title, text string) {
	inc, cfg := l.inc, p.s.Config()
	card := Card{Channel: cfg.OpsChannel, Incident: CardIncident{
		ID: p.shownName(inc), Title: title, State: string(inc.State), Severity: "info", Summary: []string{clip(text, 1500)},
	}}
	st := &Step{StepRef: StepRef{N: inc.N, Ordinal: extraOrdinal + inc.Extra}, ID: "announce", State: StepBlocked, Since: p.now, Inputs: encoded(card)}
	st.Extra = &Node{
		ID: "announce", Path: "announce", Title: "Tell the ops channel", Kind: NodeAction, Action: ChatAction, Ordinal: st.Ordinal,
		Spec: Spec{Name: ChatAction, Safety: Repeatable, CallTimeout: 20_000},
	}
	inc.Extra++
	l.add(st)
	p.ready(l, st, st.Extra, "")
}
