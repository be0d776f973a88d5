package configs

import (
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// Upstream is a provider whose outages explain things better than a deploy. Status is
// the address of its summary.json as Atlassian's status pages serve it, or "none";
// Components are the names on that page that concern us.
type Upstream struct {
	ID           string    `from:"key"`
	Title        string    `yaml:"title"`
	Status       string    `yaml:"status"`
	Components   []string  `yaml:"components"`
	Every        Duration  `yaml:"every"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// SQLSignal is a query that gives one row with one number. Fire is CEL over it as the
// integer "value" (thousandths of a numeric), with its "=".
type SQLSignal struct {
	ID        string   `yaml:"id"`
	Component string   `yaml:"component"`
	Every     Duration `yaml:"every"`
	SQL       string   `yaml:"sql"`
	Fire      string   `yaml:"fire"`
	Severity  string   `yaml:"severity"`
	Timeout   Duration `yaml:"timeout"`
	// DataAtRisk says that its firing means wrong data: a plan then asks first whether to
	// stop the writes.
	DataAtRisk bool `yaml:"data_at_risk"`
}

// Supabase is the account whose projects' health is read. Ref is the project of every
// environment of kind production that depends on supabase and names no other.
type Supabase struct {
	Token        Secret    `yaml:"token"`
	Ref          string    `yaml:"ref"`
	Services     []string  `yaml:"services"`
	Poll         Duration  `yaml:"poll"`
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// polled adds what Backout asks by itself to the document.
func (c *Config) polled(doc *orchestrator.Config) {
	doc.ControlProbes = slices.Clone(c.Instance.ControlProbes)
	for _, u := range c.Upstreams {
		page := orchestrator.UpstreamPage{ID: u.ID, Title: u.Title, Components: u.Components}
		if u.Status != "none" {
			page.Status = u.Status
		}
		doc.Upstreams = append(doc.Upstreams, page)
	}
	for _, h := range c.namedHooks() {
		if h.hook != nil && h.hook.ExpectEvery > 0 {
			doc.Expect = append(doc.Expect, orchestrator.ExpectSource{Source: h.name, Every: h.hook.ExpectEvery.Milliseconds()})
		}
	}
	for i := range c.Projects {
		for j := range c.Projects[i].Environments {
			doc.Projects[i].Environments[j].Supabase = c.supabaseRef(&c.Projects[i], &c.Projects[i].Environments[j])
		}
	}
}

// supabaseRef is the Supabase project of an environment, "" when none is read.
func (c *Config) supabaseRef(p *Project, e *Environment) string {
	switch {
	case c.Providers.Supabase == nil:
		return ""
	case e.Database.Supabase != "":
		return e.Database.Supabase
	case e.Kind == orchestrator.KindProduction && slices.Contains(p.DependsOn, "supabase"):
		return c.Providers.Supabase.Ref
	}
	return ""
}

func (q SQLSignal) document() orchestrator.SQLSignal {
	return orchestrator.SQLSignal{
		ID: q.ID, Component: q.Component, Every: q.Every.Milliseconds(), SQL: q.SQL, Fire: strings.TrimSpace(strings.TrimPrefix(q.Fire, "=")),
		Severity: q.Severity, Timeout: q.Timeout.Milliseconds(), DataAtRisk: q.DataAtRisk,
	}
}

// namedHook is a webhook source by its name.
type namedHook struct {
	name string
	hook *Hook
}

func (c *Config) namedHooks() []namedHook {
	h := c.Hooks
	return []namedHook{
		{"vercel", h.Vercel},
		{"alertmanager", h.Alertmanager},
		{"grafana", h.Grafana},
		{"sentry", h.Sentry},
		{"uptimerobot", h.UptimeRobot},
		{"events", h.Events},
	}
}
