package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

func verdictCommand() *cobra.Command {
	var f clientFlags
	var env string
	c := &cobra.Command{
		Use: "verdict PROJECT", Short: "Can we go back, to what, and why", Args: exactly(1), Example: "  backout verdict shop",
		RunE: func(c *cobra.Command, args []string) error {
			var v struct {
				Serving, Commit string
				Since           time.Time
				Hold            *orchestrator.Hold
				orchestrator.Verdict
			}
			if err := f.client().get(c.Context(), "/api/v1/verdict", url.Values{"project": {args[0]}, "environment": {env}}, &v); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), v, func() error {
				w := c.OutOrStdout()
				fmt.Fprintf(w, "Serving   %s since %s\n", v.Serving, v.Since.Format("2006-01-02 15:04:05 UTC"))
				if v.Target.ID != "" {
					fmt.Fprintf(w, "Target    %s, %s, served %s\n", v.Target.ID, v.Target.Grade, time.Duration(v.Target.Served)*time.Millisecond)
				}
				if v.Hold != nil {
					fmt.Fprintf(w, "Hold      by %s: %s\n", v.Hold.By, v.Hold.Reason)
				}
				fmt.Fprintf(w, "Answer    %s: %s\n", strings.ToUpper(v.Answer), strings.Join(v.Reasons, "; "))
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&env, "environment", "", "default: production")
	return c
}

func deploymentsCommand() *cobra.Command {
	var f clientFlags
	var env string
	c := &cobra.Command{
		Use: "deployments PROJECT", Short: "The ledger: what was built, what served, what may be gone back to", Args: exactly(1), Example: "  backout deployments shop",
		RunE: func(c *cobra.Command, args []string) error {
			var list []orchestrator.Deployment
			if err := f.client().get(c.Context(), "/api/v1/deployments", url.Values{"project": {args[0]}, "environment": {env}}, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				for _, d := range list {
					note := ""
					if d.Bad != "" {
						note = "known bad: " + d.Bad
					} else if d.Proven {
						note = "proven: it passed its watch"
					} else if d.Candidate {
						note = "candidate"
					}
					fmt.Fprintf(c.OutOrStdout(), "%-20s %-10s %s  %s\n", d.ID, d.Commit, time.UnixMilli(d.At).UTC().Format("2006-01-02 15:04"), note)
				}
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&env, "environment", "", "default: production")
	return c
}

func whyCommand() *cobra.Command {
	var f clientFlags
	var origin string
	c := &cobra.Command{
		Use: "why EVENT|INC", Short: "Why an event did what it did, or an incident is where it is", Args: exactly(1),
		Example: "  backout why backout/emit/7f2d1c --origin nats/shop\n  backout why INC-1",
		RunE: func(c *cobra.Command, args []string) error {
			if orchestrator.ParseIncidentName(args[0]) > 0 && strings.HasPrefix(strings.ToUpper(args[0]), "INC-") {
				show := incidentShow(&f)
				show.SetContext(c.Context())
				show.SetOut(c.OutOrStdout())
				return show.RunE(show, args)
			}
			var lines []orchestrator.WhyLine
			if err := f.client().get(c.Context(), "/api/v1/why", url.Values{"origin": {origin}, "id": {args[0]}}, &lines); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), lines, func() error {
				for _, l := range lines {
					fmt.Fprintf(c.OutOrStdout(), "%s  %s %s: %s\n", time.UnixMilli(l.At).UTC().Format("2006-01-02 15:04:05"), l.Origin, l.ID, l.Why)
				}
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&origin, "origin", "", "where it came in, such as nats/shop or http/alertmanager; default: all")
	return c
}
