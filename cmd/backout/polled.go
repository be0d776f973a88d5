package main

import (
	"log/slog"
	"maps"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

// addPolled adds what Backout asks by itself, besides what serves: each is a source of
// its own, so that none waits for another.
func (s *actionSet) addPolled(cfg *configs.Config, doc *orchestrator.Config, logger *slog.Logger) error {
	s.watchProbes(doc)
	return s.watchDatabases(cfg, doc)
}

// watchDatabases adds the queries, as sources and as a read for gates.
func (s *actionSet) watchDatabases(cfg *configs.Config, doc *orchestrator.Config) error {
	var all []postgres.Database
	for i, p := range doc.Projects {
		for j, e := range p.Environments {
			if len(e.Signals) == 0 {
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
	s.sources = append(s.sources, evidence.Sources()...)
	maps.Copy(s.all, evidence.Actions())
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
