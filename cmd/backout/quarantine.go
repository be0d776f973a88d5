package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// replayPage is how many lines one request hands in again.
const replayPage = 50

func quarantineCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "quarantine", Short: "What arrived and could not be understood, or that no project claims", Example: "  backout quarantine list"}
	f.add(c)
	c.AddCommand(quarantineList(&f), quarantineShow(&f), quarantineReplay(&f))
	return c
}

func quarantineList(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the quarantine with reasons", Args: exactly(0), Example: "  backout quarantine list -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []orchestrator.Quarantined
			if err := f.client().get(c.Context(), "/api/v1/quarantine", nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "The quarantine is empty.")
				}
				for i := range list {
					q := &list[i]
					fmt.Fprintf(c.OutOrStdout(), "%s  %s  %s\n    %s\n", q.Name(), q.Origin, q.Reason, q.Excerpt)
					printReplayed(c.OutOrStdout(), q)
				}
				return nil
			})
		},
	}
}

// printReplayed says whether a line was handed in again, and by which entry: who
// redacts the one must redact the other too.
func printReplayed(w io.Writer, q *orchestrator.Quarantined) {
	if r := q.Replayed; r != nil {
		fmt.Fprintf(w, "    replayed by %s at %s as entry %d: %s\n", r.By, utc(r.At), r.Seq, r.Why)
		return
	}
	if r := q.Tried; r != nil {
		fmt.Fprintf(w, "    tried again by %s at %s, still %s\n", r.By, utc(r.At), r.Why)
	}
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

func quarantineShow(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show SEQ.INDEX", Short: "Show one line of quarantine with the body that is kept", Args: exactly(1), Example: "  backout quarantine show 214.0",
		RunE: func(c *cobra.Command, args []string) error {
			if err := lineName(args[0]); err != nil {
				return err
			}
			var item console.QuarantineItem
			if err := f.client().get(c.Context(), "/api/v1/quarantine/"+url.PathEscape(args[0]), nil, &item); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), item, func() error {
				printItem(c.OutOrStdout(), &item)
				return nil
			})
		},
	}
}

func printItem(w io.Writer, item *console.QuarantineItem) {
	fmt.Fprintf(w, "%s  from %s at %s\n    %s\n    %s\n", item.Name(), item.Origin, utc(item.At), item.Reason, item.Excerpt)
	printReplayed(w, &item.Quarantined)
	if ev := item.Event; ev != nil {
		fmt.Fprintf(w, "Event   id %s, type %s, source %s, name %q, severity %s\n", ev.ID, ev.Type, ev.Source, ev.Name, ev.Severity)
		fmt.Fprintf(w, "        labels %v\n", ev.Labels)
	}
	fmt.Fprintf(w, "Body    %s\n", item.Kept)
	if item.Body != "" {
		fmt.Fprintln(w, item.Body)
	}
}

// lineName refuses what is no SEQ.INDEX.
func lineName(name string) error {
	if _, _, ok := orchestrator.ParseQuarantineName(name); !ok {
		return usageError{fmt.Errorf("%q is no line of quarantine; say SEQ.INDEX as `backout quarantine list` shows it, such as 214.0", name)}
	}
	return nil
}

func quarantineReplay(f *clientFlags) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "replay SEQ.INDEX | --all", Short: "Hand in again what is in quarantine, once it can be understood",
		Long: `Hand in again what is in quarantine, after a match rule or a project was added or
a newer version reads more. An event that no project claimed comes again as it
was read, alone even when it came in a batch; a body that could not be read goes
through the decoder of its origin. Each counts once, under the time it first had:
what is old by then starts nothing automatic. Exit code 1 when one stays behind.

Needs an admin token, or that of a person with the role on-call or devops-lead.`,
		Example: "  backout quarantine replay 214.0\n  backout quarantine replay --all",
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) == 1) || len(args) > 1 {
				return usageError{errors.New("say one SEQ.INDEX, or --all; see `backout quarantine replay --help`")}
			}
			cl := f.client()
			if all {
				return replayed(c, f, func() ([]console.ReplayOutcome, error) { return replayAll(c.Context(), cl) })
			}
			if err := lineName(args[0]); err != nil {
				return err
			}
			return replayed(c, f, func() ([]console.ReplayOutcome, error) { return replay(c.Context(), cl, args) })
		},
	}
	c.Flags().BoolVar(&all, "all", false, "everything that was not replayed yet, oldest first")
	return c
}

// replayed prints what became of each; the exit code is 1 when one stays behind.
func replayed(c *cobra.Command, f *clientFlags, run func() ([]console.ReplayOutcome, error)) error {
	list, err := run()
	if err != nil && len(list) == 0 {
		return err
	}
	left := 0
	for i := range list {
		if !list[i].OK {
			left++
		}
	}
	shown := f.show(c.OutOrStdout(), list, func() error {
		for _, r := range list {
			mark := "done "
			if !r.OK {
				mark = "left "
			}
			fmt.Fprintf(c.OutOrStdout(), "%s%s  %s\n", mark, r.Item, strings.TrimSpace(r.Incident+"  "+r.Text))
		}
		if len(list) == 0 && err == nil {
			fmt.Fprintln(c.OutOrStdout(), "Nothing in quarantine waits to be replayed.")
		}
		return nil
	})
	if err == nil && shown == nil && left > 0 {
		return fmt.Errorf("%d of %d not replayed", left, len(list))
	}
	return errors.Join(err, shown)
}

func replay(ctx context.Context, cl *client, items []string) (out []console.ReplayOutcome, err error) {
	err = cl.post(ctx, "/api/v1/quarantine/replay", map[string][]string{"items": items}, &out)
	return out, err
}

// replayAll goes through what waits, page by page. What becomes of those before an
// error is returned with it.
func replayAll(ctx context.Context, cl *client) ([]console.ReplayOutcome, error) {
	out := []console.ReplayOutcome{}
	from := ""
	for {
		var list []orchestrator.Quarantined
		query := url.Values{"waiting": {"true"}, "limit": {strconv.Itoa(replayPage)}, "from": {from}}
		if err := cl.get(ctx, "/api/v1/quarantine", query, &list); err != nil || len(list) == 0 {
			return out, err
		}
		names := make([]string, len(list))
		for i := range list {
			names[i] = list[i].Name()
		}
		page, err := replay(ctx, cl, names)
		if out = append(out, page...); err != nil {
			return out, err
		}
		last := list[len(list)-1]
		from = orchestrator.QuarantineName(last.Seq, last.Index+1)
	}
}
