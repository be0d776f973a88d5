package orchestrator

import "fmt"

// budgetSpan is the time a source's budget is for. Milliseconds.
const budgetSpan = 60_000

// Spent is how many signals a source has sent in the minute that began at From.
type Spent struct {
	From  int64 `json:"from"`
	Count int   `json:"n"`
	// Over counts those past the budget, since the source was first past it.
	Over uint64 `json:"over,omitempty"`
}

// pastBudget counts a signal of a source and reports whether it is one too many to
// be kept by itself: past the budget, a signal that would only add to an incident
// that is open is counted there. One that may open an incident is always looked at,
// and so is every end of a signal.
func (p *pass) pastBudget(ev *Event) (l *loaded, why string) {
	if !p.v2() || (ev.Type != AlertFiring && ev.Type != WebhookFailed) {
		return nil, ""
	}
	m := &p.s.meta
	if m.Spent == nil {
		m.Spent = map[string]Spent{}
	}
	s := m.Spent[ev.Origin]
	if p.now-s.From >= budgetSpan || p.now < s.From {
		s.From, s.Count = p.now, 0
	}
	s.Count++
	budget := p.s.Config().Policies.Limits.WithDefaults().SourceBudget
	defer func() { m.Spent[ev.Origin] = s }()
	if s.Count <= budget {
		return nil, ""
	}
	if l = p.openIncident(ev.Project, ev.Environment); l == nil || !l.inc.State.Open() {
		return nil, ""
	}
	s.Over++
	if s.Count == budget+1 || l.inc.Overflow == 0 {
		p.finding(&Finding{Kind: FindStorm, Key: ev.Origin, Text: fmt.Sprintf("%s sends more than %d signals a minute; those that only add to an open incident are counted, not kept one by one (policies.limits.source_budget)", ev.Origin, budget)})
	}
	l.inc.Overflow++
	p.changed(l)
	return l, fmt.Sprintf("counted in %s: %s is past its budget of %d signals a minute", IncidentName(l.inc.N), ev.Origin, budget)
}
