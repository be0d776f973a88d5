package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/workflows"
)

// The marks of what the doctor found.
const (
	foundOK   = "ok"
	foundLook = "look"
	foundFix  = "fix"
)

// check is one thing that the doctor looked at.
type check struct {
	// Level is ok, look (worth a look) or fix.
	Level string `json:"level"`
	Text  string `json:"text"`
}

// checkup is what `doctor -o json` prints.
type checkup struct {
	Checks []check `json:"checks"`
	ToFix  int     `json:"to_fix"`
}

func (u *checkup) found(level, what string, args ...any) {
	u.Checks = append(u.Checks, check{level, fmt.Sprintf(what, args...)})
	if level == foundFix {
		u.ToFix++
	}
}

func doctorCommand() *cobra.Command {
	var f serveFlags
	var cf clientFlags
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what would fail at 3 a.m.", Args: exactly(0), Example: "  backout doctor --config backout.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := configs.Load(f.config, os.LookupEnv)
			if err != nil {
				return err
			}
			var u checkup
			u.found(foundOK, "%s can be read", f.config)
			u.examine(c.Context(), cfg)
			u.running(c, &cf)
			if err := cf.show(c.OutOrStdout(), u, func() error { return u.print(c.OutOrStdout()) }); err != nil {
				return err
			}
			if u.ToFix > 0 {
				return fmt.Errorf("%d thing(s) to fix", u.ToFix)
			}
			return nil
		},
	}
	cf.add(c)
	c.Flags().StringVar(&f.config, "config", "backout.yaml", "configuration file")
	return c
}

// examine looks at everything but a Backout that runs.
func (u *checkup) examine(ctx context.Context, cfg *configs.Config) {
	u.configuration(cfg)
	u.hooks(cfg)
	u.payments(ctx, cfg)
}

// print writes one line for each check.
func (u *checkup) print(w io.Writer) error {
	marks := map[string]string{foundOK: "ok   ", foundLook: "look ", foundFix: "FIX  "}
	for _, ch := range u.Checks {
		if _, err := fmt.Fprintln(w, marks[ch.Level]+ch.Text); err != nil {
			return err
		}
	}
	return nil
}

// configuration looks at what is written down.
func (u *checkup) configuration(cfg *configs.Config) {
	if err := cfg.Resolve(); err != nil {
		u.found(foundFix, "secrets: %v", err)
	} else {
		u.found(foundOK, "all secrets are there")
	}
	if err := cfg.CheckThresholds(workflows.CheckThreshold); err != nil {
		u.found(foundFix, "%v", err)
	}
	for _, warning := range cfg.Warnings {
		u.found(foundFix, "%s", warning.String())
	}
	for _, p := range lintProblems(cfg) {
		level := foundLook
		if p.Level == workflows.Error {
			level = foundFix
		}
		u.found(level, "%s", p.String())
	}
}

// running asks the Backout that runs.
func (u *checkup) running(c *cobra.Command, cf *clientFlags) {
	var notes map[string]string
	if err := cf.client().get(c.Context(), "/readyz", nil, &notes); err != nil {
		u.found(foundFix, "running: %v", err)
		return
	}
	u.found(foundOK, "Backout at %s is ready; log: %s", cf.server, notes["sync"])
	u.found(foundOK, "the log takes %s", notes["log"])
	u.watching(c, cf)
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
