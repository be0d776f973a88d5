package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// backup writes a copy of the state that includes everything folded so far.
func (a *app) backup(w io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	if err := a.engine.Settled(ctx, 0); err != nil {
		return err
	}
	_, err := a.store.Snapshot(w)
	return err
}

func backupCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "backup FILE", Short: "Copy everything the running Backout knows into a file", Args: exactly(1),
		Long: `Copy everything the running Backout knows into a file, while it runs: incidents,
plans, configuration, hashes of tokens. Not in it: secrets, raw bodies and
audiences. 'backout restore' makes a Backout of it again.`,
		Example: "  backout backup /backups/backout-$(date +%F).db",
		RunE: func(c *cobra.Command, args []string) error {
			meta, err := f.client().download(c.Context(), args[0])
			if err != nil {
				return err
			}
			sum := copySummary{File: args[0], Entry: meta.Cursor, At: time.UnixMilli(meta.Now).UTC(), Incidents: meta.NextIncident}
			return f.show(c.OutOrStdout(), sum, func() error {
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s holds everything up to entry %d (%s), %d incident(s)\n", sum.File, sum.Entry, sum.At.Format(time.DateTime), sum.Incidents)
				return err
			})
		},
	}
	f.add(c)
	return c
}

// copySummary says what a copy holds.
type copySummary struct {
	File      string    `json:"file"`
	Entry     uint64    `json:"entry"`
	At        time.Time `json:"at"`
	Incidents uint64    `json:"incidents"`
}

// backupWait bounds a backup.
const backupWait = 30 * time.Minute

// download fetches a backup beside its place, examines it, and moves it there.
func (c *client) download(ctx context.Context, path string) (orchestrator.Meta, error) {
	ctx, cancel := context.WithTimeout(ctx, backupWait)
	defer cancel()
	// A device or a folder would be replaced by the file, or stand in its way at the end.
	if info, err := os.Stat(path); path == "" || err == nil && !info.Mode().IsRegular() {
		return orchestrator.Meta{}, usageError{fmt.Errorf("%q is no file to write a backup into; name a file, new or an old backup to replace", path)}
	}
	tmp := path + ".new"
	if err := c.fetch(ctx, "/api/v1/backup", tmp); err != nil {
		return orchestrator.Meta{}, errors.Join(err, removeIfThere(tmp))
	}
	meta, err := store.Examine(tmp)
	if err != nil {
		return meta, errors.Join(fmt.Errorf("the backup is not whole, so none was kept: %w", err), os.Remove(tmp))
	}
	return meta, moveDurably(tmp, path)
}

func (c *client) fetch(ctx context.Context, from, path string) error {
	base, err := c.address()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+from, nil)
	if err != nil {
		return fmt.Errorf("building the request to %s: %w", base, err)
	}
	resp, err := (&http.Client{Timeout: backupWait}).Do(c.authorized(req))
	if err != nil {
		return c.unanswered(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return c.refused(resp.Status, why)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		return errors.Join(fmt.Errorf("writing the backup, of which nothing is kept: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing what was written of it: %w", err)
	}
	return nil
}

func compactCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "compact", Short: "Make the state's file small again, while Backout is stopped", Args: exactly(0), Example: "  backout compact --data backout-data",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := holdsBackout(data); err != nil {
				return err
			}
			before, after, err := store.Compact(filepath.Join(data, "state.db"))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d MB before, %d MB now\n", filepath.Join(data, "state.db"), before>>20, after>>20)
			return err
		},
	}
	c.Flags().StringVar(&data, "data", "backout-data", "data folder of the stopped Backout")
	return c
}
