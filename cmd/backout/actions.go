package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/handlers/flag"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/handlers/page"
	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/repair"
	"github.com/aimarketplace/backout/handlers/prisma"
	"github.com/aimarketplace/backout/handlers/probe"
	"github.com/aimarketplace/backout/handlers/prometheus"
	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/handlers/sentry"
	"github.com/aimarketplace/backout/handlers/slack"
	"github.com/aimarketplace/backout/handlers/supabase"
	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

// actionSet is everything Backout can do outside, with the sources it polls.
type actionSet struct {
	all       map[string]orchestrator.Action
	sources   []orchestrator.Source
	pollEvery time.Duration
	probes    *probe.HTTP
	chat      *slack.Client
	vercel    *vercel.Client
	schema    *postgres.Schema
	// confirm asks a webhook's sender whether what it says is so.
	confirm map[string]func(context.Context, gateway.Delivery, gateway.Decoded) gateway.Decoded
}

// buildActions makes a client for every provider of the configuration. An action
// whose provider is not configured stays known, and says so when it is called.
func buildActions(cfg *configs.Config, doc *orchestrator.Config, blobs *bus.Bus, memory orchestrator.Memory, logger *slog.Logger) (*actionSet, error) {
	set := &actionSet{all: map[string]orchestrator.Action{}}
	known, err := placeholders()
	if err != nil {
		return nil, err
	}
	maps.Copy(set.all, known)
	keep := keepEvidence(blobs)
	if err := set.addVercel(cfg, doc, keep, logger); err != nil {
		return nil, err
	}
	if err := set.addProbes(cfg, logger); err != nil {
		return nil, err
	}
	if err := set.addPayments(cfg, memory, blobs, logger); err != nil {
		return nil, err
	}
	if g := cfg.Providers.GitHub; g != nil {
		c, err := github.New(github.Options{BaseURL: g.BaseURL, Token: g.Token.Reveal(), AllowPrivate: prefixes(g.AllowPrivate), Keep: keep, Logger: logger})
		if err != nil {
			return nil, err
		}
		maps.Copy(set.all, c.Actions())
		set.watchRepositories(c, cfg, logger)
	}
	if err := set.addPolled(cfg, doc, keep, logger); err != nil {
		return nil, err
	}
	if err := set.addSwitches(cfg, logger); err != nil {
		return nil, err
	}
	return set, set.addPeople(cfg, doc, blobs, logger)
}

// addProbes adds the read that asks the environment's own addresses.
func (s *actionSet) addProbes(cfg *configs.Config, logger *slog.Logger) error {
	o := probe.Options{Logger: logger}
	if p := cfg.Providers.Probe; p != nil {
		o.Base, o.AllowPrivate = p.BaseURL, prefixes(p.AllowPrivate)
	}
	if v := cfg.Providers.Vercel; v != nil && v.ProtectionBypass.IsSet() {
		o.Bypass = v.ProtectionBypass.Reveal()
	}
	h, err := probe.New(o)
	if err != nil {
		return err
	}
	maps.Copy(s.all, h.Actions())
	s.probes = h
	return nil
}

func (s *actionSet) addVercel(cfg *configs.Config, doc *orchestrator.Config, keep keeper, logger *slog.Logger) error {
	v := cfg.Providers.Vercel
	if v == nil {
		return nil
	}
	o := vercel.Options{BaseURL: v.BaseURL, Token: v.Token.Reveal(), Team: v.Team, AllowPrivate: prefixes(v.AllowPrivate), Keep: keep, Logger: logger}
	if p := cfg.Providers.Probe; p != nil {
		o.ProbeBase = p.BaseURL
		o.AllowPrivate = append(o.AllowPrivate, prefixes(p.AllowPrivate)...)
	}
	c, err := vercel.New(o)
	if err != nil {
		return err
	}
	maps.Copy(s.all, c.Actions())
	s.vercel = c
	s.pollEvery = time.Duration(v.Poll.Milliseconds()) * time.Millisecond
	trees, err := migrationTrees(cfg, logger)
	if err != nil {
		return err
	}
	for _, p := range doc.Projects {
		for _, e := range p.Environments {
			if p.Vercel != "" && e.Kind == orchestrator.KindProduction {
				s.sources = append(s.sources, &vercelSource{client: c, target: pollTarget(&p, &e), migrations: trees[p.ID], logger: logger})
			}
		}
	}
	return nil
}

func pollTarget(p *orchestrator.Project, e *orchestrator.Environment) vercel.PollTarget {
	t := vercel.PollTarget{Project: p.ID, Environment: e.ID, VercelProject: p.Vercel}
	for _, d := range e.Domains {
		if d.RedirectsTo == "" {
			t.Domains = append(t.Domains, d.Host)
		}
	}
	return t
}

