package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/gateway"
)

// keeper puts evidence aside, secrets masked, and says under which hash and how long it
// then is.
type keeper func(ctx context.Context, data []byte) (hash string, bytes int, err error)

func keepEvidence(blobs *bus.Bus) keeper {
	return func(ctx context.Context, data []byte) (string, int, error) {
		clean := gateway.RedactBytes(data)
		hash, err := blobs.PutBlob(ctx, clean)
		return hash, len(clean), err
	}
}

func incidentEvidence(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "evidence INC [NAME]", Short: "List what was kept of an incident, or print one file of it", Args: oneOrTwo,
		Example: "  backout incident evidence INC-1\n  backout incident evidence INC-1 compare.json",
		RunE: func(c *cobra.Command, args []string) error {
			path := "/api/v1/incidents/" + url.PathEscape(args[0]) + "/evidence"
			if len(args) == 2 {
				return f.oneEvidence(c, path+"/"+url.PathEscape(args[1]))
			}
			var list []console.Evidence
			if err := f.client().get(c.Context(), path, nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "Nothing is kept.")
				}
				for _, e := range list {
					fmt.Fprintf(c.OutOrStdout(), "%-16s %9s  %s\n", e.Name, size(e.Bytes), e.From)
				}
				return nil
			})
		},
	}
}

func oneOrTwo(c *cobra.Command, args []string) error {
	if len(args) == 2 {
		return nil
	}
	return exactly(1)(c, args)
}

func (f *clientFlags) oneEvidence(c *cobra.Command, path string) error {
	var one console.Evidence
	if err := f.client().get(c.Context(), path, nil, &one); err != nil {
		return err
	}
	return f.show(c.OutOrStdout(), one, func() error {
		fmt.Fprintln(c.OutOrStdout(), strings.TrimRight(one.Body, "\n"))
		return nil
	})
}

// evidenceNames is a line of names and sizes.
func evidenceNames(list []console.Evidence) string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name + " " + size(e.Bytes)
	}
	return strings.Join(names, ", ")
}

// size writes a number of bytes for people.
func size(n int) string {
	if n < 10_240 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
