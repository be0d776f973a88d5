package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/stripe"
	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/orchestrator"
)

// How often the payment providers are asked when the configuration says nothing.
const (
	stripeEvery = 30 * time.Second
	tossEvery   = time.Minute
)

// addPayments adds the polls that find webhooks which did not arrive, and who is
// asked before a webhook of Toss counts.
func (s *actionSet) addPayments(cfg *configs.Config, memory orchestrator.Memory, blobs *bus.Bus, logger *slog.Logger) error {
	if c := cfg.Providers.Stripe; c != nil {
		client, err := stripeClient(c, logger)
		if err != nil {
			return err
		}
		w := stripe.Watch{
			Project: c.Project, Environment: c.Environment, Component: c.Component, Endpoints: c.Endpoints,
			Grace: time.Duration(c.Grace), LookBack: time.Duration(c.LookBack), Memory: memory,
		}
		s.sources = append(s.sources, &polled{name: "stripe", every: cmp.Or(time.Duration(c.Poll), stripeEvery), poll: func(ctx context.Context) ([]orchestrator.Record, error) {
			return client.Poll(ctx, w)
		}})
	}
	if c := cfg.Providers.Toss; c != nil {
		client, err := tossClient(c, logger)
		if err != nil {
			return err
		}
		s.confirm = map[string]func(context.Context, gateway.Delivery, gateway.Decoded) gateway.Decoded{"toss": gateway.ConfirmToss(client)}
		if err := s.addReconcile(cfg, client, blobs); err != nil {
			return err
		}
		if cfg.Hooks.Toss == nil {
			return nil // nothing can arrive, so nothing can be missed
		}
		w := toss.Watch{
			Project: c.Project, Environment: c.Environment, Component: c.Component,
			Grace: time.Duration(c.Grace), LookBack: time.Duration(c.LookBack), Memory: memory,
		}
		s.sources = append(s.sources, &polled{name: "toss", every: cmp.Or(time.Duration(c.Poll), tossEvery), poll: func(ctx context.Context) ([]orchestrator.Record, error) {
			return client.Poll(ctx, w)
		}})
	}
	return nil
}

// addReconcile adds the comparison of the shop's open payments with those at Toss.
func (s *actionSet) addReconcile(cfg *configs.Config, client *toss.Client, blobs *bus.Bus) error {
	c := cfg.Providers.Toss
	if c.Pending == "" {
		return nil
	}
	w, err := window(cfg, c.Project, c.Environment, c.Pending)
	if err != nil {
		return fmt.Errorf("providers.toss.pending: %w", err)
	}
	r := &toss.Reconcile{Client: client, Ask: w, Blobs: blobs, Project: c.Project, Environment: c.Environment}
	s.all[r.Spec().Name] = r
	return nil
}

func stripeClient(c *configs.Stripe, logger *slog.Logger) (*stripe.Client, error) {
	return stripe.New(stripe.Options{BaseURL: c.BaseURL, Key: c.Key.Reveal(), AllowPrivate: prefixes(c.AllowPrivate), Logger: logger})
}

func tossClient(c *configs.Toss, logger *slog.Logger) (*toss.Client, error) {
	return toss.New(toss.Options{BaseURL: c.BaseURL, Key: c.Key.Reveal(), AllowPrivate: prefixes(c.AllowPrivate), Logger: logger})
}

// speaksFor is the project that a source's hook speaks for, by its provider; empty
// leaves it to the match rules.
func speaksFor(cfg *configs.Config, source string) string {
	switch p := cfg.Providers; {
	case source == "stripe" && p.Stripe != nil:
		return p.Stripe.Project
	case source == "toss" && p.Toss != nil:
		return p.Toss.Project
	}
	return ""
}

// polled is a source that is asked in its own time.
type polled struct {
	name  string
	every time.Duration
	poll  func(context.Context) ([]orchestrator.Record, error)
}

// Name implements orchestrator.Source.
func (p *polled) Name() string { return p.name }

// Every implements orchestrator.Paced.
func (p *polled) Every() time.Duration { return p.every }

// Poll implements orchestrator.Source.
func (p *polled) Poll(ctx context.Context) ([]orchestrator.Record, error) { return p.poll(ctx) }

// memory answers from the folded state. The engine is there before it polls.
type memory struct{ app *app }

// Seen implements orchestrator.Memory.
func (m *memory) Seen(ctx context.Context, origin string, ids []string) ([]int64, error) {
	out := make([]int64, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	now := time.Now().UnixMilli()
	err := m.app.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		for i, id := range ids {
			if v, ok := s.Seen(origin, id, now); ok {
				out[i] = v.At
			}
		}
		return nil
	})
	return out, err
}

// Standing implements orchestrator.Memory.
func (m *memory) Standing(ctx context.Context, want orchestrator.Standing) (out []string, err error) {
	err = m.app.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		out = s.Standing(want)
		return nil
	})
	return out, err
}

// checkWait bounds one look of the doctor at a provider.
const checkWait = 10 * time.Second

// payments looks whether the keys of the payment providers work.
func (u *checkup) payments(ctx context.Context, cfg *configs.Config) {
	quiet := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	if c := cfg.Providers.Stripe; c != nil && cfg.Resolve() == nil {
		client, err := stripeClient(c, quiet)
		if err == nil {
			err = client.Check(ctx)
		}
		switch {
		case err != nil:
			u.found(foundFix, "stripe: %v", err)
		case client.Restricted():
			u.found(foundOK, "stripe: the key works and is a restricted one; Stripe does not tell what else it may do")
		default:
			u.found(foundLook, "stripe: the key works, and it may do everything: make a restricted key that only reads Events and Webhook Endpoints")
		}
	}
	if c := cfg.Providers.Toss; c != nil && cfg.Resolve() == nil {
		client, err := tossClient(c, quiet)
		if err == nil {
			err = client.Check(ctx, time.Now())
		}
		if err != nil {
			u.found(foundFix, "toss: %v", err)
			return
		}
		u.found(foundLook, "toss: the key works, and it may do everything: Toss has no key that only reads, so keep it where few can read it")
	}
}
