package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

func restoreCommand() *cobra.Command {
	var f offlineFlags
	c := &cobra.Command{
		Use: "restore FILE", Short: "Make a Backout of a backup, in an empty data folder", Args: exactly(1),
		Long: `Make a Backout of a backup or of a snapshot, in an empty data folder, with a new
log that goes on from it. Numbers of incidents and the keys that providers know
stay. What was done after the backup is not known, so no new effect begins until
somebody has looked and said 'backout unpause'.`,
		Example: "  backout restore /backups/backout-2026-01-02.db --data backout-data",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			meta, err := restore(c.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), `%s goes on from entry %d (%s) with %d incident(s).
Everything is paused: look at what was done since then, start it with 'backout serve', then say 'backout unpause'.
Anybody with the tokens of that time may use them; 'backout token list' shows them.
`, cfg.Instance.Data, meta.Cursor, time.UnixMilli(meta.Now).UTC().Format(time.DateTime), meta.NextIncident)
			return err
		},
	}
	f.add(c)
	return c
}

func (f *offlineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.serve.config, "config", "", "configuration file; needed with an external NATS server")
	c.Flags().StringVar(&f.serve.data, "data", "", "data folder (default: instance.data of --config, or backout-data)")
	c.Flags().StringVar(&f.serve.natsURL, "nats-url", "", "external NATS server, or several of a cluster joined by commas")
}

// restore installs a copy in an empty folder and begins a log that goes on from it.
func restore(ctx context.Context, cfg *configs.Config, file string) (meta orchestrator.Meta, err error) {
	data := cfg.Instance.Data
	for _, name := range []string{"state.db", "nats"} {
		if _, err := os.Stat(filepath.Join(data, name)); err == nil {
			return meta, fmt.Errorf("%s has a %s already; a backup is restored into an empty folder, so move this one away or name another with --data", data, name)
		}
	}
	copied, err := os.Open(file)
	if err != nil {
		return meta, fmt.Errorf("opening the backup: %w", err)
	}
	defer func() { _ = copied.Close() }()
	path := filepath.Join(data, "state.db")
	if meta, err = store.Install(path, copied); err != nil {
		return meta, fmt.Errorf("restoring %s: %w", file, err)
	}
	o := &offline{}
	defer func() {
		if err = errors.Join(err, o.close()); err != nil {
			err = errors.Join(err, os.Remove(path)) // so that it can be tried again
		}
	}()
	return meta, o.follow(ctx, cfg, meta, bus.Options{Partitions: meta.Partitions, After: &orchestrator.After{Restored: true}})
}

// follow begins a log that goes on where a state ends. There must be none yet,
// unless an earlier try got no further than this.
func (o *offline) follow(ctx context.Context, cfg *configs.Config, meta orchestrator.Meta, opts bus.Options) error {
	opts.After.LogID, opts.After.Seq, opts.After.Chain = meta.LogID, meta.Cursor, meta.Chain
	opts.Lineage = meta.Lineage
	if opts.Lineage == "" {
		opts.Lineage = meta.LogID
	}
	if err := o.openLog(ctx, cfg, opts); err != nil {
		return err
	}
	ends, err := o.bus.Ends(ctx)
	if err != nil {
		return err
	}
	if ends.First != meta.Cursor+1 || ends.Last != meta.Cursor+1 {
		return fmt.Errorf("the NATS server has a log already (entries %d to %d); delete the stream %s there first if it is really to be replaced", ends.First, ends.Last, bus.LogStream)
	}
	return nil
}
