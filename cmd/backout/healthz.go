package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// stopContext bounds a clean stop after the main context has ended.
func stopContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 10*time.Second)
}

func healthzCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use: "healthz", Short: "Exit 0 when a Backout answers, for container health checks", Args: exactly(0), Example: "  backout healthz --listen 127.0.0.1:8090",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), 3*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
			if err != nil {
				return usageError{fmt.Errorf("reading --listen %q: %w", addr, err)}
			}
			resp, err := (&http.Client{Timeout: 3 * time.Second}).Do(req)
			if err != nil {
				return fmt.Errorf("nothing answers at %s: %w", addr, err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answers %s", addr, resp.Status)
			}
			return nil
		},
	}
	c.Flags().StringVar(&addr, "listen", "127.0.0.1:8090", "address to ask")
	return c
}
