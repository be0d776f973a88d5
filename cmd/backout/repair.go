package main

import (
	"maps"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/postgres/repair"
)

func repairCommand() *cobra.Command {
	return &cobra.Command{
		Use: "repair REQUEST", Short: "Compare with a copy, stage or put back rows; a job of Backout calls it", Args: exactly(1), Hidden: true,
		Long: `Do what the request says, in the folder of the job that calls this, and leave
result.json there. Backout starts this by itself, once people have approved which rows
are put back.`,
		Example: "  cat backout-data/jobs/repair*/result.json    # how comparisons and repairs ended",
		RunE: func(c *cobra.Command, args []string) error {
			return repair.Run(c.Context(), args[0], nil)
		},
	}
}

// addRepair adds what compares a database with its copies and puts rows back.
func (s *actionSet) addRepair(cfg *configs.Config, keep keeper) error {
	jobs, err := jobRunner(cfg)
	if err != nil {
		return err
	}
	o := repair.Options{Jobs: jobs, Command: []string{jobs.Command[0], "repair"}, Path: os.Getenv("PATH"), Keep: repair.Keep(keep)}
	if o.Copies, err = copiesClient(cfg); err != nil {
		return err
	}
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Environments {
			e := &cfg.Projects[i].Environments[j]
			if !e.Database.Direct().IsSet() {
				continue
			}
			t := repair.Target{
				Project: cfg.Projects[i].ID, Environment: e.ID, URL: e.Database.Direct().Reveal(), AllowPrivate: prefixes(e.Database.AllowPrivate),
			}
			if snaps := e.Database.Snapshots; snaps != nil {
				t.Timeout = time.Duration(snaps.Timeout)
			}
			o.Targets = append(o.Targets, t)
		}
	}
	c, err := repair.New(o)
	if err != nil {
		return err
	}
	maps.Copy(s.all, c.Actions())
	return nil
}
