package orchestrator

import "encoding/json"

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
	if p.mode(inc) == Shadow || inc.Snooze > p.now {
		return
	}
	in, err := json.Marshal(map[string]string{"text": IncidentName(inc.N) + ": " + clip(text, 400)})
	if err != nil {
		return
	}
	st := &Step{
		StepRef: StepRef{N: inc.N, Ordinal: extraOrdinal + inc.Extra},
		ID:      "page", State: StepBlocked, Since: p.now, Inputs: in,
	}
	st.Extra = &Node{ID: "page", Path: "page", Title: "Page whoever is on call", Kind: NodeAction, Action: PageAction, Spec: pageSpec(), Ordinal: st.Ordinal}
	inc.Extra++
	l.add(st)
	p.ready(l, st, st.Extra, "")
}
