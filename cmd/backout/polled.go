package main

import (
	"log/slog"
	"maps"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/handlers/statuspage"
	"github.com/aimarketplace/backout/handlers/supabase"
	"github.com/aimarketplace/backout/orchestrator"
)

// addPolled adds what Backout asks by itself, besides what serves: each is a source of
// its own, so that none waits for another.
func (s *actionSet) addPolled(cfg *configs.Config, doc *orchestrator.Config, keep keeper, logger *slog.Logger) error {
	s.watchProbes(doc)
	s.addDigest(cfg)
	if err := s.watchDatabases(cfg, doc, keep); err != nil {
		return err
	}
	if err := s.addAccess(cfg); err != nil {
		return err
	}
	if err := s.addPrisma(cfg); err != nil {
		return err
	}
	if err := s.addCopies(cfg); err != nil {
		return err
	}
	if err := s.addRepair(cfg, keep); err != nil {
		return err
	}
	if err := s.addMeasures(cfg, logger); err != nil {
		return err
	}
	if err := s.watchUpstreams(cfg, logger); err != nil {
		return err
	}
	return s.watchSupabase(cfg, doc, logger)
}

// watchUpstreams adds the status pages.
func (s *actionSet) watchUpstreams(cfg *configs.Config, logger *slog.Logger) error {
	for _, u := range cfg.Upstreams {
		if u.Status == "none" {
			continue
		}
		page, err := statuspage.New(statuspage.Options{ID: u.ID, URL: u.Status, Every: time.Duration(u.Every), AllowPrivate: prefixes(u.AllowPrivate), Logger: logger})
		if err != nil {
			return err
		}
		s.sources = append(s.sources, page)
	}
	return nil
}

// watchSupabase adds the health of the environments' Supabase projects.
func (s *actionSet) watchSupabase(cfg *configs.Config, doc *orchestrator.Config, logger *slog.Logger) error {
	sb := cfg.Providers.Supabase
	if sb == nil {
		return nil
	}
	c, err := supabase.New(supabase.Options{
		BaseURL: sb.BaseURL, Token: sb.Token.Reveal(), Services: sb.Services, Every: time.Duration(sb.Poll), AllowPrivate: prefixes(sb.AllowPrivate), Logger: logger,
	})
	if err != nil {
		return err
	}
	var places []supabase.Place
	for _, p := range doc.Projects {
		for _, e := range p.Environments {
			if e.Supabase != "" {
				s.sources = append(s.sources, c.Health(p.ID, e.ID, e.Supabase))
				places = append(places, supabase.Place{Project: p.ID, Environment: e.ID, Ref: e.Supabase})
			}
		}
	}
	maps.Copy(s.all, c.Actions(places))
	return nil
}

// watchDatabases adds the queries, as sources and as a read for gates.
func (s *actionSet) watchDatabases(cfg *configs.Config, doc *orchestrator.Config, keep keeper) error {
	var all []postgres.Database
	for i, p := range doc.Projects {
		for j, e := range p.Environments {
			if !e.Evidence {
				continue
			}
			db := &cfg.Projects[i].Environments[j].Database
			all = append(all, postgres.Database{
				Project: p.ID, Environment: e.ID, URL: db.EvidenceURL.Reveal(), AllowPrivate: prefixes(db.AllowPrivate), Queries: e.Signals,
			})
		}
	}
	evidence, err := postgres.New(all)
	if err != nil {
		return err
	}
	schema, err := postgres.NewSchema(all)
	if err != nil {
		return err
	}
	s.sources = append(append(s.sources, evidence.Sources()...), schema.Sources()...)
	maps.Copy(s.all, evidence.Actions())
	inspect, err := postgres.NewInspect(all, postgres.Keeper(keep))
	if err != nil {
		return err
	}
	maps.Copy(s.all, inspect.Actions())
	s.all[orchestrator.SchemaAction], s.schema = schema, schema
	return nil
}

// watchProbes adds the control probes and the probes of every environment.
func (s *actionSet) watchProbes(doc *orchestrator.Config) {
	controls := s.probes.Controls(doc.ControlProbes)
	if controls != nil {
		s.sources = append(s.sources, controls)
	}
	for _, p := range doc.Projects {
		for _, e := range p.Environments {
			for _, pb := range e.Probes {
				s.sources = append(s.sources, s.probes.Watch(p.ID, e.ID, pb, controls))
			}
		}
	}
}
