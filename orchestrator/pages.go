package orchestrator

import "strings"

// PageAction is the action that reaches the people on call.
const PageAction = "page.oncall"

// pageSpec is how pages run when the playbook does not say: a page that comes
// twice is better than one that never comes.
func pageSpec() Spec {
	return Spec{Name: PageAction, Safety: Repeatable, CallTimeout: 20_000}
}

// page adds a step outside the plan that pages whoever is on call. It runs like
// any other step, so a page that could not be sent is seen.
func (p *pass) page(l *loaded, text string) {
	inc := l.inc
	p.line(l, "backout", "page: "+text)
	if p.mode(inc, "") == Shadow || inc.Snooze > p.now {
		return
	}
	p.notePaged(inc)
	st := &Step{
		StepRef: StepRef{N: inc.N, Ordinal: extraOrdinal + inc.Extra},
		ID:      "page", State: StepBlocked, Since: p.now,
		Inputs: p.pageInputs(inc, encoded(map[string]string{"text": IncidentName(inc.N) + ": " + clip(text, 400)})),
	}
	st.Extra = &Node{ID: "page", Path: "page", Title: "Page whoever is on call", Kind: NodeAction, Action: PageAction, Spec: pageSpec(), Ordinal: st.Ordinal}
	inc.Extra++
	l.add(st)
	p.ready(l, st, st.Extra, "")
}

// pagesNow reports whether a step of the plan may page: not while it is snoozed,
// and not again within the hour for the same thing.
func (p *pass) pagesNow(l *loaded, st *Step) bool {
	if !p.v2() {
		return true
	}
	why := p.pagedLately(l.inc)
	if l.inc.Snooze > p.now {
		why = "it is snoozed until " + clock(l.inc.Snooze)
	}
	if why != "" {
		p.to(l, st, "skip", why)
		return false
	}
	p.notePaged(l.inc)
	return true
}

// PageInputs are the inputs of PageAction: the text and whoever is to get it.
type PageInputs struct {
	Text   string   `json:"text"`
	People []Person `json:"people"`
	// Roles are paged beside the role that always is.
	Roles []string `json:"roles,omitempty"`
}

// pageInputs resolves who is paged: everybody who has the paging role now, or one of
// those given.
func (p *pass) pageInputs(inc *Incident, given []byte) []byte {
	in := PageInputs{Text: IncidentName(inc.N) + ": " + inc.Title}
	if len(given) > 0 && !decode(given, &in) {
		return given
	}
	in.Text = strings.TrimSuffix(in.Text, ".") + ". Say `ack " + IncidentName(inc.N) + "`; `backout incident show " + IncidentName(inc.N) + "` tells the rest"
	for _, who := range p.s.Config().People {
		if who.HasRole(append([]string{p.pageRole()}, in.Roles...)) {
			in.People = append(in.People, who)
		}
	}
	return encoded(in)
}

// pageRole is the role that is paged, and asked when nothing else says whom.
func (p *pass) pageRole() string { return or(p.s.Config().Policies.PageRole, "on-call") }
