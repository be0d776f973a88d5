package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
)

// A dry run and each of its reads end within these times.
const (
	dryRunWait  = 25 * time.Second
	dryReadWait = 10 * time.Second
)

// dryRun walks through a plan on a copy of the state. The actions are asked what they
// would do and reads are carried out; an effect cannot be reached from here.
func (a *app) dryRun(ctx context.Context, o orchestrator.DryOptions) (*orchestrator.DryReport, error) {
	ctx, cancel := context.WithTimeout(ctx, dryRunWait)
	defer cancel()
	var run *orchestrator.DryRun
	err := a.engine.Read(ctx, 0, func(s *orchestrator.State) (err error) {
		run, err = s.DryRun(workflows.NewEvaluator(), o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return run.Walk(ctx, time.Now().UnixMilli(), dryReads(a.actions.all))
}

// dryReads is all that a dry run may do with actions.
func dryReads(actions map[string]orchestrator.Action) orchestrator.DryReads {
	find := func(name string) (orchestrator.Action, error) {
		action, ok := actions[name]
		if !ok {
			return nil, fmt.Errorf("no handler is configured for %s; add its provider to the configuration", name)
		}
		return action, nil
	}
	return orchestrator.DryReads{
		Plan: func(ctx context.Context, name string, c orchestrator.Call) (orchestrator.Preview, error) {
			action, err := find(name)
			if err != nil {
				return orchestrator.Preview{}, err
			}
			ctx, cancel := context.WithTimeout(ctx, dryReadWait)
			defer cancel()
			return action.Plan(ctx, c)
		},
		Read: func(ctx context.Context, name string, c orchestrator.Call) (orchestrator.Output, error) {
			action, err := find(name)
			if err != nil {
				return orchestrator.Output{}, err
			}
			if action.Spec().Effect {
				return orchestrator.Output{}, errors.New(name + " changes something outside; a dry run does not call it")
			}
			ctx, cancel := context.WithTimeout(ctx, dryReadWait)
			defer cancel()
			return action.Do(ctx, c)
		},
	}
}

func planDryRun() *cobra.Command {
	var f clientFlags
	var project, env string
	c := &cobra.Command{
		Use: "dry-run PLAYBOOK|INC", Short: "Print every call a plan would make now, with its targets; nothing is done", Args: exactly(1),
		Long: `Walk through a playbook as if it had to start now, or through the rest of an incident's
plan. The running Backout carries out the reads and asks every action what it would do.
No effect is made and nobody is told; effects, gates and answers are assumed to go well.`,
		Example: "  backout plan dry-run rollback --project shop\n  backout plan dry-run INC-4 -o json",
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{"project": {project}, "environment": {env}, "playbook": {args[0]}}
			if strings.HasPrefix(strings.ToUpper(args[0]), "INC-") {
				query = url.Values{"incident": {args[0]}}
			} else if project == "" {
				return usageError{errors.New("a playbook runs on a project; name it with --project")}
			}
			var r orchestrator.DryReport
			if err := f.client().get(c.Context(), "/api/v1/dry-run", query, &r); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), r, func() error { return printDryRun(c.OutOrStdout(), &r) })
		},
	}
	f.add(c)
	c.Flags().StringVar(&project, "project", "", "the project, for a playbook")
	c.Flags().StringVar(&env, "env", "", "default: production")
	return c
}

func printDryRun(w io.Writer, r *orchestrator.DryReport) error {
	fmt.Fprintf(w, "Dry run of %s on %s/%s %s\nNothing was done. Reads are real; what is assumed did not happen.\n", r.Playbook, r.Project, r.Environment, r.Incident)
	for _, n := range r.Notes {
		fmt.Fprintf(w, "%s\n", n)
	}
	for _, s := range r.Steps {
		fmt.Fprintf(w, "\n%-8s %-7s %-16s %s\n", s.Becomes, s.Kind, s.ID, strings.TrimSpace(s.Title))
		if s.Becomes == "skipped" {
			fmt.Fprintf(w, "         %s\n", s.Found)
			continue
		}
		for _, line := range []struct{ what, text string }{
			{"calls", strings.TrimSpace(s.Action + " " + string(s.Inputs))}, {"would", s.Would}, {"decides", s.Decides}, {"found", s.Found}, {"by hand", s.Manual}, {"but", s.Error},
		} {
			if line.text != "" {
				fmt.Fprintf(w, "         %-8s %s\n", line.what, line.text)
			}
		}
	}
	return nil
}
