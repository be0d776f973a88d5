package main

import (
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/handlers/sendgrid"
)

// window prepares a query over the window of an incident.
func window(cfg *configs.Config, project, env, sql string) (*postgres.Window, error) {
	e := cfg.Environment(project, env)
	if e == nil {
		return nil, fmt.Errorf("there is no environment %s/%s", project, env)
	}
	return postgres.NewWindow(postgres.Database{
		Project: project, Environment: e.ID, URL: e.Database.EvidenceURL.Reveal(), AllowPrivate: prefixes(e.Database.AllowPrivate),
	}, sql)
}

// askers are the audiences that a database is asked for, by their ids.
func askers(cfg *configs.Config) (map[string]sendgrid.Asker, error) {
	all := map[string]sendgrid.Asker{}
	for _, a := range cfg.Audiences {
		if a.SQL == "" {
			continue
		}
		project, env, _ := strings.Cut(a.DB, "/")
		w, err := window(cfg, project, env, a.SQL)
		if err != nil {
			return nil, fmt.Errorf("audience %s: %w", a.ID, err)
		}
		all[a.ID] = w
	}
	return all, nil
}
