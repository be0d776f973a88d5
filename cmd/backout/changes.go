package main

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

func changesCommand() *cobra.Command {
	var f clientFlags
	var env string
	var since time.Duration
	c := &cobra.Command{
		Use: "changes PROJECT", Short: "What changed lately: deployments, migrations, flags, grants, whatever was told", Args: exactly(1),
		Long: `What changed lately, newest first: the deployments that took over, and every change that
was told with ` + "`backout emit deploy PROJECT changed`" + ` or as an event backout.deploy.changed.`,
		Example: "  backout changes shop --since 48h",
		RunE: func(c *cobra.Command, args []string) error {
			var list []orchestrator.Change
			query := url.Values{"project": {args[0]}, "environment": {env}, "since": {since.String()}}
			if err := f.client().get(c.Context(), "/api/v1/changes", query, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintf(c.OutOrStdout(), "Nothing is known to have changed in the last %s.\n", since)
				}
				printChanges(c.OutOrStdout(), "", list)
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&env, "environment", "", "default: production")
	c.Flags().DurationVar(&since, "since", 7*24*time.Hour, "how far back, such as 48h; they are kept for 30 days")
	return c
}

func printChanges(w io.Writer, indent string, list []orchestrator.Change) {
	for _, ch := range list {
		by := ""
		if ch.By != "" {
			by = "  by " + ch.By
		}
		fmt.Fprintf(w, "%s%s  %-12s %s%s\n", indent, utc(ch.At), ch.Kind, ch.Title, by)
	}
}

func upstreamsCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "upstreams", Short: "What the status pages of the providers say", Args: exactly(0), Example: "  backout upstreams",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []console.Upstream
			if err := f.client().get(c.Context(), "/api/v1/upstreams", nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "No upstreams are configured.")
				}
				for i := range list {
					fmt.Fprintf(c.OutOrStdout(), "%-12s %s\n", list[i].ID, list[i].Says)
				}
				return nil
			})
		},
	}
	f.add(c)
	return c
}

// printKnown tells what is known of an incident beside its steps.
func printKnown(w io.Writer, i *console.Incident) {
	for _, p := range i.Also {
		fmt.Fprintf(w, "Also %s/%s\n", p.Project, p.Environment)
	}
	if i.Upstream != "" {
		fmt.Fprintf(w, "Behind upstream %s, which its projects depend on\n", i.Upstream)
	}
	if i.Times > 0 {
		fmt.Fprintf(w, "It came back: %d times\n", i.Times)
	}
	if i.Overflow > 0 {
		fmt.Fprintf(w, "Past the budget of its senders, or past the 2,000 signals that are kept, and only counted: %d\n", i.Overflow)
	}
	if !i.SnoozedUntil.IsZero() {
		fmt.Fprintf(w, "Snoozed until %s, unless it gets worse\n", i.SnoozedUntil.Format("15:04:05 UTC"))
	}
	if !i.ConfirmUntil.IsZero() {
		fmt.Fprintf(w, "Nobody is woken before a second source tells of it, or %s; then %s begins\n", i.ConfirmUntil.Format("15:04:05 UTC"), i.Pending)
	}
	for _, o := range i.SwitchedOff {
		fmt.Fprintf(w, "Switched off by this incident: %s, since %s; `flag on %s %s` switches it on again\n", o.Component, time.UnixMilli(o.At).UTC().Format("15:04:05 UTC"), i.ID, o.Component)
	}
	if i.Offer != "" {
		fmt.Fprintf(w, "Containment: %s\n", i.Offer)
	}
	if len(i.Evidence) > 0 {
		fmt.Fprintf(w, "Evidence, `backout incident evidence %s NAME` prints it: %s\n", i.ID, evidenceNames(i.Evidence))
	}
	if len(i.Changes) > 0 {
		fmt.Fprintln(w, "Changes, since a day before it began:")
		printChanges(w, "  ", i.Changes)
	}
}