// addPeople adds what reaches people: notices to users, pages and chat.
func (s *actionSet) addPeople(cfg *configs.Config, doc *orchestrator.Config, blobs *bus.Bus, logger *slog.Logger) error {
	var channels []page.Channel
	if cfg.Providers.Slack != nil {
		c, err := slackClient(cfg, logger)
		if err != nil {
			return err
		}
		maps.Copy(s.all, c.Actions())
		channels = append(channels, c)
		s.chat = c
	}
	if sg := cfg.Providers.SendGrid; sg != nil {
		ask, err := askers(cfg)
		if err != nil {
			return err
		}
		c, err := sendgrid.New(sendgrid.Options{
			BaseURL: sg.BaseURL, APIKey: sg.APIKey.Reveal(), From: sg.From, FromName: sg.FromName, ReplyTo: sg.ReplyTo,
			UnsubscribeGroup: sg.UnsubscribeGroup, Audiences: doc.Audiences, Ask: ask, Projects: doc.Projects, Location: location(cfg.Instance.Timezone),
			Blobs: blobs, AllowPrivate: prefixes(sg.AllowPrivate), Logger: logger,
		})
		if err != nil {
			return err
		}
		maps.Copy(s.all, c.Actions())
		channels = append(channels, c)
	}
	p, err := page.New(page.Options{Channels: channels, Logger: logger})
	if err != nil {
		return err
	}
	maps.Copy(s.all, p.Actions())
	return nil
}

func slackClient(cfg *configs.Config, logger *slog.Logger) (*slack.Client, error) {
	sl := cfg.Providers.Slack
	return slack.New(slack.Options{
		BaseURL: sl.BaseURL, BotToken: sl.BotToken.Reveal(), SigningSecret: sl.SigningSecret.Reveal(), Team: sl.Team,
		Channel: sl.Channels.Incidents, AllowPrivate: prefixes(sl.AllowPrivate), Logger: sparingly(logger),
	})
}

// location is the time zone of times in mails; its name was checked before.
func location(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}

func prefixes(ns []configs.Network) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = n.String()
	}
	return out
}

// placeholders stand for every action there is, so that playbooks compile and
// say what is missing when they run.
func placeholders() (map[string]orchestrator.Action, error) {
	const unset = "unset"
	v, err1 := vercel.New(vercel.Options{Token: unset})
	g, err2 := github.New(github.Options{Token: unset})
	m, err3 := sendgrid.New(sendgrid.Options{APIKey: unset, From: "unset@example.com", Blobs: noBlobs{}})
	c, err4 := slack.New(slack.Options{BotToken: unset, SigningSecret: unset, Channel: unset})
	t, err7 := toss.New(toss.Options{Key: unset})
	q, err5 := prometheus.New(prometheus.Options{URL: "http://unset"})
	e, err6 := sentry.New(sentry.Options{Token: unset, Org: unset})
	b, err8 := supabase.New(supabase.Options{Token: unset})
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		return nil, err
	}
	out := map[string]orchestrator.Action{}
	for provider, actions := range map[string]map[string]orchestrator.Action{
		"vercel": v.Actions(), "github": g.Actions(), "sendgrid": m.Actions(), "slack": c.Actions(),
		"toss":       {"toss.reconcile": &toss.Reconcile{Client: t}},
		"prometheus": q.Actions(), "sentry": e.Actions(), "supabase": b.Actions(nil),
	} {
		for name, a := range actions {
			out[name] = unconfigured{a, provider}
		}
	}
	return out, nil
}

// actionSpecs is what every action is, without a configuration.
func actionSpecs() (map[string]orchestrator.Spec, error) {
	all, err := placeholders()
	if err != nil {
		return nil, err
	}
	p, err := page.New(page.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	maps.Copy(all, p.Actions())
	h, err := probe.New(probe.Options{})
	if err != nil {
		return nil, err
	}
	maps.Copy(all, h.Actions())
	queries, err := postgres.New(nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(all, queries.Actions())
	migrations, err := prisma.New(prisma.Options{})
	if err != nil {
		return nil, err
	}
	maps.Copy(all, migrations.Actions())
	restores, err := copies.New(copies.Options{})
	if err != nil {
		return nil, err
	}
	maps.Copy(all, restores.Actions())
	repairs, err := repair.New(repair.Options{})
	if err != nil {
		return nil, err
	}
	maps.Copy(all, repairs.Actions())
	schema, err := postgres.NewSchema(nil)
	if err != nil {
		return nil, err
	}
	all[orchestrator.SchemaAction] = schema
	inspect, err := postgres.NewInspect(nil, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(all, inspect.Actions())
	rights, err := access.New(nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(all, rights.Actions())
	maps.Copy(all, flag.Components{}.Actions())
	specs := map[string]orchestrator.Spec{}
	for name, a := range all {
		specs[name] = a.Spec()
	}
	specs["status.publish"] = orchestrator.Spec{Name: "status.publish", Effect: true, Safety: orchestrator.Repeatable, Inputs: []string{"kind", "components?", "text?"}}
	return specs, nil
}

// unconfigured is an action whose provider is missing from the configuration.
type unconfigured struct {
	orchestrator.Action
	provider string
}

func (u unconfigured) err() error {
	return orchestrator.Permanent(fmt.Errorf("%s needs providers.%s in the configuration", u.Spec().Name, u.provider))
}

// Do implements orchestrator.Action.
func (u unconfigured) Do(context.Context, orchestrator.Call) (orchestrator.Output, error) {
	return orchestrator.Output{}, u.err()
}

// Verify implements orchestrator.Action.
func (u unconfigured) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{}, u.err()
}

// Plan implements orchestrator.Action.
func (u unconfigured) Plan(context.Context, orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{}, u.err()
}

// noBlobs is the blob store of a client that is never used.
type noBlobs struct{}

func (noBlobs) PutBlob(context.Context, []byte) (string, error) { return "", errors.ErrUnsupported }

func (noBlobs) Blob(context.Context, string) ([]byte, error) { return nil, errors.ErrUnsupported }
