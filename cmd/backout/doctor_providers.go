package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/handlers/supabase"
	"github.com/aimarketplace/backout/orchestrator"
)

// providers tries every credential but those of payments, each within its own time.
func (u *checkup) providers(ctx context.Context, cfg *configs.Config) {
	u.vercel(ctx, cfg)
	for _, look := range []func(context.Context, *configs.Config){u.slack, u.sendgrid, u.github, u.supabase} {
		bounded, cancel := context.WithTimeout(ctx, 2*checkWait)
		look(bounded, cfg)
		cancel()
	}
}

func (u *checkup) slack(ctx context.Context, cfg *configs.Config) {
	c := cfg.Providers.Slack
	if c == nil || c.BotToken.Reveal() == "" {
		return
	}
	client, err := slackClient(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	g, err := client.Check(ctx)
	if len(g.Missing) > 0 {
		u.fix(foundFix, "add them under OAuth & Permissions and install the app again", "slack: the bot token lacks %s", strings.Join(g.Missing, ", "))
	}
	if g.TeamID != "" && c.Team != "" && g.TeamID != c.Team {
		u.fix(foundFix, "set providers.slack.team: "+g.TeamID+", or use the bot token of the other workspace", "slack: the bot token is of the workspace %s (%s), and commands are taken from %s only: nobody who is told can answer", g.Team, g.TeamID, c.Team)
	}
	switch {
	case err != nil && g.Team != "":
		u.fix(foundFix, "invite the bot to it: /invite @"+g.Bot, "slack: %v", err)
	case err != nil:
		u.fix(foundFix, "copy the Bot User OAuth Token anew into providers.slack.bot_token", "slack: %v", err)
	case len(g.Extra) > 0:
		u.fix(foundLook, "take them away", "slack: the bot token works in %s, and has scopes that are not needed: %s", g.Team, strings.Join(g.Extra, ", "))
	case len(g.Missing) == 0:
		u.found(foundOK, "slack: the bot token works in %s (%s) with the scopes it needs, and the bot reads channel %s", g.Team, g.TeamID, c.Channels.Incidents)
	}
}

func (u *checkup) sendgrid(ctx context.Context, cfg *configs.Config) {
	c := cfg.Providers.SendGrid
	if c == nil || c.APIKey.Reveal() == "" {
		return
	}
	client, err := sendgrid.New(sendgrid.Options{
		BaseURL: c.BaseURL, APIKey: c.APIKey.Reveal(), From: c.From, AllowPrivate: prefixes(c.AllowPrivate), Blobs: noBlobs{},
	})
	if err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	switch extra, err := client.Check(ctx); {
	case err != nil:
		u.fix(foundFix, "make a key with Restricted Access, Mail Send only", "sendgrid: %v", err)
	case len(extra) > 0:
		u.fix(foundLook, "make a key with Restricted Access, Mail Send only", "sendgrid: the key may send mail, and %d more things (%s)", len(extra), strings.Join(extra[:min(3, len(extra))], ", "))
	default:
		u.found(foundOK, "sendgrid: the key may send mail and nothing else")
	}
}

// github reads every repository that is named, with the workflows of its fix.
func (u *checkup) github(ctx context.Context, cfg *configs.Config) {
	c := cfg.Providers.GitHub
	if c == nil || c.Token.Reveal() == "" {
		return
	}
	client, err := github.New(github.Options{BaseURL: c.BaseURL, Token: c.Token.Reveal(), AllowPrivate: prefixes(c.AllowPrivate)})
	if err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	files := map[string][]string{}
	var repos []string
	for i := range cfg.Projects {
		p := &cfg.Projects[i]
		for _, repo := range []string{p.Hotfix.Repo, p.Repository} {
			if _, seen := files[repo]; repo != "" && !seen {
				repos, files[repo] = append(repos, repo), []string{}
			}
		}
		if p.Hotfix.Repo != "" {
			files[p.Hotfix.Repo] = append(files[p.Hotfix.Repo], p.Hotfix.Staging, p.Hotfix.Tests)
		}
	}
	for _, repo := range repos {
		if err := client.Check(ctx, repo, files[repo]...); err != nil {
			u.fix(foundFix, "give the token that repository with Actions: read and write, and push the workflow", "github: %v", err)
			continue
		}
		u.found(foundOK, "github: the token reads %s and finds its %d workflows; that it may start one shows when it does", repo, len(files[repo]))
	}
}

func (u *checkup) supabase(ctx context.Context, cfg *configs.Config) {
	c := cfg.Providers.Supabase
	if c == nil || c.Token.Reveal() == "" {
		return
	}
	set := actionSet{all: map[string]orchestrator.Action{}}
	doc, err := cfg.Document()
	if err == nil {
		err = set.watchSupabase(cfg, &doc, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	for _, source := range set.sources {
		u.health(ctx, source)
	}
}

func (u *checkup) health(ctx context.Context, source orchestrator.Source) {
	if _, ok := source.(*supabase.Health); !ok {
		return
	}
	records, err := source.Poll(ctx)
	if err != nil || len(records) == 0 || records[0].Reading == nil {
		u.found(foundFix, "%s: no answer: %v", source.Name(), err)
		return
	}
	switch r := records[0].Reading; r.Verdict {
	case orchestrator.ReadErrored:
		u.fix(foundFix, "make a token with project_admin_read for that project", "%s: %s", source.Name(), r.Text)
	case orchestrator.ReadFailed:
		u.fix(foundLook, "look at the project at Supabase", "%s: unhealthy now: %s", source.Name(), r.Text)
	default:
		u.found(foundOK, "%s: the token reads its health, and it is well", source.Name())
	}
}
