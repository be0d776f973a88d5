package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
)

func incidentCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "incident", Short: "Open, list, show and watch incidents", Example: "  backout incident list\n  backout incident show INC-1 -o json"}
	f.add(c)
	c.AddCommand(incidentList(&f), incidentShow(&f), incidentEvidence(&f), incidentTimeline(&f), incidentWatch(&f), incidentOpen(&f))
	return c
}

func incidentOpen(f *clientFlags) *cobra.Command {
	var severity, component, environment, since string
	c := &cobra.Command{
		Use: "open PROJECT TITLE", Short: "Open an incident by hand", Args: exactly(2),
		Example: "  backout incident open shop 'payouts are 100 times too small' --component payouts --since 02:00",
		RunE: func(c *cobra.Command, args []string) error {
			words := []string{"open", quote(args[0]), quote(args[1])}
			for name, v := range map[string]string{"severity": severity, "component": component, "environment": environment, "since": since} {
				if v != "" {
					words = append(words, "--"+name, quote(v))
				}
			}
			return f.sayAndShow(c, strings.Join(words, " "))
		},
	}
	c.Flags().StringVar(&severity, "severity", "", "critical (default), error or warning")
	c.Flags().StringVar(&component, "component", "", "what users would name as broken")
	c.Flags().StringVar(&environment, "environment", "", "default: production")
	c.Flags().StringVar(&since, "since", "", "when it began: 02:00 today (UTC), RFC 3339, or 40m ago as 40m")
	return c
}

func incidentList(f *clientFlags) *cobra.Command {
	var open bool
	c := &cobra.Command{
		Use: "list", Short: "List the newest incidents", Args: exactly(0), Example: "  backout incident list --open",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []console.Incident
			if err := f.client().get(c.Context(), "/api/v1/incidents", url.Values{"open": {strconv.FormatBool(open)}}, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					_, err := fmt.Fprintln(c.OutOrStdout(), "No incidents.")
					return err
				}
				for _, i := range list {
					fmt.Fprintf(c.OutOrStdout(), "%-8s %-10s %-8s %s/%s  %s\n", i.ID, i.State, i.Severity, i.Project, i.Environment, i.Title)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&open, "open", false, "only those that still need somebody")
	return c
}

func incidentShow(f *clientFlags) *cobra.Command {
	var raw bool
	c := &cobra.Command{
		Use: "show INC", Short: "Show an incident, its steps and what it waits on", Args: exactly(1), Example: "  backout incident show INC-1\n  backout incident show INC-1 --raw",
		RunE: func(c *cobra.Command, args []string) error {
			if raw {
				return f.showRaw(c, args[0])
			}
			var inc console.Incident
			if err := f.client().get(c.Context(), "/api/v1/incidents/"+url.PathEscape(args[0]), nil, &inc); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), inc, func() error { return printIncident(c.OutOrStdout(), &inc) })
		},
	}
	c.Flags().BoolVar(&raw, "raw", false, "print what its senders sent instead, secrets masked; kept for 30 days")
	return c
}

func incidentTimeline(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "timeline INC", Short: "Print an incident's timeline", Args: exactly(1), Example: "  backout incident timeline INC-1",
		RunE: func(c *cobra.Command, args []string) error {
			var lines []console.Line
			if err := f.client().get(c.Context(), "/api/v1/incidents/"+url.PathEscape(args[0])+"/timeline", nil, &lines); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), lines, func() error {
				for _, l := range lines {
					printLine(c.OutOrStdout(), l)
				}
				return nil
			})
		},
	}
}

// watchEvery is how often a watch looks.
const watchEvery = 500 * time.Millisecond

func incidentWatch(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "watch INC", Short: "Print the timeline as it grows, until the incident is closed", Args: exactly(1), Example: "  backout incident watch INC-1",
		RunE: func(c *cobra.Command, args []string) error {
			return follow(c.Context(), f.client(), args[0], func(l console.Line) { printLine(c.OutOrStdout(), l) })
		},
	}
}

// follow calls fn for every line of an incident until it is closed.
func follow(ctx context.Context, cl *client, id string, fn func(console.Line)) error {
	seen := 0
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var lines []console.Line
		var inc console.Incident
		path := "/api/v1/incidents/" + url.PathEscape(id)
		if err := cl.get(ctx, path, nil, &inc); err != nil {
			return err
		}
		if err := cl.get(ctx, path+"/timeline", url.Values{"from": {strconv.Itoa(seen)}}, &lines); err != nil {
			return err
		}
		for _, l := range lines {
			fn(l)
		}
		seen += len(lines)
		if inc.State == "closed" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func printLine(w io.Writer, l console.Line) {
	fmt.Fprintf(w, "%s  %-18s %s\n", l.At.Format("15:04:05"), l.Actor, lineBreaks().Replace(l.Text))
}

// lineBreaks keep a text from looking like two lines of a timeline.
func lineBreaks() *strings.Replacer { return strings.NewReplacer("\n", " ", "\r", " ") }

func printIncident(w io.Writer, i *console.Incident) error {
	fmt.Fprintf(w, "%s  %s  %s\n%s/%s", i.ID, i.State, i.Severity, i.Project, i.Environment)
	if i.Component != "" {
		fmt.Fprintf(w, "  component %s", i.Component)
	}
	fmt.Fprintf(w, "\n%s\n", i.Title)
	if i.Acknowledged != nil {
		fmt.Fprintf(w, "Acknowledged by %s until %s\n", i.Acknowledged.By, i.Acknowledged.Expires.Format("15:04:05 UTC"))
	}
	if i.Suspect != nil {
		fmt.Fprintf(w, "Suspect %s, score %d.%02d: %s\n", i.Suspect.DeploymentID, i.Suspect.Score/1000, i.Suspect.Score%1000/10, strings.Join(i.Suspect.Reasons, "; "))
	}
	fmt.Fprintf(w, "Clocks: %s\n", i.ClocksText)
	if i.Pinned != "" {
		fmt.Fprintf(w, "%s\n", i.Pinned)
	}
	if i.ReadOnly != "" {
		fmt.Fprintf(w, "Read-only: %s\n", i.ReadOnly)
	}
	printKnown(w, i)
	fmt.Fprintf(w, "\nPlaybook %s\n", cmp.Or(i.Playbook, "none yet"))
	printSteps(w, i)
	for _, one := range i.Waits {
		if one.Step == "" {
			fmt.Fprintf(w, "\nIt waits for %s, since %s\n", one.For, one.Since.Format("15:04:05 UTC"))
		}
	}
	return nil
}
