package main

import (
	"context"
	"errors"
	"maps"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/orchestrator"
)

// addAccess adds the actions that make a database read-only for the application, and
// writable again; where no roles are named they say so.
func (s *actionSet) addAccess(cfg *configs.Config) error {
	var all []access.Target
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Environments {
			e := &cfg.Projects[i].Environments[j]
			if len(e.Database.AppRoles) == 0 {
				continue
			}
			all = append(all, access.Target{
				Project: cfg.Projects[i].ID, Environment: e.ID, URL: e.Database.Direct().Reveal(), Roles: e.Database.AppRoles,
				AllowPrivate: prefixes(e.Database.AllowPrivate),
			})
		}
	}
	c, err := access.New(all)
	if err != nil {
		return err
	}
	maps.Copy(s.all, c.Actions())
	if _, ok := s.all[orchestrator.SnapshotAction]; !ok {
		s.all[orchestrator.SnapshotAction] = noSnapshots{}
	}
	return nil
}

// noSnapshots stands where no copies are taken.
type noSnapshots struct{}

var errNoSnapshots = errors.New("no copies are taken here: take one by hand and prove it by a restore")

// Spec implements orchestrator.Action.
func (noSnapshots) Spec() orchestrator.Spec {
	return orchestrator.Spec{Name: orchestrator.SnapshotAction, Safety: orchestrator.Repeatable, CallTimeout: 25_000, Inputs: []string{"verify?"}}
}

// Do implements orchestrator.Action.
func (noSnapshots) Do(context.Context, orchestrator.Call) (orchestrator.Output, error) {
	return orchestrator.Output{}, orchestrator.Permanent(errNoSnapshots)
}

// Verify implements orchestrator.Action.
func (noSnapshots) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{}, orchestrator.Permanent(errNoSnapshots)
}

// Plan implements orchestrator.Action.
func (noSnapshots) Plan(context.Context, orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{}, orchestrator.Permanent(errNoSnapshots)
}
