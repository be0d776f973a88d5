package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

func migrateCommand() *cobra.Command {
	var f offlineFlags
	c := &cobra.Command{
		Use: "migrate", Short: "Move a single Backout onto a cluster of NATS servers", Args: exactly(0),
		Long: `Move a single Backout, which is stopped, onto a cluster of NATS servers: the new
log goes on where the old one ends, with three copies and 16 partitions. Numbers of
incidents, plans, tokens and the keys that providers know stay. The old log stays
where it is and is not written any more.`,
		Example: "  backout migrate --config backout.yaml --nats-url nats://a:4222,nats://b:4222,nats://c:4222",
		RunE: func(c *cobra.Command, _ []string) error {
			if f.serve.config == "" {
				f.serve.config = "backout.yaml"
			}
			cfg, err := f.load()
			if err != nil {
				return err
			}
			if cfg.NATS.URL == "" {
				return usageError{errors.New("say where to: --nats-url, or nats.url in the configuration")}
			}
			meta, err := migrate(c.Context(), cfg)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "The log goes on at %s from entry %d with %d incident(s). Start instances with `backout serve --nats-url`, this one on its folder, others on empty ones.\n",
				cfg.NATS.URL, meta.Cursor, meta.NextIncident)
			return err
		},
	}
	f.add(c)
	return c
}

// migrate reads the old log to its end, begins the new one there, and leaves a
// snapshot for instances that have nothing yet. It may be run again after a crash.
func migrate(ctx context.Context, cfg *configs.Config) (meta orchestrator.Meta, err error) {
	alone := *cfg
	alone.NATS.URL = ""
	from, to := &offline{}, &offline{}
	defer func() { err = errors.Join(err, to.close(), from.close()) }()
	if err := from.openStore(cfg.Instance.Data); err != nil {
		return meta, err
	}
	if err := from.openLog(ctx, &alone, bus.Options{}); err != nil {
		return meta, err
	}
	if meta, err = from.readAll(ctx); err != nil {
		return meta, err
	}
	if err := from.settled(ctx, meta); err != nil {
		return meta, err
	}
	if err := to.follow(ctx, cfg, meta, bus.Options{After: &orchestrator.After{}}); err != nil {
		return meta, err
	}
	if err := bus.CopyBlobs(ctx, from.bus, to.bus); err != nil {
		return meta, err
	}
	r, w := io.Pipe()
	go func() {
		_, err := from.store.Snapshot(w)
		w.CloseWithError(err)
	}()
	if _, err := to.bus.SaveSnapshot(ctx, meta.Cursor, r); err != nil {
		return meta, err
	}
	return meta, writeDurably(filepath.Join(cfg.Instance.Data, movedFile), []byte(cfg.NATS.URL))
}

// settled refuses to move what is under way.
func (o *offline) settled(ctx context.Context, meta orchestrator.Meta) error {
	running := 0
	err := o.store.Read(func(s *orchestrator.State) error {
		running = s.Count(orchestrator.BucketRunning)
		return nil
	})
	if err != nil {
		return err
	}
	if running > 0 {
		return fmt.Errorf("%d step(s) are under way; start `backout serve` here, let them end, stop it, and migrate then", running)
	}
	from := meta.InboxCursor + 1
	if meta.InboxID != o.bus.InboxID() {
		from = 1
	}
	waiting, err := o.bus.ReadInbox(ctx, from, 1)
	if err == nil && len(waiting) > 0 {
		err = errors.New("events wait in the inbox; start `backout serve` here for a moment so that they are taken in, stop it, and migrate then")
	}
	return err
}
