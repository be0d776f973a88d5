package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

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
	// Fix is what a person can do, where the text does not say it already.
	Fix string `json:"fix,omitempty"`
}

// checkup is what `doctor -o json` prints.
type checkup struct {
	Checks []check `json:"checks"`
	ToFix  int     `json:"to_fix"`
}

func (u *checkup) found(level, what string, args ...any) {
	u.fix(level, "", what, args...)
}

// fix is found with what to do about it.
func (u *checkup) fix(level, todo, what string, args ...any) {
	u.Checks = append(u.Checks, check{level, fmt.Sprintf(what, args...), todo})
	if level == foundFix {
		u.ToFix++
	}
}

func doctorCommand() *cobra.Command {
	var f serveFlags
	var cf clientFlags
	var page string
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what would fail at 3 a.m.", Args: exactly(0), Example: "  backout doctor --config backout.yaml\n  backout doctor --page ann",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := configs.Load(f.config, os.LookupEnv)
			if err != nil {
				return err
			}
			var u checkup
			u.found(foundOK, "%s can be read", f.config)
			u.examine(c.Context(), cfg)
			if page != "" {
				if err := u.testPage(c.Context(), cfg, page); err != nil {
					return err
				}
			}
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
	c.Flags().StringVar(&page, "page", "", "really page this person, to see that it arrives")
	return c
}

// examine looks at everything but a Backout that runs.
func (u *checkup) examine(ctx context.Context, cfg *configs.Config) {
	u.configuration(cfg)
	u.hooks(cfg)
	u.providers(ctx, cfg)
	u.payments(ctx, cfg)
	u.copies(ctx, cfg)
	u.pages(cfg)
}

// print writes one line for each check.
func (u *checkup) print(w io.Writer) error {
	marks := map[string]string{foundOK: "ok   ", foundLook: "look ", foundFix: "FIX  "}
	for _, ch := range u.Checks {
		line := marks[ch.Level] + ch.Text
		if ch.Fix != "" {
			line += "; " + ch.Fix
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
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
	if err := checkExpressions(cfg); err != nil {
		u.found(foundFix, "%v", err)
	}
	for _, warning := range cfg.Warnings {
		u.found(foundFix, "%s", warning.String())
	}
	u.lint(lintProblems(cfg))
}

// oneAway is how many approvals may fail for the same absence before they are one
// line: thirty would hide the rest.
const oneAway = 3

// lint says what is wrong with playbooks and rules, and of approvals that fail with
// the same people away only how many there are.
func (u *checkup) lint(problems []workflows.Problem) {
	absence := func(p workflows.Problem) string {
		_, who, _ := strings.Cut(p.String(), ": it fails when ")
		return who
	}
	same, said := map[string]int{}, map[string]bool{}
	for _, p := range problems {
		same[absence(p)]++
	}
	for _, p := range problems {
		level, who := foundLook, absence(p)
		if p.Level == workflows.Error {
			level = foundFix
		}
		switch {
		case who == "" || same[who] < oneAway:
			u.found(level, "%s", p.String())
		case !said[who]:
			said[who] = true
			away, todo, _ := strings.Cut(who, "; ")
			u.fix(level, todo, "%d approvals and questions of the playbooks fail when %s (`backout plan lint --config` names them)", same[who], away)
		}
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
	if why := notes["paused"]; why != "" {
		u.found(foundFix, "everything is paused %s; no effect begins until somebody says `backout unpause`", why)
	}
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
