package main

import (
	"maps"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/copies"
)

func copyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "copy REQUEST", Short: "Take, prove or restore a copy of a database; a job of Backout calls it", Args: exactly(1), Hidden: true,
		Long: `Do what the request says, in the folder of the job that calls this, and leave
result.json there. Backout starts this by itself; a copy by hand is pg_dump's own
business.`,
		Example: "  cat backout-data/jobs/cop*/result.json    # how copies and restores ended",
		RunE: func(c *cobra.Command, args []string) error {
			return copies.Run(c.Context(), args[0], nil, access.Carry)
		},
	}
}

// addCopies adds the actions of the databases that may be changed, and the schedule of
// those that are copied; elsewhere they say that it is not configured.
func (s *actionSet) addCopies(cfg *configs.Config) error {
	c, err := copiesClient(cfg)
	if err != nil {
		return err
	}
	maps.Copy(s.all, c.Actions())
	s.sources = append(s.sources, c.Sources()...)
	return nil
}

func copiesClient(cfg *configs.Config) (*copies.Client, error) {
	jobs, err := jobRunner(cfg)
	if err != nil {
		return nil, err
	}
	o := copies.Options{Jobs: jobs, Command: []string{jobs.Command[0], "copy"}, Path: os.Getenv("PATH")}
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Environments {
			e := &cfg.Projects[i].Environments[j]
			if e.Database.Direct().IsSet() {
				o.Targets = append(o.Targets, copiesTarget(cfg.Projects[i].ID, e))
			}
		}
	}
	return copies.New(o)
}

func copiesTarget(project string, e *configs.Environment) copies.Target {
	d := &e.Database
	t := copies.Target{
		Project: project, Environment: e.ID, URL: d.Direct().Reveal(), ReadURL: d.EvidenceURL.Reveal(),
		AppRoles: d.AppRoles, AllowPrivate: prefixes(d.AllowPrivate),
	}
	for _, q := range d.Checks {
		t.Checks = append(t.Checks, copies.Query{ID: q.ID, SQL: q.SQL})
	}
	s := d.Snapshots
	if s == nil {
		return t
	}
	t.Folder, t.Bin, t.Jobs = s.Folder, s.Bin, s.Jobs
	t.Every, t.Keep, t.Timeout = time.Duration(s.Every), time.Duration(s.Keep), time.Duration(s.Timeout)
	for _, q := range s.Loss {
		t.Loss = append(t.Loss, copies.Query{ID: q.ID, SQL: q.SQL})
	}
	return t
}
