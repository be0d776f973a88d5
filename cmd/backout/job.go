package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/prisma"
)

func jobCommand() *cobra.Command {
	return &cobra.Command{
		Use: "job DIR", Short: "Run long local work to its end, with or without Backout; Backout calls it", Args: exactly(1), Hidden: true,
		Long: `Run the job that DIR/spec.json describes: start it once, keep its output and how it
ended in DIR, and end it at its deadline. Backout starts this by itself for work that
takes longer than a call, such as a migration, and finds it again after a restart. A
job that was started before is refused.`,
		Example: "  cat backout-data/jobs/*/ended.json    # how jobs ended",
		RunE: func(c *cobra.Command, args []string) error {
			return job.Supervise(c.Context(), args[0], gateway.Redact)
		},
	}
}

// jobRunner starts this binary again for each job.
func jobRunner(cfg *configs.Config) (*job.Runner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding Backout's own binary, which runs its jobs: %w", err)
	}
	root, err := filepath.Abs(filepath.Join(cfg.Instance.Data, "jobs"))
	if err != nil {
		return nil, fmt.Errorf("finding the folder of jobs: %w", err)
	}
	return &job.Runner{Root: root, Command: []string{self, "job"}}, nil
}

// addPrisma adds the actions of the environments that Prisma migrates; elsewhere they
// say that it is not configured.
func (s *actionSet) addPrisma(cfg *configs.Config) error {
	jobs, err := jobRunner(cfg)
	if err != nil {
		return err
	}
	o := prisma.Options{Jobs: jobs, Path: os.Getenv("PATH")}
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Environments {
			e := &cfg.Projects[i].Environments[j]
			if e.Database.Prisma != nil {
				o.Targets = append(o.Targets, prismaTarget(cfg.Projects[i].ID, e))
			}
		}
	}
	c, err := prisma.New(o)
	if err != nil {
		return err
	}
	maps.Copy(s.all, c.Actions())
	return nil
}

func prismaTarget(project string, e *configs.Environment) prisma.Target {
	p := e.Database.Prisma
	t := prisma.Target{
		Project: project, Environment: e.ID, Folder: p.Folder, CLI: p.CLI, Schema: p.Schema, Migrations: p.Migrations,
		URL: prismaURL(&e.Database), URLName: p.URLName, Timeout: time.Duration(p.Timeout.Milliseconds()) * time.Millisecond,
		Kind: e.Kind, AllowDataLoss: e.Database.AllowDataLoss,
		Env: map[string]string{}, AllowPrivate: prefixes(e.Database.AllowPrivate),
	}
	for _, name := range p.Env {
		if value, ok := os.LookupEnv(name); ok {
			t.Env[name] = value
		}
	}
	return t
}

// prismaURL is the connection that migrates: Prisma's own, else the direct one.
func prismaURL(d *configs.Database) string {
	if d.Prisma.URL.IsSet() {
		return d.Prisma.URL.Reveal()
	}
	return d.DirectURL.Reveal()
}
