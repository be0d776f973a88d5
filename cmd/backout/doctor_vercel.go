package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/vercel"
)

// expiresSoon is how long before its end a token is worth a look.
const expiresSoon = 14 * 24 * time.Hour

// vercelLook is the doctor at Vercel.
type vercelLook struct {
	*checkup
	cfg    *configs.Config
	client *vercel.Client
	// team is false for a token that sees one project only.
	team bool
	plan string
}

// vercel looks at the token, the projects with their domains, and the webhook.
func (u *checkup) vercel(ctx context.Context, cfg *configs.Config) {
	v := cfg.Providers.Vercel
	if v == nil {
		u.fix(foundLook, "write providers.vercel, or run `backout init`", "vercel: no token is configured, so nothing can be rolled back")
		return
	}
	if v.Token.Reveal() == "" {
		return // said among the secrets
	}
	o := vercel.Options{BaseURL: v.BaseURL, Token: v.Token.Reveal(), Team: v.Team, AllowPrivate: prefixes(v.AllowPrivate), Logger: slog.New(slog.DiscardHandler)}
	if p := cfg.Providers.Probe; p != nil {
		o.ProbeBase, o.AllowPrivate = p.BaseURL, append(o.AllowPrivate, prefixes(p.AllowPrivate)...)
	}
	client, err := vercel.New(o)
	if err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	look := vercelLook{checkup: u, cfg: cfg, client: client}
	bounded, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	if !look.account(bounded) {
		return
	}
	for i := range cfg.Projects {
		if p := &cfg.Projects[i]; p.VercelProject != "" {
			look.project(ctx, p)
		}
	}
	look.webhook(ctx)
}

// account reports whether the token is any good.
func (l *vercelLook) account(ctx context.Context) bool {
	a, err := l.client.Account(ctx)
	if err != nil {
		l.fix(foundFix, "make a token of a member of the team, and set providers.vercel", "vercel: %v", err)
		return false
	}
	l.team, l.plan = a.Reach != vercel.ReachProject, a.Plan
	switch left := time.Until(a.Expires); {
	case a.Reach == vercel.ReachProject:
		l.found(foundOK, "vercel: the token works and reaches one project; there it can do whatever its owner can")
		return true
	case a.Expires.IsZero():
		l.fix(foundLook, "make one that expires", "vercel: the token works, never expires, and is as mighty as %s (reach: %s)", a.User, a.Reach)
	case left < expiresSoon:
		l.fix(foundFix, "make a new one now", "vercel: the token works and expires in %s", spanned(left))
	default:
		l.found(foundOK, "vercel: the token works until %s and is as mighty as %s (reach: %s)", a.Expires.UTC().Format("2006-01-02"), a.User, a.Reach)
	}
	switch a.Role {
	case "VIEWER", "VIEWER_FOR_PLUS", "BILLING", "SECURITY", "CONTRIBUTOR":
		l.fix(foundFix, "let it belong to a member who may deploy to production", "vercel: %s is %s in the team and may not roll back", a.User, a.Role)
	}
	if a.Plan == vercel.PlanHobby {
		l.found(foundLook, "vercel: the plan is hobby: only the previous deployment can be gone back to, and there are no account webhooks")
	}
	return true
}

// project compares the configuration with what Vercel says and what visitors meet.
func (l *vercelLook) project(ctx context.Context, p *configs.Project) {
	ctx, cancel := context.WithTimeout(ctx, 3*checkWait)
	defer cancel()
	listed, err := l.client.Domains(ctx, p.VercelProject)
	if err != nil {
		l.found(foundFix, "project %s: %v", p.ID, err)
		return
	}
	known := map[string]bool{}
	for i := range p.Environments {
		e := &p.Environments[i]
		for _, d := range e.Domains {
			known[d.Host] = true
			if l.listedAs(p, d, listed) {
				l.visit(ctx, p, d)
			}
		}
		if e.Kind == "production" {
			l.marker(ctx, p, e, listed)
		}
	}
	var left []string
	for _, d := range listed {
		if d.Production() && d.Verified && !known[d.Name] {
			left = append(left, d.Name)
		}
	}
	if len(left) > 0 {
		l.fix(foundLook, "add them to the environment's domains", "project %s: Vercel serves domains that the configuration leaves out, so nothing proves them after a rollback: %s", p.ID, strings.Join(left, ", "))
	}
}

// listedAs reports whether the domain is the project's at Vercel.
func (l *vercelLook) listedAs(p *configs.Project, d configs.Domain, listed []vercel.DomainInfo) bool {
	i := slices.IndexFunc(listed, func(x vercel.DomainInfo) bool { return x.Name == d.Host })
	switch {
	case i < 0:
		l.fix(foundFix, "add it to the project at Vercel, or take it out of the configuration", "domain %s is no domain of %s at Vercel", d.Host, p.VercelProject)
		return false
	case !listed[i].Verified:
		l.fix(foundFix, "verify it at Vercel under Settings, Domains", "domain %s is not verified, so it serves nothing", d.Host)
		return false
	case listed[i].Redirect != d.RedirectsTo && listed[i].Redirect == "":
		l.fix(foundFix, "write it without redirects_to", "domain %s redirects nowhere at Vercel, and to %s in the configuration", d.Host, d.RedirectsTo)
	case listed[i].Redirect != d.RedirectsTo:
		l.fix(foundFix, "write {host: "+d.Host+", redirects_to: "+listed[i].Redirect+"}", "domain %s redirects to %s at Vercel, which the configuration does not say", d.Host, listed[i].Redirect)
	}
	return true
}

