package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

func whyCommand() *cobra.Command {
	var f clientFlags
	var origin string
	c := &cobra.Command{
		Use: "why EVENT|INC", Short: "Why an event did what it did, or an incident is where it is", Args: exactly(1),
		Long: `Why an event did what it did, or an incident is where it is. An event is named by its
id, or by the fingerprint of an alert, the monitor of UptimeRobot, the key of PagerDuty's
shape: then all of the last days that bear it are listed.`,
		Example: "  backout why backout/emit/7f2d1c --origin nats/shop\n  backout why 1a2b3c4d5e6f7a8b\n  backout why INC-1",
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

// holdEnd says who answers for a hold and when it ends.
func holdEnd(h *orchestrator.Hold) string {
	text := ""
	if h.Owner != "" && h.Owner != h.By {
		text += ", owner " + h.Owner
	}
	if h.Until > 0 {
		return text + ", until " + utc(h.Until)
	}
	return text + ", until it is lifted"
}
