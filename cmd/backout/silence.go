package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

func silenceCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "silence", Short: "Keep signals from opening or paging anything for a while",
		Long: `Keep signals from opening or paging anything for a while. They are recorded, and what
still fires when the silence ends is decided about then. A maintenance window that is
known beforehand belongs into the configuration, under silences.`,
		Example: "  backout silence add shop 2h --reason 'moving the database'\n  backout silence list",
	}
	f.add(c)
	c.AddCommand(silenceList(&f), silenceAdd(&f), silenceEnd(&f), silenceHeld(&f))
	return c
}

func silenceList(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List silences and maintenance windows: who, why, until when", Args: exactly(0), Example: "  backout silence list -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []console.Silence
			if err := f.client().get(c.Context(), "/api/v1/silences", nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "Nothing is silenced.")
				}
				for i := range list {
					fmt.Fprintln(c.OutOrStdout(), silenceLine(&list[i]))
				}
				return nil
			})
		},
	}
}

func silenceLine(s *console.Silence) string {
	state, id := "over", "window"
	switch {
	case s.Active:
		state = "holds"
	case s.Later:
		state = "later"
	case s.Ended != "":
		state = "ended by " + s.Ended
	}
	if s.ID > 0 {
		id = fmt.Sprint(s.ID)
	}
	covers := []string{}
	for _, part := range [][2]string{{"project", s.Project}, {"environment", s.Environment}, {"component", s.Component}, {"source", s.Source}, {"name", s.Name}} {
		if part[1] != "" {
			covers = append(covers, part[0]+" "+part[1])
		}
	}
	if len(covers) == 0 {
		covers = []string{"everything"}
	}
	return fmt.Sprintf("%-6s  %-6s  %s to %s  %s\n        by %s: %s", id, state, utc(s.From), utc(s.Until), strings.Join(covers, ", "), s.By, s.Reason)
}

func silenceAdd(f *clientFlags) *cobra.Command {
	flags := []struct{ name, about string }{
		{"reason", "why, for whoever wonders at 3 a.m. (needed)"},
		{"environment", "only this environment"},
		{"component", "only this component"},
		{"source", "only this source, such as alertmanager"},
		{"name", "only signals of this name; a * at its end stands for any rest"},
	}
	given := make([]string, len(flags))
	c := &cobra.Command{
		Use: "add PROJECT FOR", Short: "Silence the signals of a project, at most 7d", Args: exactly(2),
		Example: "  backout silence add shop 2h --reason 'moving the database'\n  backout silence add shop 30m --name 'Disk*' --reason 'being resized'",
		RunE: func(c *cobra.Command, args []string) error {
			words := append([]string{"silence"}, quoted(args)...)
			for i, flag := range flags {
				if given[i] != "" {
					words = append(words, "--"+flag.name, quote(given[i]))
				}
			}
			return f.sayAndShow(c, strings.Join(words, " "))
		},
	}
	for i, flag := range flags {
		c.Flags().StringVar(&given[i], flag.name, "", flag.about)
	}
	return c
}

func silenceEnd(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "end ID", Short: "End a silence; what still fires is decided about at once", Args: exactly(1), Example: "  backout silence end 1",
		RunE: func(c *cobra.Command, args []string) error {
			return f.sayAndShow(c, "silence end "+quote(args[0]))
		},
	}
}

func silenceHeld(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "held", Short: "List the signals that fire and are held back, and what holds them", Args: exactly(0), Example: "  backout silence held",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []orchestrator.Held
			if err := f.client().get(c.Context(), "/api/v1/held", nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "Nothing is held back.")
				}
				for i := range list {
					h := &list[i]
					fmt.Fprintf(c.OutOrStdout(), "%s  %s/%s  %s %s, since %s\n        %s\n", h.Event.Severity, h.Event.Project, h.Event.Environment, h.Event.Source, h.Event.Name, utc(h.Since), h.Why)
				}
				return nil
			})
		},
	}
}
