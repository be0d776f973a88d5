package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

// version is the release; `go build -ldflags "-X main.version=..."` sets it.
var version = "0.1.0-dev"

// versionInfo is what `version -o json` prints.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	// FoldVersion is the newest behaviour of the fold that this binary knows.
	FoldVersion int `json:"fold_version"`
}

func versionCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  backout version -o json", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			v := versionInfo{Version: version, Revision: revision(), FoldVersion: orchestrator.FoldVersion}
			return f.show(c.OutOrStdout(), v, func() error {
				_, err := fmt.Fprintln(c.OutOrStdout(), strings.TrimSpace("backout "+v.Version+" "+v.Revision))
				return err
			})
		},
	}
	f.addOutput(c)
	return c
}

// revision is the commit that was built, "" when it is not known.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}
