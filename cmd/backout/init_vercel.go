package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/vercel"
)

// initProject is a project as it will stand in the configuration.
type initProject struct {
	ID     string `json:"id"`
	Vercel string `json:"vercel_project"`
	Name   string `json:"name"`
	// Domains are production's, Staging those of a branch or another environment.
	Domains []vercel.DomainInfo `json:"domains"`
	Staging []vercel.DomainInfo `json:"staging,omitempty"`
	// Left are domains that are not verified yet.
	Left []string `json:"left_out,omitempty"`
	// Marker is set when the site already says which deployment answers.
	Marker bool `json:"build_marker"`
	// Verdict is what serve will say of going back.
	Verdict string `json:"verdict"`
}

// The build marker that is looked for, as the README shows it.
const (
	markerPath = "/api/version"
	markerJSON = "deployment_id"
)

// account reads the token and says what it can do.
func (s *setup) account(ctx context.Context) error {
	if s.token == "" {
		answer, err := s.ask("Where does the Vercel token stand? env:NAME or file:/path", "env:VERCEL_TOKEN", "--vercel-token env:NAME")
		if err != nil {
			return err
		}
		s.token = answer
	}
	if path, ok := strings.CutPrefix(s.token, "file:"); ok {
		if abs, err := filepath.Abs(path); err == nil {
			s.token = "file:" + abs
		}
	}
	secret, err := configs.ReadSecret(s.token, os.LookupEnv)
	if err != nil {
		return fmt.Errorf("the Vercel token: %w", err)
	}
	a, err := s.connect(ctx, secret)
	if err == nil && a.Reach == vercel.ReachAccount && s.team == "" {
		if s.team, err = s.ask("Which team, team_… or its slug? Empty for "+a.User+"'s own account", "", "--team team_yours"); err == nil {
			a, err = s.connect(ctx, secret)
		}
	}
	if err != nil {
		return err
	}
	s.found.Token = initToken{Ref: s.token, Name: a.Token, Reach: a.Reach, Team: cmp.Or(a.Team, s.team), Plan: a.Plan}
	if !a.Expires.IsZero() {
		s.found.Token.Expires = &a.Expires
	}
	s.saidToken(&a)
	return nil
}

// connect makes the client; a token of one team names the team itself.
func (s *setup) connect(ctx context.Context, secret string) (vercel.Account, error) {
	o := vercel.Options{BaseURL: s.baseURL, Token: secret, Team: s.team, AllowPrivate: s.allowPrivate, ProbeBase: s.probeURL}
	for {
		c, err := vercel.New(o)
		if err != nil {
			return vercel.Account{}, err
		}
		a, err := c.Account(ctx)
		if err != nil || a.TeamID == "" || o.Team != "" {
			s.client, s.team = c, o.Team
			return a, err
		}
		o.Team = a.TeamID
	}
}

