package main

import (
	"log/slog"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator"
)

// addPolled adds what Backout asks by itself, besides what serves: each is a source of
// its own, so that none waits for another.
func (s *actionSet) addPolled(cfg *configs.Config, doc *orchestrator.Config, logger *slog.Logger) error {
	s.watchProbes(doc)
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
