package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
)

// showRaw prints the bodies that an incident was made of.
func (f *clientFlags) showRaw(c *cobra.Command, id string) error {
	var bodies []console.RawBody
	if err := f.client().get(c.Context(), "/api/v1/incidents/"+url.PathEscape(id)+"/raw", nil, &bodies); err != nil {
		return err
	}
	return f.show(c.OutOrStdout(), bodies, func() error {
		if len(bodies) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "No event made this incident; a person opened it.")
		}
		for i := range bodies {
			printRaw(c.OutOrStdout(), &bodies[i])
		}
		return nil
	})
}

func printRaw(w io.Writer, b *console.RawBody) {
	for _, e := range b.Events {
		fmt.Fprintf(w, "%s  %s", e.Source, e.Signal)
		if e.ID != "" {
			fmt.Fprintf(w, "  %s  %s  %s", strings.TrimPrefix(e.Type, "backout."), e.At.Format("2006-01-02 15:04:05 UTC"), e.ID)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "    %s\n", b.Kept)
	if b.Body != "" {
		fmt.Fprintln(w, b.Body)
	}
}
