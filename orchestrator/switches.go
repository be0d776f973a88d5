package orchestrator

import (
	"slices"
	"strconv"
	"strings"
)

// The actions that switch components off and on again, and what a switch can say.
const (
	FlagOff = "flag.off"
	FlagOn  = "flag.on"

	SwitchOff = "off"
	SwitchOn  = "on"
)

// FlagSpec describes FlagOff and FlagOn: what is there is read back, and what was set
// twice is as it was set once.
func FlagSpec(action string) Spec {
	return Spec{
		Name: action, Effect: true, Safety: Verifiable, CallTimeout: 25_000, Settle: 5_000, Inputs: []string{"components"},
		Permissions: []string{"to read and write the switch of the component"},
	}
}

// SwitchedOff is a component that this incident switched off.
type SwitchedOff struct {
	Component string `json:"component"`
	// By approved it last; empty when policy decided.
	By string `json:"by,omitempty"`
	At int64  `json:"at"`
}

// switchOf says in words what switches a component; empty when nothing does.
func (s *State) switchOf(project, component string) string {
	if pr, ok := s.Config().Project(project); ok {
		for _, c := range pr.Components {
			if c.ID == component {
				return c.Switch
			}
		}
	}
	return ""
}

// switchable lists the components of a project that have a switch.
func (s *State) switchable(project string) []string {
	var out []string
	if pr, ok := s.Config().Project(project); ok {
		for _, c := range pr.Components {
			if c.Switch != "" {
				out = append(out, c.ID)
			}
		}
	}
	return out
}

func (inc *Incident) isOff(component string) bool {
	return slices.ContainsFunc(inc.Off, func(o SwitchedOff) bool { return o.Component == component })
}

// offList names the components that are off by this incident.
func (inc *Incident) offList() []string {
	out := []string{}
	for _, o := range inc.Off {
		out = append(out, o.Component)
	}
	return out
}

// OfferSwitch is the word that contains the damage beside a rollback: empty when the
// component has no switch or is off already.
func (s *State) OfferSwitch(inc *Incident) string {
	how := s.switchOf(inc.Project, inc.Component)
	if how == "" || inc.isOff(inc.Component) || !inc.State.Open() {
		return ""
	}
	return "`flag off " + IncidentName(inc.N) + " " + inc.Component + "` switches " + inc.Component + " off (" + how + "), without waiting for a rollback and without going back"
}

// offerSwitch tells of the switch when a rollback begins to ask.
func (p *pass) offerSwitch(l *loaded, node *Node) {
	if !node.Spec.Serving || node.Spec.Forward {
		return
	}
	if text := p.s.OfferSwitch(l.inc); text != "" {
		p.line(l, "backout", text)
	}
}

// flipped remembers what a step switched, whoever found out that it did.
func (p *pass) flipped(l *loaded, st *Step, node *Node) {
	var in struct {
		Components []string `json:"components"`
	}
	if node.Action != FlagOff && node.Action != FlagOn || !decode(st.Inputs, &in) {
		return
	}
	by := ""
	if st.Approval != nil && len(st.Approval.Votes) > 0 {
		by = st.Approval.Votes[len(st.Approval.Votes)-1].By
	}
	for _, c := range in.Components {
		l.inc.Off = slices.DeleteFunc(l.inc.Off, func(o SwitchedOff) bool { return o.Component == c })
		if node.Action == FlagOff {
			l.inc.Off = append(l.inc.Off, SwitchedOff{Component: c, By: by, At: p.now})
		}
	}
	p.changed(l)
}

// commandFlag puts a switch beside the plan: nothing of the plan waits for it, and it
// waits for nothing of the plan. Policy says who must agree.
func (p *pass) commandFlag(c *Command, l *loaded, who Person) {
	inc := l.inc
	action, word := FlagOff, c.Args["action"]
	if word == SwitchOn {
		action = FlagOn
	}
	component := or(c.Args["component"], inc.Component)
	switch {
	case !who.HasRole([]string{"on-call", "devops-lead"}):
		p.refuseCommand(c, who.ID+" has none of the roles on-call or devops-lead")
		return
	case inc.State == Closed:
		p.refuseCommand(c, IncidentName(inc.N)+" is closed; open one with `open "+inc.Project+" \"...\"`")
		return
	case p.s.switchOf(inc.Project, component) == "":
		p.refuseCommand(c, strconv.Quote(component)+" has no switch. Those of "+inc.Project+" that have one: "+orNothing(p.s.switchable(inc.Project)))
		return
	}
	p.besides(c, l, beside{
		id: "flag_" + word + "_" + strings.Map(idRune, strings.ToLower(component)), title: "Switch " + component + " " + word, spec: FlagSpec(action),
		with: map[string]any{"components": []any{component}},
	})
}

// idRune makes a component's id fit for a step's.
func idRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

// byWord reports whether a person asked for a step outside the plan: it goes on when the
// plan was stopped, and fails as loudly as a step of the plan.
func (st *Step) byWord() bool { return st.Extra != nil && st.Extra.Approve != nil }
