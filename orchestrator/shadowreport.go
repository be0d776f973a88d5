package orchestrator

import (
	"cmp"
	"slices"
	"strings"
)

// ShadowReport is what Backout would have done, what people say of it, and what it
// missed.
type ShadowReport struct {
	Actions  []Figures   `json:"actions"`
	Entries  []WouldHave `json:"entries"`
	Missed   []Missed    `json:"missed"`
	Switches []Switch    `json:"switches"`
}

// Shadow reports about a project, or about all when it is empty. Entries are in the
// order of their incidents, figures by project and action.
func (s *State) Shadow(project string) ShadowReport {
	r := ShadowReport{Actions: []Figures{}, Entries: []WouldHave{}, Missed: []Missed{}, Switches: []Switch{}}
	s.view.Scan(BucketShadow, nil, nil, func(k, v []byte) bool {
		var w WouldHave
		var m Missed
		var sw Switch
		switch {
		case k[0] == shadowEntry && decode(v, &w) && (project == "" || w.Project == project):
			r.Entries = append(r.Entries, w)
			r.count(s, w.Project, w.Action, w.Right)
		case k[0] == shadowMissed && decode(v, &m) && (project == "" || m.Project == project):
			r.Missed = append(r.Missed, m)
			r.count(s, m.Project, m.Action, "missed")
		case k[0] == shadowSwitch && decode(v, &sw) && (project == "" || sw.Project == project):
			r.Switches = append(r.Switches, sw)
		}
		return true
	})
	slices.SortFunc(r.Actions, func(a, b Figures) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Action, b.Action))
	})
	return r
}

// count adds one to the figures of an action.
func (r *ShadowReport) count(s *State, project, action, what string) {
	i := slices.IndexFunc(r.Actions, func(f Figures) bool { return f.Project == project && f.Action == action })
	if i < 0 {
		i = len(r.Actions)
		r.Actions = append(r.Actions, Figures{Project: project, Action: action, Mode: s.Config().ModeOf(project, action)})
	}
	switch f := &r.Actions[i]; what {
	case "right":
		f.Right++
	case "wrong":
		f.Wrong++
	case "unclear":
		f.Unclear++
	case "missed":
		f.Missed++
	default:
		f.Unanswered++
	}
}

// commandShadow takes a person's word about what Backout would have done.
func (p *pass) commandShadow(c *Command, who Person) {
	if !who.HasRole([]string{"on-call", "devops-lead"}) {
		p.refuseCommand(c, who.ID+" has none of the roles on-call or devops-lead")
		return
	}
	answer := c.Args["answer"]
	if !slices.Contains([]string{"right", "wrong", "unclear"}, answer) {
		p.refuseCommand(c, "say `shadow right`, `shadow wrong` or `shadow unclear`, and which: `shadow right INC-4 back`")
		return
	}
	var meant []WouldHave
	for _, w := range p.s.Shadow("").Entries {
		named := c.Step != "" && strings.EqualFold(w.Step, c.Step)
		if (c.Incident == 0 || w.N == c.Incident) && (named || c.Step == "" && w.Right == "") {
			meant = append(meant, w)
		}
	}
	if len(meant) != 1 {
		p.whichShadow(c, meant)
		return
	}
	w := &meant[0]
	w.Right, w.By, w.Asked, w.Reason = answer, who.ID, p.now, clip(c.Text, 300)
	p.s.save(BucketShadow, shadowKey(shadowEntry, w.StepRef), w)
	l := p.s.incident(w.N)
	if l != nil {
		p.line(l, who.ID, "says that what would have been done ("+w.Step+") was "+answer+suffix(w.Reason))
	}
	p.reply(c, l, true, "noted: "+w.Incident+" "+w.Step+" was "+answer+". "+p.figures(w.Project, w.Action))
}

func (p *pass) figures(project, action string) string {
	for _, f := range p.s.Shadow(project).Actions {
		if f.Action == action {
			return f.Sentence()
		}
	}
	return ""
}

// whichShadow says what may have been meant; nothing was noted.
func (p *pass) whichShadow(c *Command, meant []WouldHave) {
	if len(meant) == 0 {
		p.refuseCommand(c, "there is nothing of that kind to answer about; `backout shadow report` lists what would have been done")
		return
	}
	var names []string
	for _, w := range meant[:min(len(meant), 10)] {
		names = append(names, w.Incident+" "+w.Step)
	}
	p.refuseCommand(c, "which one? Nothing was noted. Not answered: "+strings.Join(names, ", "))
}
