package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

// shadowCommand shows what Backout would have done, and takes what people say of it.
func shadowCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "shadow", Short: "What Backout would have done, and whether that was right",
		Example: "  backout shadow report\n  backout shadow wrong INC-4 back --reason 'the migration was running'",
	}
	c.AddCommand(shadowReport())
	for answer, about := range map[string]string{
		"right": "Say that what it would have done was right", "wrong": "Say that what it would have done was wrong", "unclear": "Say that nobody can tell whether it was right",
	} {
		c.AddCommand(shadowAnswer(answer, about))
	}
	return c
}

func shadowAnswer(answer, about string) *cobra.Command {
	var f clientFlags
	var reason string
	c := &cobra.Command{Use: answer + " [INC] [STEP]", Short: about, Args: atMost(2), Example: "  backout shadow " + answer + " INC-4 back"}
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for the timeline")
	c.RunE = func(c *cobra.Command, args []string) error {
		words := append([]string{"shadow", answer}, quoted(args)...)
		if reason != "" {
			words = append(words, "--reason", quote(reason))
		}
		return f.sayAndShow(c, strings.Join(words, " "))
	}
	return c
}

func shadowReport() *cobra.Command {
	var f clientFlags
	var project string
	c := &cobra.Command{
		Use: "report", Short: "What it would have done beside what you did: right, wrong, unclear, missed", Args: exactly(0),
		Long: `What Backout would have done, were it live: in mode shadow every effect, in mode advise
what policy would have done without asking. Beside it what people did about the same
trouble within two hours, and what they did by hand that Backout would not have done
(missed). Answer about each entry: was it right?`,
		Example: "  backout shadow report --project shop -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			var r orchestrator.ShadowReport
			if err := f.client().get(c.Context(), "/api/v1/shadow", url.Values{"project": {project}}, &r); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), r, func() error { return printShadow(c.OutOrStdout(), &r) })
		},
	}
	f.add(c)
	c.Flags().StringVar(&project, "project", "", "default: all")
	return c
}

func printShadow(w io.Writer, r *orchestrator.ShadowReport) error {
	if len(r.Actions) == 0 {
		fmt.Fprintln(w, "Nothing yet: Backout would have done nothing that you did not, and missed nothing.")
	} else {
		fmt.Fprintf(w, "%-14s %-22s %-7s %6s %6s %8s %7s %13s\n", "PROJECT", "ACTION", "MODE", "RIGHT", "WRONG", "UNCLEAR", "MISSED", "NOT ANSWERED")
	}
	for _, a := range r.Actions {
		fmt.Fprintf(w, "%-14s %-22s %-7s %6d %6d %8d %7d %13d\n", a.Project, a.Action, a.Mode, a.Right, a.Wrong, a.Unclear, a.Missed, a.Unanswered)
	}
	for i := range r.Entries {
		printWouldHave(w, &r.Entries[i])
	}
	for _, m := range r.Missed {
		fmt.Fprintf(w, "\nMissed: %s/%s went back from %s to %s at %s by hand; Backout would not have done it", m.Project, m.Environment, m.From, m.To, utc(m.At))
		if m.Incident != "" {
			fmt.Fprintf(w, " (%s was open)", m.Incident)
		}
		fmt.Fprintln(w)
	}
	for i := range r.Switches {
		fmt.Fprintf(w, "\n%s  %s\n", utc(r.Switches[i].At), r.Switches[i].Sentence())
	}
	return nil
}

func printWouldHave(w io.Writer, e *orchestrator.WouldHave) {
	fmt.Fprintf(w, "\n%s %s  %s/%s  %s\n  %s\n", e.Incident, e.Step, e.Project, e.Environment, e.Mode, e.Sentence(time.Now().UnixMilli()))
	if e.Right == "" {
		fmt.Fprintf(w, "  Was it right? backout shadow right|wrong|unclear %s %s\n", e.Incident, e.Step)
		return
	}
	fmt.Fprintf(w, "  %s, says %s", e.Right, e.By)
	if e.Reason != "" {
		fmt.Fprintf(w, ": %s", e.Reason)
	}
	fmt.Fprintln(w)
}

func printSwitches(w io.Writer, switches []orchestrator.Switch) {
	for i := range switches {
		fmt.Fprintln(w, switches[i].Sentence())
	}
}