func (s *setup) saidToken(a *vercel.Account) {
	switch a.Reach {
	case vercel.ReachProject:
		s.say("Token     %s reaches one project and nothing of the team", s.token)
		s.say("          In that project it can do whatever its owner can: Vercel has no token for rollbacks only.")
		return
	case vercel.ReachTeam:
		s.say("Token     %s (%q of %s), limited to team %s", s.token, a.Token, a.User, cmp.Or(a.Team, a.TeamID))
	default:
		s.say("Token     %s (%q of %s) reaches all that %s reaches, in every team", s.token, a.Token, a.User, a.User)
	}
	s.say("          It is as mighty as that member: Vercel has no token for rollbacks only, only ones for a team or for one project.")
	if a.Expires.IsZero() {
		s.say("          It never expires; one that does is safer, and doctor says when it is about to.")
	} else {
		s.say("          It expires %s.", a.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	}
}

// named reads the chosen projects.
func (s *setup) named(ctx context.Context, names []string) error {
	ids := map[string]bool{}
	seen := map[string]bool{}
	for _, name := range names {
		p, err := s.client.Project(ctx, name)
		if err != nil {
			return err
		}
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		s.found.Token.Plan = cmp.Or(s.found.Token.Plan, p.Plan)
		s.found.Projects = append(s.found.Projects, &initProject{ID: unused(ids, configs.ID(p.Name), "project"), Vercel: p.ID, Name: p.Name})
	}
	return nil
}

// survey reads the domains and whether the site says which deployment it is.
func (s *setup) survey(ctx context.Context) error {
	for _, p := range s.found.Projects {
		all, err := s.client.Domains(ctx, p.Vercel)
		if err != nil {
			return err
		}
		for _, d := range all {
			switch {
			case !d.Verified:
				p.Left = append(p.Left, d.Name)
			case d.Production():
				p.Domains = append(p.Domains, d)
			default:
				p.Staging = append(p.Staging, d)
			}
		}
		if len(p.Domains) == 0 {
			return fmt.Errorf("project %s has no production domain that is verified, so nothing of it could be proven; add one at Vercel", p.Name)
		}
		s.look(ctx, p)
		s.saidProject(p)
	}
	s.saidPlan()
	return nil
}

// look asks the first domain that serves for the build marker.
func (s *setup) look(ctx context.Context, p *initProject) {
	for _, d := range p.Domains {
		if d.Redirect == "" {
			seen, err := s.client.Reach(ctx, d.Name, markerPath, markerJSON)
			p.Marker = err == nil && seen.Deployment != ""
			return
		}
	}
}

func (s *setup) saidProject(p *initProject) {
	s.say("Project   %s (%s)", p.Name, p.Vercel)
	for _, d := range p.Domains {
		to := ""
		if d.Redirect != "" {
			to = ", redirects to " + d.Redirect
		}
		s.say("          production  %s%s", d.Name, to)
	}
	for _, d := range p.Staging {
		s.say("          staging     %s, %s", d.Name, cmp.Or(d.Branch, d.Environment))
	}
	if len(p.Left) > 0 {
		s.say("          left out, not verified at Vercel: %s", strings.Join(p.Left, ", "))
	}
	if p.Marker {
		s.say("          %s says which deployment answers: each domain can be proven by its build", markerPath)
	} else {
		s.say("          no build marker at %s: each domain is proven by Vercel's word and a probe", markerPath)
	}
}

func (s *setup) saidPlan() {
	switch plan := s.found.Token.Plan; plan {
	case vercel.PlanHobby:
		s.say("Plan      hobby: Vercel goes back to the previous deployment only and has no account webhooks, so it is asked every 30 s")
	case "":
		s.say("Plan      not told to this token; Hobby goes back to the previous deployment only")
	default:
		s.say("Plan      %s: any deployment that served can be gone back to", plan)
	}
}

func (s *setup) hookURL() string { return s.publicURL + "/hooks/vercel" }

func (s *setup) secretFile() string { return filepath.Join(s.dir, "vercel-webhook.secret") }

func (s *setup) wantsWebhook() bool {
	return s.publicURL != "" && s.found.Token.Plan != vercel.PlanHobby && s.found.Token.Reach != vercel.ReachProject
}

// webhook finds the webhook of this address, or makes it and keeps its secret.
func (s *setup) webhook(ctx context.Context) error {
	w := &s.found.Webhook
	*w = initWebhook{State: "none"}
	switch {
	case s.publicURL == "":
		w.Why = "there is no public address yet; run this again with --public-url and --force when there is"
	case s.found.Token.Reach == vercel.ReachProject:
		w.Why = "a token of one project may not make webhooks of the team; make it by hand at Vercel for " + s.hookURL() + ", or go without"
	case s.found.Token.Plan == vercel.PlanHobby:
		w.Why = "the plan has none"
	}
	if w.Why == "" {
		if err := s.ensureWebhook(ctx); err != nil {
			return err
		}
	}
	if w.State == "none" {
		s.say("Webhook   none: %s. Vercel is asked every 30 s instead; that misses nothing, it is only slower.", w.Why)
		return nil
	}
	s.say("Webhook   %s: %s tells %s of %d events; its secret is in %s (0600)", w.State, w.ID, w.URL, len(gateway.VercelEvents()), w.Secret)
	return nil
}

func (s *setup) ensureWebhook(ctx context.Context) error {
	w := &s.found.Webhook
	there, err := s.client.WebhooksAt(ctx, s.hookURL())
	if err != nil {
		return err
	}
	state := "made"
	if len(there) > 0 && !s.replace {
		s.keepWebhook(there)
		return nil
	}
	for _, old := range there {
		state = "replaced"
		if err := s.client.DeleteWebhook(ctx, old.ID); err != nil {
			return err
		}
	}
	want := vercel.Webhook{URL: s.hookURL(), Events: gateway.VercelEvents()}
	for _, p := range s.found.Projects {
		want.Projects = append(want.Projects, p.Vercel)
	}
	made, err := s.client.MakeWebhook(ctx, want)
	if errors.Is(err, vercel.ErrDenied) {
		w.Why = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	if err := writeWhole(s.secretFile(), []byte(made.Secret+"\n"), 0o600); err != nil {
		// Nobody will ever know its secret: it would only be refused, delivery by delivery.
		return errors.Join(fmt.Errorf("keeping the webhook's secret, which Vercel shows once: %w; the webhook is deleted again", err), s.client.DeleteWebhook(ctx, made.ID))
	}
	*w = initWebhook{State: state, ID: made.ID, URL: made.URL, Secret: s.secretFile()}
	return nil
}

// keepWebhook goes on with a webhook that is there, if its secret is known here.
func (s *setup) keepWebhook(there []vercel.Webhook) {
	w := &s.found.Webhook
	const again = "run this again with --force --replace-webhook, which deletes it and makes it anew"
	if _, err := configs.ReadSecret("file:"+s.secretFile(), os.LookupEnv); err != nil {
		w.Why = fmt.Sprintf("%s is there for this address, and its secret is not in %s and cannot be read again; put it there, or %s", there[0].ID, s.secretFile(), again)
		return
	}
	*w = initWebhook{State: "kept", ID: there[0].ID, URL: there[0].URL, Secret: s.secretFile()}
	for _, p := range s.found.Projects {
		if !there[0].Covers(p.Vercel, gateway.VercelEvents()) {
			s.say("          webhook %s is not told of everything about %s: %s", there[0].ID, p.Name, again)
		}
	}
}

// spanned is a time in words of a person: 6 d 2 h.
func spanned(d time.Duration) string {
	d = d.Round(time.Minute)
	days, hours, minutes := d/(24*time.Hour), d%(24*time.Hour)/time.Hour, d%time.Hour/time.Minute
	switch {
	case days > 0 && hours > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case days > 0:
		return fmt.Sprintf("%d d", days)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	}
	return fmt.Sprintf("%d min", minutes)
}
