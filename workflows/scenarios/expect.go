package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxCompared bounds how much of a timeline is read.
const maxCompared = 2000

func (p *Played) wrong(format string, args ...any) {
	p.Wrong = append(p.Wrong, fmt.Sprintf(format, args...))
}

// compare notes what is not as expected.
func (p *Played) compare(at string, e *Expect) {
	before := len(p.Wrong)
	if e.Incidents != nil {
		p.incidents(e.Incidents)
	}
	p.number("pages", e.Pages, len(p.Pages))
	p.number("held signals", e.Held, len(p.State().Held(maxCompared)))
	p.number("quarantined events", e.Quarantined, int(p.State().Meta().Quarantined))
	if e.Effects != nil {
		var did []string
		for _, one := range p.Effects {
			did = append(did, one.Action)
		}
		p.same("effects", *e.Effects, did)
	}
	if e.Findings != nil {
		var kinds []string
		for _, f := range p.State().Findings() {
			kinds = append(kinds, f.Name)
		}
		slices.Sort(kinds)
		p.same("findings", *e.Findings, slices.Compact(kinds))
	}
	p.shadow(e)
	p.watches(e)
	for id, want := range e.Why {
		p.why(id, want)
	}
	for i := before; i < len(p.Wrong); i++ {
		p.Wrong[i] = at + ": " + p.Wrong[i]
	}
}

func (p *Played) number(what string, want *int, have int) {
	if want != nil && *want != have {
		p.wrong("%d %s, want %d", have, what, *want)
	}
}

func (p *Played) same(what string, want, have []string) {
	if !slices.Equal(want, have) && len(want)+len(have) > 0 {
		p.wrong("%s are %v, want %v", what, have, want)
	}
}

func (p *Played) text(what, want, have string) {
	if want != "" && want != have {
		p.wrong("%s is %q, want %q", what, have, want)
	}
}

// why looks an event up by SOURCE/ID.
func (p *Played) why(id, want string) {
	source, _, _ := strings.Cut(id, "/")
	lines := p.State().Why("http/"+source, id)
	if len(lines) == 0 {
		p.wrong("nothing is known of the event %s", id)
		return
	}
	if !strings.Contains(lines[0].Why, want) {
		p.wrong("the reason of %s is %q, want %q in it", id, lines[0].Why, want)
	}
}

func (p *Played) incidents(want []Incident) {
	total := 0
	for n := uint64(1); n <= p.State().Meta().NextIncident; n++ {
		inc, _ := p.State().Incident(n)
		if inc == nil || inc.Project == orchestrator.SelfProject {
			continue
		}
		total++
		if total <= len(want) {
			p.incident(inc, &want[total-1])
		}
	}
	if total != len(want) {
		p.wrong("%d incidents, want %d", total, len(want))
	}
}

func (p *Played) incident(inc *orchestrator.Incident, w *Incident) {
	before, name := len(p.Wrong), orchestrator.IncidentName(inc.N)
	p.text("the project", w.Project, inc.Project)
	p.text("the state", w.State, string(inc.State))
	p.text("the severity", w.Severity, inc.Severity)
	p.text("the component", w.Component, inc.Component)
	p.text("the upstream", w.Upstream, inc.Upstream)
	playbook := inc.Run().Playbook
	if playbook == "" {
		playbook = "none"
	}
	p.text("the playbook", w.Playbook, playbook)
	p.suspect(inc, w)
	p.number("signals", w.Signals, inc.Distinct)
	p.number("firing signals", w.Firing, inc.Firing)
	p.number("pages", w.Pages, p.pagesOf(name))
	if w.Also != nil {
		var also []string
		for _, place := range inc.Also {
			also = append(also, place.Project)
		}
		p.same("the other projects", w.Also, also)
	}
	if w.Waits != nil {
		p.same("the steps that wait for people", w.Waits, p.waits(inc.N))
	}
	p.timeline(inc, w)
	for i := before; i < len(p.Wrong); i++ {
		p.Wrong[i] = name + ": " + p.Wrong[i]
	}
}

func (p *Played) waits(n uint64) []string {
	_, steps := p.State().Incident(n)
	var out []string
	for _, st := range steps {
		if st.State == orchestrator.StepAwaiting {
			out = append(out, st.ID)
		}
	}
	return out
}

func (p *Played) pagesOf(name string) int {
	n := 0
	for _, page := range p.Pages {
		if page.Incident == name {
			n++
		}
	}
	return n
}

func (p *Played) suspect(inc *orchestrator.Incident, w *Incident) {
	id, score, reasons := "none", 0, []string(nil)
	if s := inc.Suspect; s != nil {
		id, score, reasons = s.DeploymentID, s.Score, s.Reasons
	}
	p.text("the suspect", w.Suspect, id)
	if low, high, ok := strings.Cut(w.Score, "-"); ok {
		from, _ := strconv.Atoi(low)
		to, _ := strconv.Atoi(high)
		if score < from || score > to {
			p.wrong("the score is %d, want %s (%s)", score, w.Score, strings.Join(reasons, "; "))
		}
	}
	for _, text := range w.Reasons {
		if !strings.Contains(strings.Join(reasons, "\n"), text) {
			p.wrong("no reason says %q; they are: %s", text, strings.Join(reasons, "; "))
		}
	}
}

func (p *Played) timeline(inc *orchestrator.Incident, w *Incident) {
	var all strings.Builder
	for _, line := range p.State().Timeline(inc.N, 0, maxCompared) {
		all.WriteString(line.Actor + ": " + line.Text + "\n")
	}
	for _, text := range w.Timeline {
		if !strings.Contains(all.String(), text) {
			p.wrong("the timeline does not say %q:\n%s", text, all.String())
		}
	}
	for _, text := range w.Never {
		if strings.Contains(all.String(), text) {
			p.wrong("the timeline says %q:\n%s", text, all.String())
		}
	}
}
