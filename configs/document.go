package configs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// Document is what the fold works with: the configuration without providers,
// hooks and listeners, and so without any secret. The error is that of Validate.
func (c *Config) Document() (orchestrator.Config, error) {
	if err := c.Validate(); err != nil {
		return orchestrator.Config{}, fmt.Errorf("making a document of the configuration: %w", err)
	}
	doc := orchestrator.Config{
		Mode:      orchestrator.Mode(c.Mode),
		Timezone:  c.Instance.Timezone,
		PublicURL: c.Instance.PublicURL,
		Chat:      c.Providers.Slack != nil,
		Policies:  c.Policies.document(),
	}
	if c.Providers.Slack != nil {
		doc.OpsChannel = c.Providers.Slack.Channels.Ops
	}
	for _, p := range c.People {
		doc.People = append(doc.People, orchestrator.Person(p))
	}
	for _, p := range c.Projects {
		d := p.document()
		d.Reconciles = c.Providers.Toss != nil && c.Providers.Toss.Project == p.ID && c.Providers.Toss.Pending != ""
		doc.Projects = append(doc.Projects, d)
	}
	for _, a := range c.Audiences {
		doc.Audiences = append(doc.Audiences, orchestrator.Audience(a))
	}
	for _, s := range c.Silences {
		doc.Silences = append(doc.Silences, s.document())
	}
	c.polled(&doc)
	return doc, nil
}

func (p Project) document() orchestrator.Project {
	doc := orchestrator.Project{
		ID:       p.ID,
		Vercel:   p.VercelProject,
		Mode:     orchestrator.Mode(p.Mode),
		Hotfix:   orchestrator.Hotfix(p.Hotfix),
		Audience: p.Audience,
		Affected: p.Affected,

		Maintenance: p.Maintenance,

		Repository: cmp.Or(p.Repository, p.Hotfix.Repo),
		DependsOn:  p.DependsOn, ReleaseTag: p.ReleaseTag,
	}
	for action, mode := range p.Modes {
		if doc.Modes == nil {
			doc.Modes = map[string]orchestrator.Mode{}
		}
		doc.Modes[action] = orchestrator.Mode(mode)
	}
	for _, c := range p.Components {
		doc.Components = append(doc.Components, orchestrator.Component{ID: c.ID, Title: c.Title, Upstream: c.Upstream, Switch: c.Switch.describe()})
	}
	for _, e := range p.Environments {
		doc.Environments = append(doc.Environments, e.document())
	}
	for _, m := range p.Match {
		doc.Match = append(doc.Match, orchestrator.Match(m))
	}
	return doc
}

func (e Environment) document() orchestrator.Environment {
	doc := orchestrator.Environment{
		ID:         e.ID,
		Kind:       e.Kind,
		ServedFor:  e.KnownGood.OrServed.Milliseconds(),
		KnownGood:  e.KnownGood.Watch.Milliseconds(),
		MarkerPath: e.BuildMarker.Path,
		MarkerJSON: e.BuildMarker.JSON,
		Evidence:   e.Database.EvidenceURL.IsSet(),
		Database:   e.Database.document(),
	}
	for _, d := range e.Domains {
		doc.Domains = append(doc.Domains, orchestrator.Domain(d))
	}
	for _, p := range e.Probes {
		doc.Probes = append(doc.Probes, p.document())
	}
	for _, q := range e.Signals {
		doc.Signals = append(doc.Signals, q.document())
	}
	for _, w := range e.Watches {
		doc.Watches = append(doc.Watches, w.document(&e))
	}
	return doc
}

func (p Probe) document() orchestrator.Probe {
	return orchestrator.Probe{
		ID:           p.ID,
		Covers:       p.Covers,
		URL:          p.Get,
		Status:       p.Expect.Status,
		P95:          p.Expect.P95.Milliseconds(),
		Every:        p.Every.Milliseconds(),
		AlsoOnTarget: p.AlsoOnTarget,
		Fails:        p.Fails,
		Passes:       p.Passes,
		Severity:     p.Severity,
	}
}

func (p Policies) document() orchestrator.Policies {
	doc := orchestrator.Policies{
		Limits: orchestrator.Limits{
			SignalAge:     p.Limits.SignalAge.Milliseconds(),
			AutoWindow:    p.Limits.AutoWindow.Milliseconds(),
			AskWindow:     p.Limits.AskWindow.Milliseconds(),
			AutoPerHour:   p.Limits.AutoPerHour,
			ApprovalValid: p.Limits.ApprovalValid.Milliseconds(),
			MinDistinct:   p.Limits.MinDistinct.Events,
			ConfirmPage:   p.Limits.confirm(),
			SourceBudget:  p.Limits.SourceBudget,
		}.WithDefaults(),
		AckFor:   p.Ack.Expires.Milliseconds(),
		PageRole: p.Page.Role,
	}
	for _, a := range p.Autonomy {
		doc.Autonomy = append(doc.Autonomy, orchestrator.Autonomy{
			Action:    a.Action,
			Kind:      a.Kind,
			When:      strings.TrimPrefix(a.When, "="),
			Do:        a.Do,
			Veto:      a.Veto.Milliseconds(),
			Roles:     a.Roles,
			Quorum:    a.Quorum,
			Requester: a.Requester,
			Within:    a.Within.Milliseconds(),
			Else:      a.Else,
		})
	}
	if len(p.Timings) > 0 {
		doc.Timings = make(map[string]int64, len(p.Timings))
		for name, value := range p.Timings {
			doc.Timings[name] = value.Value
		}
	}
	return doc
}
