package main

import (
	"context"
	"net/http"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/slack"
	"github.com/aimarketplace/backout/orchestrator"
)

// gateway builds the public listener: webhooks in, chat, the status page.
func (a *app) gateway(actions *actionSet) (*gateway.Gateway, error) {
	status, err := console.StatusPage(a.engine)
	if err != nil {
		return nil, err
	}
	o := gateway.Options{
		Sources: hookSources(a.cfg), Confirm: actions.confirm, Append: a.engine.Ingest, PutBlob: a.putBlob, Tokens: a.token,
		VercelProjects: a.vercelProjects(), Repositories: repositories(a.cfg), Chat: map[string]http.Handler{}, Status: status, Logger: sparingly(a.o.Logger), Loopback: loopback(a.cfg.Instance.Listen),
	}
	if actions.chat != nil {
		inbound := actions.chat.Handler(slack.HandlerOptions{Person: a.slackPerson, Command: a.slackCommand})
		a.onClose("the chat", func() error {
			ctx, cancel := stopContext()
			defer cancel()
			return inbound.Close(ctx)
		})
		o.Chat["slack"] = inbound
	}
	return gateway.New(o)
}

func (a *app) vercelProjects() map[string]string { return vercelProjects(a.cfg) }

// vercelProjects maps Vercel's project ids to ours.
func vercelProjects(cfg *configs.Config) map[string]string {
	vercel := map[string]string{}
	for _, p := range cfg.Projects {
		vercel[p.VercelProject] = p.ID
	}
	delete(vercel, "")
	return vercel
}

// again reads a line of quarantine once more.
func (a *app) again(q *orchestrator.Quarantined, body []byte) ([]orchestrator.Event, error) {
	return gateway.Again(q, body, a.vercelProjects())
}

func hookSources(cfg *configs.Config) []gateway.Source {
	var out []gateway.Source
	for name, hook := range configuredHooks(cfg.Hooks) {
		if hook == nil {
			continue
		}
		s := hookSource(name, hook)
		s.Project = speaksFor(cfg, name)
		out = append(out, s)
	}
	return out
}

func hookSource(name string, hook *configs.Hook) gateway.Source {
	s := gateway.Source{Name: name, Auth: hook.Auth, Verify: hook.Verify}
	if hook.SigningKey.IsSet() {
		s.SigningKeys = []string{hook.SigningKey.Reveal()}
	}
	if hook.Secret.IsSet() {
		secret := hook.Secret.Reveal()
		if hook.Auth == "basic" {
			secret = hook.User + ":" + secret
		}
		s.Secrets = []string{secret}
	}
	return s
}

// configuredHooks are the sources by their names; nil are those left out.
func configuredHooks(h configs.Hooks) map[string]*configs.Hook {
	return map[string]*configs.Hook{
		"alertmanager": h.Alertmanager, "events": h.Events, "github": h.GitHub, "grafana": h.Grafana,
		"pagerduty": h.PagerDuty, "sendgrid": h.SendGrid, "sentry": h.Sentry, "stripe": h.Stripe, "toss": h.Toss,
		"uptimerobot": h.UptimeRobot, "vercel": h.Vercel, "vercel-drain": h.VercelDrain,
	}
}

func (a *app) token(ctx context.Context, hash string) (t orchestrator.Token, ok bool) {
	err := a.peek(ctx, func(s *orchestrator.State) (found bool) {
		t, ok = s.Token(hash)
		return ok
	})
	return t, ok && err == nil
}

// peek looks for something in the last commit, and in the newest state only when it
// is not there, because that waits for a commit.
func (a *app) peek(ctx context.Context, look func(*orchestrator.State) (found bool)) error {
	found := false
	err := a.engine.Peek(func(s *orchestrator.State) error {
		found = look(s)
		return nil
	})
	if err != nil || found {
		return err
	}
	return a.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		look(s)
		return nil
	})
}

// slackPerson finds who a Slack user is, by the current configuration.
func (a *app) slackPerson(userID string) (id string, ok bool) {
	ctx, cancel := stopContext()
	defer cancel()
	_ = a.peek(ctx, func(s *orchestrator.State) bool {
		for _, p := range s.Config().People {
			if p.Slack == userID && userID != "" {
				id, ok = p.ID, true
			}
		}
		return ok
	})
	return id, ok
}

// slackCommand takes words from chat to the fold. Who speaks was verified by the
// signature; whether they may is decided there.
func (a *app) slackCommand(ctx context.Context, words, person, claimed, id string) (ok bool, text string) {
	masked, leaked := gateway.Mask(words)
	c, err := gateway.ParseWords(masked)
	if err != nil {
		return false, err.Error()
	}
	if c.Verb == "help" {
		return true, gateway.Help()
	}
	c.Via, c.Person, c.Claimed, c.ID = "slack", person, claimed, id
	r, err := a.engine.Command(ctx, c)
	if err != nil {
		return false, err.Error()
	}
	if leaked {
		r.Text += ". A secret stood in what you wrote; it was masked here, but the chat has seen it: rotate it"
	}
	return r.OK, r.Text
}
