package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// behindWorth is how many entries a new instance folds rather than fetch a
// snapshot for.
const behindWorth = 20_000

// movedFile says in a data folder that the installation lives elsewhere now.
const movedFile = "moved"

// snapshots is where copies of the state are kept and found.
type snapshots interface {
	engine.Snapshots
	LatestSnapshot(ctx context.Context) (cursor uint64, r io.ReadCloser, err error)
}

// snapshotsOf is the object store of a cluster, where every instance finds them,
// or a folder of a single machine.
func (a *app) snapshotsOf() snapshots {
	if a.clustered {
		return a.bus
	}
	dir := a.cfg.Instance.Snapshots
	if dir == "" {
		dir = filepath.Join(a.cfg.Instance.Data, "snapshots")
	}
	return store.Folder(dir)
}

// refuseFolder keeps a start off a data folder that belongs to another way of
// running: two logs that both go on from one state would each act.
func refuseFolder(cfg *configs.Config) error {
	data := cfg.Instance.Data
	if where, err := os.ReadFile(filepath.Join(data, movedFile)); err == nil && cfg.NATS.URL == "" {
		return fmt.Errorf("the installation in %s was moved to %s; start it there with --nats-url, or give this one another --data", data, string(where))
	} else if err == nil {
		return nil
	}
	_, err := os.Stat(filepath.Join(data, "nats", "jetstream", "$G", "streams", bus.LogStream))
	if err == nil && cfg.NATS.URL != "" {
		return fmt.Errorf("the folder %s holds the log of a single Backout; `backout migrate --data %s --nats-url %s` moves it, or give this instance a folder of its own with --data", data, data, cfg.NATS.URL)
	}
	return nil
}

// upToDate gives the store a newer snapshot when the log no longer has what it
// still needs, or when folding that would take long.
func (a *app) upToDate(ctx context.Context, st *store.Store) (*store.Store, error) {
	meta, err := metaOf(st)
	if err != nil {
		return st, err
	}
	ends, err := a.bus.Ends(ctx)
	if err != nil {
		return st, err
	}
	gone := meta.Cursor < ends.Trimmed || meta.Cursor == 0 && ends.First > 1
	if !gone && (meta.Cursor > 0 || ends.Last < behindWorth) {
		return st, nil
	}
	cursor, copied, err := a.snapshotsOf().LatestSnapshot(ctx)
	switch {
	case err != nil:
		return st, err
	case cursor <= meta.Cursor && gone:
		return st, fmt.Errorf("the log was trimmed up to entry %d, this state is at %d, and there is no newer snapshot; put one into %s, or restore a backup with `backout restore`", ends.Trimmed, meta.Cursor, filepath.Join(a.cfg.Instance.Data, "snapshots"))
	case cursor <= meta.Cursor:
		return st, nil
	}
	defer func() { _ = copied.Close() }()
	a.o.Logger.InfoContext(ctx, "starting from a snapshot", "entry", cursor, "log_ends_at", ends.Last)
	path := filepath.Join(a.cfg.Instance.Data, "state.db")
	if err := st.Close(); err != nil {
		return nil, err
	}
	if _, err := store.Install(path, copied); err != nil {
		return nil, err
	}
	return store.Open(path)
}

func metaOf(st *store.Store) (meta orchestrator.Meta, err error) {
	err = st.Read(func(s *orchestrator.State) error { meta = s.Meta(); return nil })
	return meta, err
}

// openStore opens the state and brings it up to where the log begins.
func (a *app) openStore(ctx context.Context) (*store.Store, error) {
	st, err := store.Open(filepath.Join(a.cfg.Instance.Data, "state.db"))
	if err != nil {
		return nil, err
	}
	if err := a.connect(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	st, err = a.upToDate(ctx, st)
	if err != nil && st != nil {
		return nil, errors.Join(err, st.Close())
	}
	if err != nil {
		return nil, err
	}
	// The store outlives the connection: what the engine does last is kept in it.
	a.closing = append([]cleanup{{"the store", st.Close}}, a.closing...)
	return st, nil
}