// visit asks a domain as a visitor would.
func (l *vercelLook) visit(ctx context.Context, p *configs.Project, d configs.Domain) {
	seen, err := l.client.Reach(ctx, d.Host, "", "")
	switch {
	case err != nil:
		l.fix(foundFix, "look at its DNS and at the project", "domain %s does not answer: %v", d.Host, err)
	case seen.Failed != "":
		l.fix(foundFix, "assign it to a deployment of "+p.VercelProject, "domain %s serves no deployment: %s", d.Host, seen.Failed)
	case d.RedirectsTo != "" && seen.Redirect != d.RedirectsTo:
		l.fix(foundLook, "look at Settings, Domains", "domain %s answers %d and does not redirect to %s", d.Host, seen.Status, d.RedirectsTo)
	case seen.Redirect != "":
		l.found(foundOK, "domain %s redirects to %s", d.Host, seen.Redirect)
	case seen.Status >= 500:
		l.fix(foundLook, "look at the site", "domain %s answers %d now", d.Host, seen.Status)
	default:
		l.found(foundOK, "domain %s answers %d", d.Host, seen.Status)
	}
}

// marker asks each serving domain which deployment it is.
func (l *vercelLook) marker(ctx context.Context, p *configs.Project, e *configs.Environment, listed []vercel.DomainInfo) {
	m := e.BuildMarker
	if m.Path == "" {
		l.fix(foundLook, "let the site answer {\"deployment_id\": process.env.VERCEL_DEPLOYMENT_ID} at "+markerPath+", and write build_marker", "project %s: %s has no build marker, so each domain is proven by Vercel's word and a probe", p.ID, e.ID)
		return
	}
	for _, d := range e.Domains {
		if d.RedirectsTo != "" || !slices.ContainsFunc(listed, func(x vercel.DomainInfo) bool { return x.Name == d.Host }) {
			continue
		}
		switch seen, err := l.client.Reach(ctx, d.Host, m.Path, m.JSON); {
		case err != nil: // said by visit
		case seen.Deployment == "":
			l.fix(foundFix, "let the build that serves answer JSON with a deployment id in "+m.JSON, "build marker https://%s%s answers %d and names no deployment", d.Host, m.Path, seen.Status)
		default:
			l.found(foundOK, "build marker https://%s%s says %s", d.Host, m.Path, seen.Deployment)
		}
	}
}

// webhook looks whether Vercel tells this Backout, of what, and about whom.
func (l *vercelLook) webhook(ctx context.Context) {
	public, hooked := strings.TrimSuffix(l.cfg.Instance.PublicURL, "/"), l.cfg.Hooks.Vercel != nil
	if public == "" || l.plan == vercel.PlanHobby {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	const again = "run `backout init --force --replace-webhook`"
	there, err := l.client.WebhooksAt(ctx, public+"/hooks/vercel")
	switch {
	case err != nil && !l.team:
		l.found(foundLook, "vercel: a token of one project does not see webhooks; look under Settings, Webhooks, that %s/hooks/vercel is there", public)
	case err != nil:
		l.found(foundFix, "vercel: %v", err)
	case len(there) == 0 && hooked:
		l.fix(foundFix, again, "vercel: hooks.vercel is configured, and Vercel has no webhook for %s/hooks/vercel", public)
	case len(there) == 0:
		l.fix(foundLook, again, "vercel: there is no webhook for %s/hooks/vercel, so deployments are seen by polling only", public)
	case !hooked:
		l.fix(foundFix, "write hooks.vercel with its secret, or "+again, "vercel: webhook %s posts here, and its deliveries are answered 401", there[0].ID)
	default:
		l.registered(there, again)
	}
}

func (l *vercelLook) registered(there []vercel.Webhook, again string) {
	w := there[0]
	if len(there) > 1 {
		l.fix(foundLook, "delete the one whose secret is not configured", "vercel: %d webhooks post to %s; those signed with another secret are refused", len(there), w.URL)
	}
	if misses := w.Misses(gateway.VercelEvents()); len(misses) > 0 {
		l.fix(foundFix, again, "vercel: webhook %s is not told of %s", w.ID, strings.Join(misses, ", "))
		return
	}
	for i := range l.cfg.Projects {
		// A project may stand in the configuration by its name; a webhook knows ids.
		if p := &l.cfg.Projects[i]; strings.HasPrefix(p.VercelProject, "prj_") && !w.Covers(p.VercelProject, nil) {
			l.fix(foundFix, again, "vercel: webhook %s is not told about project %s", w.ID, p.ID)
			return
		}
	}
	l.found(foundOK, "vercel: webhook %s tells %s of %d events", w.ID, w.URL, len(w.Events))
}
