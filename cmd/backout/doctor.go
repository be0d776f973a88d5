package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/workflows"
)

func doctorCommand() *cobra.Command {
	var f serveFlags
	var cf clientFlags
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what would fail at 3 a.m.", Args: exactly(0), Example: "  backout doctor --config backout.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			w, bad := c.OutOrStdout(), 0
			finding := func(ok bool, what string, args ...any) {
				mark := "ok   "
				if !ok {
					mark = "FIX  "
					bad++
				}
				fmt.Fprintf(w, mark+what+"\n", args...)
			}
			cfg, err := configs.Load(f.config, os.LookupEnv)
			if err != nil {
				return err
			}
			finding(true, "%s can be read", f.config)
			if err := cfg.Resolve(); err != nil {
				finding(false, "secrets: %v", err)
			} else {
				finding(true, "all secrets are there")
			}
			for _, warning := range cfg.Warnings {
				finding(false, "%s", warning.String())
			}
			for _, p := range lintProblems(cfg) {
				if p.Level == workflows.Error {
					finding(false, "%s", p.String())
					continue
				}
				fmt.Fprintf(w, "look %s\n", p.String())
			}
			var notes map[string]string
			if err := cf.client().get(c.Context(), "/readyz", nil, &notes); err != nil {
				finding(false, "running: %v", err)
			} else {
				finding(true, "Backout at %s is ready; log: %s", cf.server, notes["sync"])
				finding(true, "the log takes %s", notes["log"])
			}
			if bad > 0 {
				return fmt.Errorf("%d thing(s) to fix", bad)
			}
			return nil
		},
	}
	cf.add(c)
	c.Flags().StringVar(&f.config, "config", "backout.yaml", "configuration file")
	return c
}

func lintProblems(cfg *configs.Config) []workflows.Problem {
	lib, err := loadLibrary("")
	if err != nil {
		return nil
	}
	specs, err := actionSpecs()
	if err != nil {
		return nil
	}
	doc, err := cfg.Document()
	if err != nil {
		return nil
	}
	return lib.Lint(workflows.LintOptions{Specs: specs, Config: &doc})
}
