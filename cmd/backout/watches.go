package main

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

func watchesCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "watches [PROJECT]", Short: "What is watched after promotions, and how it ended", Args: atMostOne,
		Long: `What is watched after promotions, newest first. A watch goes on (watching), or it ended:
pass, fail, no data (its measure works and had nothing to say), error (its measure did
not work), superseded by a newer promotion, or abandoned because of a rollback. A
deployment that passed every watch up to known_good.watch is proven.`,
		Example: "  backout watches shop\n  backout watches -o json",
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{}
			if len(args) > 0 {
				query.Set("project", args[0])
			}
			var list []console.Promotion
			if err := f.client().get(c.Context(), "/api/v1/watches/promotions", query, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "Nothing was promoted since promotions are watched.")
				}
				for i := range list {
					printWatch(c.OutOrStdout(), &list[i])
				}
				return nil
			})
		},
	}
	f.add(c)
	return c
}

func printWatch(w io.Writer, p *console.Promotion) {
	grade := ""
	if p.Proven {
		grade = " (proven)"
	}
	fmt.Fprintf(w, "%s  %s/%s  %s%s  %s: %s\n", utc(p.Started), p.Project, p.Environment, p.Deployment, grade, p.Spec.ID, p.State)
	said := p.Why
	if p.State == orchestrator.WatchRunning {
		said = fmt.Sprintf("until %s, %d in a row: %s", utc(p.Until), p.Row, orNone(p.Result))
		if p.Text != "" {
			said += " (" + p.Text + ")"
		}
	}
	fmt.Fprintf(w, "    %s; of %s every %s: %d pass, %d fail, %d no data, %d error\n", said,
		time.Duration(p.Spec.For)*time.Millisecond, time.Duration(p.Spec.Every)*time.Millisecond, p.Passes, p.Fails, p.NoData, p.Errors)
	if p.Firing {
		fmt.Fprintf(w, "    its signal fires since %s\n", utc(p.Began))
	}
}

func orNone(result string) string {
	if result == "" {
		return "nothing was measured yet"
	}
	return result
}

// newestWatches are the watches that are measured, and of each the one that was started
// last; no two of one deployment are in the same state.
func newestWatches(s *orchestrator.State) []orchestrator.DeployWatch {
	last, told := map[string]bool{}, map[string]bool{}
	var out []orchestrator.DeployWatch
	for _, w := range slices.Backward(s.DeployWatches("", "")) {
		name := w.Project + "/" + w.Environment + "/" + w.Spec.ID
		is := name + "/" + w.Deployment + "/" + w.State
		if (w.Active() || !last[name]) && !told[is] {
			out = append(out, w)
		}
		last[name], told[is] = true, true
	}
	return out
}

func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("%s takes at most one argument, got %d; see `%s --help`", c.CommandPath(), len(args), c.CommandPath())}
	}
	return nil
}
