package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// upstreams are the providers whose outages explain things better than a deploy.
func upstreams() []string {
	return []string{"github", "sendgrid", "slack", "stripe", "supabase", "toss", "vercel"}
}

// upstreamIDs are those everybody knows and those of the file.
func (k *checker) upstreamIDs() []string {
	ids := upstreams()
	for _, u := range k.c.Upstreams {
		ids = append(ids, u.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (k *checker) projects() {
	if len(k.c.Projects) == 0 {
		k.wrong("projects", "there is no project", "list one with id, vercel_project and environments")
	}
	ids, hosts := map[string]bool{}, map[string]bool{}
	for i := range k.c.Projects {
		p := &k.c.Projects[i]
		at := index("projects", i)
		k.unique(at+".id", "a project", p.ID, ids)
		k.project(at, p)
		k.components(at, p)
		k.environments(at, p, hosts)
		k.matches(at, p)
		k.hotfix(at+".hotfix", p.Hotfix)
		k.repository(at+".repository", p.Repository)
	}
}

func (k *checker) project(at string, p *Project) {
	if p.ID == orchestrator.SelfProject {
		k.wrong(at+".id", fmt.Sprintf("%q is the name of Backout's own incidents", p.ID), "choose another id")
	}
	if p.Mode != "" {
		k.oneOf(at+".mode", "the mode", p.Mode, "shadow", "advise", "live")
	}
	k.modes(at, p)
	if k.c.Providers.Vercel != nil && p.VercelProject == "" {
		k.warn(at, fmt.Sprintf("the project %q has no vercel_project, so nothing of it can be rolled back", p.ID), "write vercel_project: prj_…")
	}
	if p.ReleaseTag != "" && strings.Count(p.ReleaseTag, "{commit}") != 1 {
		k.wrong(at+".release_tag", "it does not say where the commit stands", "write {commit} once, as in shop@*+{commit}; * stands for anything")
	}
	for i, name := range p.DependsOn {
		k.oneOf(index(at+".depends_on", i), "the provider or project", name, append(k.upstreamIDs(), k.projectIDs()...)...)
	}
	k.affected(at, p)
	k.maintenance(at, p)
	switch {
	case p.Audience != "":
		k.oneOf(at+".audience", "the audience", p.Audience, k.audienceIDs()...)
	case k.c.Providers.SendGrid != nil:
		k.warn(at, fmt.Sprintf("notices of the project %q have no audience, so no user is mailed", p.ID), "write audience: and one of audiences")
	}
}

func (k *checker) components(at string, p *Project) {
	ids := map[string]bool{}
	for i, c := range p.Components {
		here := index(at+".components", i)
		k.unique(here+".id", "a component", c.ID, ids)
		if c.Upstream != "" && !slices.Contains(p.DependsOn, c.Upstream) {
			k.wrong(here+".upstream", fmt.Sprintf("the project does not depend on %q", c.Upstream), "add it to depends_on")
		}
		k.switches(here+".switch", c.Switch)
		for lang := range c.Title {
			if !isLanguage(lang) {
				k.wrong(here+".title."+lang, fmt.Sprintf("%q is not a language", lang), "write a code such as en or ko")
			}
		}
	}
}

// maintenance checks the component that stands for the whole site.
func (k *checker) maintenance(at string, p *Project) {
	if p.Maintenance == "" {
		return
	}
	i := slices.IndexFunc(p.Components, func(c Component) bool { return c.ID == p.Maintenance })
	switch {
	case i < 0:
		k.oneOf(at+".maintenance", "the component", p.Maintenance, componentIDs(p)...)
	case p.Components[i].Switch == nil:
		k.wrong(at+".maintenance", fmt.Sprintf("the component %q has no switch, so nothing puts a maintenance page up", p.Maintenance), "write switch: at that component")
	}
}

func (k *checker) environments(at string, p *Project, hosts map[string]bool) {
	if len(p.Environments) == 0 {
		k.wrong(at, fmt.Sprintf("the project %q has no environment", p.ID), "write environments: {production: {kind: production, domains: [HOST]}}")
	}
	ids := map[string]bool{}
	for _, e := range p.Environments {
		here := join(at+".environments", e.ID)
		k.unique(here, "an environment", e.ID, ids)
		k.oneOf(here+".kind", "the kind of the environment", e.Kind, "production", "staging", "disposable")
		if e.Kind == "production" && len(e.Domains) == 0 {
			k.wrong(here, "a production environment has no domain, so nothing can be proven", "write domains: [HOST]")
		}
		for i, d := range e.Domains {
			k.domain(index(here+".domains", i), d, hosts)
		}
		if (e.BuildMarker.Path == "") != (e.BuildMarker.JSON == "") || (e.BuildMarker.Path != "" && !strings.HasPrefix(e.BuildMarker.Path, "/")) {
			k.wrong(here+".build_marker", "a build marker is a path and a field of the JSON it answers", "write {path: /api/version, json: deployment_id}")
		}
		k.probes(here+".probes", e.Probes, p)
		k.watched(here, &e, p)
		k.watches(here, &e, p)
	}
}

func (k *checker) domain(at string, d Domain, hosts map[string]bool) {
	if !isHost(d.Host) {
		k.wrong(at, fmt.Sprintf("%q is not a host name", d.Host), "write it in lower case without scheme or path, such as shop.example.com")
	}
	if d.RedirectsTo != "" && !isHost(d.RedirectsTo) {
		k.wrong(at+".redirects_to", fmt.Sprintf("%q is not a host name", d.RedirectsTo), "write it in lower case without scheme or path")
	}
	if hosts[d.Host] {
		k.wrong(at, fmt.Sprintf("the domain %q stands in two places", d.Host), "a host serves one environment, so keep one")
	}
	hosts[d.Host] = true
}

func (k *checker) probes(at string, probes []Probe, p *Project) {
	ids := map[string]bool{}
	for i, probe := range probes {
		here := index(at, i)
		k.unique(here+".id", "a probe", probe.ID, ids)
		if _, ok := parseURL(probe.Get); !ok {
			k.wrong(here+".get", "a probe gets an http or https address", "write get: https://HOST/PATH without user or password")
		}
		if s := probe.Expect.Status; s != 0 && (s < 100 || s > 599) {
			k.wrong(here+".expect.status", fmt.Sprintf("%d is not an HTTP status", s), "write one from 100 to 599")
		}
		for j, id := range probe.Covers {
			k.oneOf(index(here+".covers", j), "the component", id, componentIDs(p)...)
		}
	}
}

func (k *checker) matches(at string, p *Project) {
	for i, m := range p.Match {
		here := index(at+".match", i)
		if m.Source == "" && len(m.Labels) == 0 {
			k.wrong(here, "this would claim every signal there is", "name a source or labels")
		}
		if m.Environment != "" {
			k.oneOf(here+".environment", "the environment", m.Environment, environmentIDs(p)...)
		}
		if m.Component != "" {
			k.oneOf(here+".component", "the component", m.Component, componentIDs(p)...)
		}
	}
}

func (k *checker) hotfix(at string, h Hotfix) {
	if h == (Hotfix{}) {
		return
	}
	if !isRepository(h.Repo) {
		k.wrong(at+".repo", fmt.Sprintf("%q is not a repository", h.Repo), "write repo: OWNER/NAME")
	}
	for _, file := range [][2]string{{"staging", h.Staging}, {"tests", h.Tests}} {
		if !regexp.MustCompile(`^[A-Za-z0-9._-]+\.ya?ml$`).MatchString(file[1]) {
			k.wrong(at+"."+file[0], fmt.Sprintf("%q is not a workflow's file", file[1]), "write the name of the file in .github/workflows, such as stage.yml")
		}
	}
	if k.c.Providers.GitHub == nil {
		k.wrong(at, "hotfix workflows run on GitHub, and providers.github is missing", "write providers: {github: {token: env:NAME}}")
	}
}

func environmentIDs(p *Project) []string {
	var ids []string
	for _, e := range p.Environments {
		ids = append(ids, e.ID)
	}
	return ids
}

func componentIDs(p *Project) []string {
	var ids []string
	for _, c := range p.Components {
		ids = append(ids, c.ID)
	}
	return ids
}

func (k *checker) repository(at, name string) {
	if name != "" && !isRepository(name) {
		k.wrong(at, fmt.Sprintf("%q is not a repository", name), "write repository: OWNER/NAME")
	}
}

func isRepository(s string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+$`).MatchString(s)
}
