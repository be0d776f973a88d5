package main

import (
	"maps"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres/access"
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
	return nil
}
