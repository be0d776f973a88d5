package scenarios

import "strings"

// shadow compares what Backout would have done.
func (p *Played) shadow(e *Expect) {
	r := p.State().Shadow("")
	p.number("missed", e.Missed, len(r.Missed))
	var figures []string
	for i := range r.Actions {
		figures = append(figures, r.Actions[i].Sentence())
	}
	if have := strings.Join(figures, "; "); !strings.Contains(have, e.Figures) {
		p.wrong("the figures are %q, want %q in them", have, e.Figures)
	}
	if e.Shadow == nil {
		return
	}
	p.number("things it would have done", new(len(*e.Shadow)), len(r.Entries))
	for i, want := range *e.Shadow {
		if i >= len(r.Entries) {
			return
		}
		if have := r.Entries[i].Sentence(p.Now()); !strings.Contains(have, want) {
			p.wrong("it %q, want %q in it", have, want)
		}
	}
}
