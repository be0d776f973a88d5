package orchestrator

import (
	"slices"
	"strings"
)

// UpstreamPage is a provider whose status page is read, at Status; the incidents that
// matter are those that touch one of Components.
type UpstreamPage struct {
	ID         string   `json:"id"`
	Title      string   `json:"title,omitempty"`
	Status     string   `json:"status,omitempty"`
	Components []string `json:"components,omitempty"`
}

// Upstream is what a provider's status page said at At, in Unix milliseconds.
type Upstream struct {
	ID string `json:"id"`
	// Indicator is none, minor, major or critical.
	Indicator string `json:"indicator,omitempty"`
	// Text and Link are those of the gravest incident that is not over.
	Text string `json:"text,omitempty"`
	Link string `json:"link,omitempty"`
	// Affected are the components that incidents which are not over touch, sorted.
	Affected []string `json:"affected,omitempty"`
	At       int64    `json:"at"`
	// Error is set when the page could not be read; nothing else counts then.
	Error string `json:"error,omitempty"`
}

// UpstreamState is what is known of a provider. When Error is set nobody can tell how
// it is: what the rest says is the reading before, of At.
type UpstreamState struct {
	Upstream
	Title string `json:"title"`
	// Since is when it began to say so.
	Since int64 `json:"since,omitempty"`
	// BlindSince is since when the page cannot be read; 0 while it can.
	BlindSince int64 `json:"blind_since,omitempty"`
	// Out is set while the page tells of an outage that concerns us.
	Out bool `json:"out"`
}

func upstreamKey(id string) []byte { return joinKey("up", id) }

// foldUpstream keeps what a status page says, and tells the open incidents of the
// projects that stand on it when an outage begins or ends.
func (p *pass) foldUpstream(u *Upstream) {
	page, ok := p.s.Config().upstream(u.ID)
	if !ok {
		return // of another configuration
	}
	was := p.s.upstreamState(page)
	now := UpstreamState{Upstream: *u, Since: p.now}
	now.Text, now.Error, now.Affected = clip(u.Text, 300), clip(u.Error, 200), slices.Clone(u.Affected)
	if u.Error != "" {
		now.Upstream = was.Upstream
		now.Error, now.Since = clip(u.Error, 200), was.Since
		now.BlindSince = p.now
		if was.BlindSince > 0 {
			now.BlindSince = was.BlindSince
		}
	}
	p.s.save(BucketWatch, upstreamKey(u.ID), &now)
	now.Title, now.Out = page.title(), page.out(&now)
	if was.Out != now.Out {
		p.tellDependants(&now)
	}
}

// tellDependants tells the open incidents that stand on a provider, weighs their
// suspects again, and makes one incident of those that its outage explains.
func (p *pass) tellDependants(u *UpstreamState) {
	for _, l := range p.openOnes() {
		if slices.Contains(p.nodes(l.inc.Project, l.inc.Component), u.ID) {
			p.line(l, "statuspage/"+u.ID, u.Says())
			p.rescore(l)
		}
	}
	if u.Out {
		p.outageSeen(u.ID)
	}
}

// Says is the sentence for people. A page that cannot be read is never "fine".
func (u *UpstreamState) Says() string {
	switch {
	case u.Error != "" && u.Indicator == "":
		return "cannot tell how " + u.Title + " is: its status page cannot be read (" + u.Error + ")"
	case u.Error != "":
		return "cannot tell how " + u.Title + " is: its status page cannot be read since " + clock(u.BlindSince) + "; before, it said " + u.saying()
	}
	return u.Title + " says: " + u.saying() + " (read " + clock(u.At) + ")"
}

func (u *UpstreamState) saying() string {
	text := u.Indicator
	if u.Indicator == "none" {
		text = "operational"
	}
	if u.Text != "" {
		text += ", " + u.Text
	}
	if len(u.Affected) > 0 {
		text += " (" + strings.Join(u.Affected, ", ") + ")"
	}
	if u.Link != "" {
		text += " " + u.Link
	}
	return text
}

func (u *UpstreamPage) title() string { return or(u.Title, u.ID) }

// out reports whether a reading is an outage that concerns us. A page that cannot be
// read is none: nobody can tell.
func (u *UpstreamPage) out(s *UpstreamState) bool {
	if s.Error != "" {
		return false
	}
	touched := slices.ContainsFunc(s.Affected, func(name string) bool {
		return slices.ContainsFunc(u.Components, func(c string) bool { return sameComponent(name, c) })
	})
	return s.Indicator == "major" || s.Indicator == "critical" || touched
}

// sameComponent reports whether a page's name is the component c, also behind its group
// ("Functions - Europe").
func sameComponent(name, c string) bool {
	name, c = strings.ToLower(name), strings.ToLower(c)
	return name == c || strings.HasPrefix(name, c+" - ") || strings.HasSuffix(name, " - "+c)
}

func (c *Config) upstream(id string) (*UpstreamPage, bool) {
	for i := range c.Upstreams {
		if c.Upstreams[i].ID == id {
			return &c.Upstreams[i], true
		}
	}
	return nil, false
}

func (s *State) upstreamState(page *UpstreamPage) UpstreamState {
	var u UpstreamState
	if !s.load(BucketWatch, upstreamKey(page.ID), &u) {
		u.Upstream = Upstream{ID: page.ID, Error: "it was not read yet"}
		if page.Status == "" {
			u.Error = "none is known"
		}
	}
	u.Title, u.Out = page.title(), false
	u.Out = page.out(&u)
	return u
}

// Upstream is what is known of a provider; false when the configuration has none of
// that id.
func (s *State) Upstream(id string) (UpstreamState, bool) {
	page, ok := s.Config().upstream(id)
	if !ok {
		return UpstreamState{}, false
	}
	return s.upstreamState(page), true
}

// Upstreams lists every provider in the order of the configuration.
func (s *State) Upstreams() []UpstreamState {
	cfg := s.Config()
	out := make([]UpstreamState, 0, len(cfg.Upstreams))
	for i := range cfg.Upstreams {
		out = append(out, s.upstreamState(&cfg.Upstreams[i]))
	}
	return out
}

// UpstreamsOf lists the providers that a project's component stands on; an empty
// component means all that the project depends on.
func (s *State) UpstreamsOf(project, component string) []UpstreamState {
	pr, ok := s.Config().Project(project)
	if !ok {
		return nil
	}
	only := ""
	for _, c := range pr.Components {
		if c.ID == component {
			only = c.Upstream
		}
	}
	var out []UpstreamState
	for _, u := range s.Upstreams() {
		if slices.Contains(pr.DependsOn, u.ID) && (only == "" || only == u.ID) {
			out = append(out, u)
		}
	}
	return out
}

// upstreamChanges reports whether a reading says something else than the state.
func (s *State) upstreamChanges(u *Upstream) bool {
	page, ok := s.Config().upstream(u.ID)
	if !ok {
		return false
	}
	was := s.upstreamState(page)
	if was.At == 0 && was.BlindSince == 0 || (was.Error == "") != (u.Error == "") {
		return true
	}
	if u.Error != "" {
		return false
	}
	return was.Indicator != u.Indicator || was.Text != clip(u.Text, 300) || was.Link != u.Link || !slices.Equal(was.Affected, u.Affected)
}
