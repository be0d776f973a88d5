package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/nats-io/nats.go"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
	"github.com/aimarketplace/backout/orchestrator/store"
	"github.com/aimarketplace/backout/workflows"
)

// offline is the log and state of a stopped Backout, for commands that must have
// them to themselves.
type offline struct {
	data    string
	store   *store.Store
	bus     *bus.Bus
	nc      *nats.Conn
	closing []func() error
}

// openLog opens the log alone: the embedded one of a data folder, or an external
// server's when the configuration names one.
func (o *offline) openLog(ctx context.Context, cfg *configs.Config, opts bus.Options) error {
	if err := o.dial(cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	opts.Replicas = cfg.NATS.Replicas
	var err error
	o.bus, err = bus.Open(ctx, o.nc, opts)
	return err
}

func (o *offline) dial(cfg *configs.Config) (err error) {
	if cfg.NATS.URL != "" {
		o.nc, err = bus.Connect(cfg.NATS.URL, bus.Credentials{User: cfg.NATS.User, Password: reveal(cfg.NATS.Password), File: reveal(cfg.NATS.Creds)})
	} else {
		var s *bus.Server
		if s, err = bus.StartServer(bus.ServerOptions{Dir: filepath.Join(cfg.Instance.Data, "nats"), Listen: "off"}); err != nil {
			return ownFolder(cfg.Instance.Data, err)
		}
		o.closing = append(o.closing, func() error { s.Close(); return nil })
		o.nc, err = s.Connect()
	}
	if err != nil {
		return err
	}
	o.closing = append(o.closing, func() error { o.nc.Close(); return nil })
	return nil
}

// holdsBackout refuses a folder in which no Backout has run: opening it would make a new
// one there, and say of its empty log that it is whole.
func holdsBackout(data string) error {
	for _, name := range []string{"state.db", "nats"} {
		if _, err := os.Stat(filepath.Join(data, name)); err == nil {
			return nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return ownFolder(data, fmt.Errorf("looking into the data folder: %w", err))
		}
	}
	return fmt.Errorf("there is no Backout in %s: it has neither state.db nor nats; name its data folder with --data, or its configuration with --config", data)
}

// openStore opens the state, which fails while a Backout runs on it.
func (o *offline) openStore(data string) error {
	if err := holdsBackout(data); err != nil {
		return err
	}
	return o.newStore(data)
}

// newStore opens the state of a folder that may be empty.
func (o *offline) newStore(data string) (err error) {
	o.data = data
	o.store, err = store.Open(filepath.Join(data, "state.db"))
	if err == nil {
		o.closing = append(o.closing, o.store.Close)
	}
	return ownFolder(data, err)
}

// ownFolder says of an error about a file that may not be written whose the data folder
// must be.
func ownFolder(data string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w; %s and everything in it must be writable by the user that runs Backout, who is uid %d here", err, data, os.Getuid())
	}
	return err
}

// readAll folds what the log has and the state has not.
func (o *offline) readAll(ctx context.Context) (orchestrator.Meta, error) {
	err := engine.CatchUp(ctx, engine.Options{
		Log: o.bus, Store: o.store, Rules: workflows.NewEvaluator(), Keeper: o.bus, Logger: slog.New(slog.DiscardHandler),
		Core: engine.CoreOptions{Instance: "offline", Boot: "offline"},
	})
	if err != nil {
		return orchestrator.Meta{}, err
	}
	return metaOf(o.store)
}

func (o *offline) close() error {
	var all []error
	for _, fn := range slices.Backward(o.closing) {
		all = append(all, fn())
	}
	o.closing = nil
	return errors.Join(all...)
}

// defaultData is the data folder where none is named.
const defaultData = "backout-data"

// offlineFlags are the flags of commands that work on a stopped Backout.
type offlineFlags struct{ serve serveFlags }

// load reads the configuration if there is one; without, the data folder alone is
// enough for an embedded log.
func (f *offlineFlags) load() (*configs.Config, error) {
	if f.serve.config == "" {
		if f.serve.natsURL != "" {
			return nil, usageError{errors.New("name the configuration with --config: it says who Backout is at the NATS server")}
		}
		cfg := &configs.Config{}
		cfg.Instance.Data = f.serve.data
		if cfg.Instance.Data == "" {
			cfg.Instance.Data = defaultData
		}
		return cfg, nil
	}
	cfg, err := f.serve.load()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return cfg, nil
}
