package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// tellLeftBehind says which incidents are open for a project or an environment that the
// configuration no longer has: their steps have nothing to act on any more.
func (f *clientFlags) tellLeftBehind(c *cobra.Command, doc *orchestrator.Config) error {
	var open []console.Incident
	if err := f.client().get(c.Context(), "/api/v1/incidents", url.Values{"open": {"true"}}, &open); err != nil {
		return fmt.Errorf("the configuration counts; which incidents it leaves behind is not known: %w", err)
	}
	for _, line := range leftBehind(open, doc) {
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	return nil
}

func leftBehind(open []console.Incident, doc *orchestrator.Config) (lines []string) {
	known := map[string]bool{orchestrator.SelfProject: true}
	for _, p := range doc.Projects {
		for _, e := range p.Environments {
			known[p.ID+"/"+e.ID] = true
		}
	}
	for i := range open {
		inc := &open[i]
		place := inc.Project + "/" + inc.Environment
		if known[inc.Project] || known[place] {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s is %s for %s, which this configuration no longer has: nothing can be done for it any more. Look at it, then `backout resolve %s`, or apply the earlier file again",
			inc.ID, strings.ToLower(inc.State), place, inc.ID))
	}
	return lines
}
