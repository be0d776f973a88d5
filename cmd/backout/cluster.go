package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// heart carries the engine's heartbeats over the bus.
type heart struct {
	bus   *bus.Bus
	beats chan engine.Beat
}

// newHeart listens for heartbeats until stop.
func newHeart(b *bus.Bus, logger *slog.Logger) (h *heart, stop func(), err error) {
	h = &heart{bus: b, beats: make(chan engine.Beat, 64)}
	stop, err = b.Beats(func(data []byte) {
		var beat engine.Beat
		if err := json.Unmarshal(data, &beat); err != nil {
			logger.Warn("a heartbeat could not be read; is a much older Backout running?", "error", err)
			return
		}
		select {
		case h.beats <- beat:
		default: // the next one comes soon
		}
	})
	return h, stop, err
}

// Beat implements engine.Heart.
func (h *heart) Beat(b engine.Beat) error {
	data, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encoding a heartbeat: %w", err)
	}
	return h.bus.Beat(data)
}

// Beats implements engine.Heart.
func (h *heart) Beats() <-chan engine.Beat { return h.beats }

// cluster is what the API tells about instances.
func (a *app) cluster(ctx context.Context) (any, error) {
	c, err := a.engine.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	ends, err := a.bus.Ends(ctx)
	if err != nil {
		return nil, err
	}
	c.Last = ends.Last
	for _, m := range c.Instances {
		if m.Instance == c.Self && ends.Last > m.Cursor {
			c.Lag = ends.Last - m.Cursor
		}
	}
	return c, nil
}

func clusterCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "cluster", Short: "Who runs, who acts for what, and how far each has read", Args: exactly(0), Example: "  backout cluster -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			var cl engine.Cluster
			if err := f.client().get(c.Context(), "/api/v1/cluster", nil, &cl); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), cl, func() error { return showCluster(c, &cl) })
		},
	}
	f.add(c)
	return c
}

func showCluster(c *cobra.Command, cl *engine.Cluster) error {
	w := c.OutOrStdout()
	fmt.Fprintf(w, "The log ends at entry %d.\n", cl.Last)
	for _, m := range cl.Instances {
		note := fmt.Sprintf("heard %s ago", (time.Duration(m.HeardMS) * time.Millisecond).Round(100*time.Millisecond))
		if m.Instance == cl.Self {
			note = "answers you"
		}
		behind := uint64(0)
		if cl.Last > m.Cursor {
			behind = cl.Last - m.Cursor
		}
		fmt.Fprintf(w, "%-14s at entry %d, %d behind; owns %d partition(s) %s; %s\n", m.Instance, m.Cursor, behind, len(m.Owns), numbers(m.Owns), note)
	}
	for _, p := range cl.Owners {
		switch {
		case p.Instance == "":
			fmt.Fprintf(w, "partition %d: nobody acts for it\n", p.Partition)
		case !p.Alive:
			fmt.Fprintf(w, "partition %d: its owner %s is silent\n", p.Partition, p.Instance)
		}
	}
	return nil
}

func numbers(ps []int) string {
	if len(ps) == 0 {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprint(ps), " ", ",")
}
