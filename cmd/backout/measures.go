package main

import (
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/prometheus"
	"github.com/aimarketplace/backout/handlers/sentry"
	"github.com/aimarketplace/backout/workflows"
)

// addMeasures adds the reads that only watches and gates ask for.
func (s *actionSet) addMeasures(cfg *configs.Config, logger *slog.Logger) error {
	if p := cfg.Providers.Prometheus; p != nil {
		q, err := prometheus.New(prometheus.Options{
			URL: p.URL, Token: p.Token.Reveal(), User: p.User, Password: p.Password.Reveal(), AllowPrivate: prefixes(p.AllowPrivate), Logger: logger,
		})
		if err != nil {
			return err
		}
		maps.Copy(s.all, q.Actions())
	}
	if c := cfg.Providers.Sentry; c != nil {
		q, err := sentry.New(sentry.Options{
			BaseURL: c.BaseURL, Token: c.Token.Reveal(), Org: c.Org, Project: c.Project, AllowPrivate: prefixes(c.AllowPrivate), Logger: logger,
		})
		if err != nil {
			return err
		}
		maps.Copy(s.all, q.Actions())
	}
	return nil
}

// checkExpressions checks what stands in the configuration as CEL, and warns of actions
// that do not exist.
func checkExpressions(cfg *configs.Config) error {
	specs, err := actionSpecs()
	if err != nil {
		return err
	}
	cfg.WarnOfActions(slices.Sorted(maps.Keys(specs)))
	return errors.Join(cfg.CheckThresholds(workflows.CheckThreshold), cfg.CheckPasses(workflows.CheckPass))
}
