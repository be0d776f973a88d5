package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

func deploymentsCommand() *cobra.Command {
	var f clientFlags
	var env string
	c := &cobra.Command{
		Use: "deployments PROJECT", Short: "The ledger: what was built, what served, what may be gone back to", Args: exactly(1),
		Long: `The ledger, newest first: when each was built, when it served (each domain by itself under
-o json), its grade (proven: passed its watch; served: long enough without an incident;
unknown; bad: must not be gone back to), the migrations in its commit, and which variables
and crons are different since. It is read from the provider as well as from events, so a
webhook that was lost does not matter.`,
		Example: "  backout deployments shop\n  backout deployments shop -o json",
		RunE: func(c *cobra.Command, args []string) error {
			var list []orchestrator.LedgerLine
			if err := f.client().get(c.Context(), "/api/v1/deployments", url.Values{"project": {args[0]}, "environment": {env}}, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				var b strings.Builder
				for i := range list {
					printDeployment(&b, &list[i])
				}
				_, err := io.WriteString(c.OutOrStdout(), b.String())
				return err
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&env, "environment", "", "default: production")
	return c
}

func printDeployment(b *strings.Builder, d *orchestrator.LedgerLine) {
	fmt.Fprintf(b, "%-20s %-8s built %s  %-8s %s\n", d.ID, d.Commit[:min(7, len(d.Commit))], utc(d.At), d.Grade, standing(d))
	for _, s := range d.Served {
		fmt.Fprintf(b, "    served %s to %s%s\n", utc(s.From), until(s.To), onDomains(d, s))
	}
	if m := d.Migrations; m != nil && m.All > 0 {
		fmt.Fprintf(b, "    %s, newest %s\n", counted(m.All, "migration"), m.Names[len(m.Names)-1])
	}
	var since []string
	if len(d.VariablesSince) > 0 {
		since = append(since, "variables "+strings.Join(d.VariablesSince, ", "))
	}
	if len(d.CronsSince) > 0 {
		since = append(since, "crons "+strings.Join(d.CronsSince, ", "))
	}
	if len(since) > 0 {
		fmt.Fprintf(b, "    different since: %s\n", strings.Join(since, "; "))
	}
}

// standing says whether the provider would go back to it.
func standing(d *orchestrator.LedgerLine) string {
	switch {
	case d.Bad != "":
		return "known bad: " + d.Bad
	case d.Gone:
		return "deleted at the provider"
	case !d.Ready:
		return "not ready"
	case d.Candidate:
		return "candidate"
	}
	return "not offered for a rollback"
}

func until(ms int64) string {
	if ms == 0 {
		return "now"
	}
	return utc(ms)
}

// onDomains names the domains that were served for only a part of a time.
func onDomains(d *orchestrator.LedgerLine, s orchestrator.Span) string {
	var parts []string
	for _, x := range d.Domains {
		if x.From >= s.From && (s.To == 0 || x.From < s.To) && x.Span != s {
			parts = append(parts, x.Host+" "+utc(x.From)+" to "+until(x.To))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
