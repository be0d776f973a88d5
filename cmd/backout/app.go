package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
	"github.com/aimarketplace/backout/orchestrator/store"
	"github.com/aimarketplace/backout/workflows"
)

// startWait bounds everything a start waits for.
const startWait = 60 * time.Second

// appOptions are what a run needs besides its configuration.
type appOptions struct {
	Config *configs.Config
	Logger *slog.Logger
	// Workflows overrides embedded playbooks and rules by files of a folder.
	Workflows string
}

// app is a running Backout: everything it opened, closed in reverse.
type app struct {
	o      appOptions
	cfg    *configs.Config
	bus    *bus.Bus
	server *bus.Server
	// clustered is set when the log is kept by a cluster of NATS servers.
	clustered bool
	engine    *engine.Engine
	store     *store.Store
	actions   *actionSet
	public    net.Listener
	admin     net.Listener
	closing   []cleanup
	ended     chan error
}

// cleanup is something to be closed, with its name for errors.
type cleanup struct {
	name string
	fn   func() error
}

func (a *app) onClose(name string, fn func() error) {
	a.closing = append(a.closing, cleanup{name, fn})
}

// startApp opens everything in the order it is needed and returns when both
// listeners answer. It is one straight line on purpose.
func startApp(ctx context.Context, o appOptions) (*app, error) {
	a := &app{o: o, cfg: o.Config, ended: make(chan error, 1)}
	if err := a.start(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) start(ctx context.Context) error {
	if err := refuseFolder(a.cfg); err != nil {
		return err
	}
	if err := bus.EnoughDisk(a.cfg.Instance.Data); err != nil {
		return err
	}
	st, err := a.openStore(ctx)
	if err != nil {
		return ownFolder(a.cfg.Instance.Data, err)
	}
	a.store = st
	docs, err := compiledDocs(a.o.Workflows)
	if err != nil {
		return err
	}
	doc, err := a.cfg.Document()
	if err != nil {
		return err
	}
	actions, err := buildActions(a.cfg, &doc, a.bus, &memory{app: a}, a.o.Logger)
	if err != nil {
		return err
	}
	a.actions = actions
	if err := actions.watchClasses(a.cfg, &memory{app: a}, a.o.Logger); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if err := a.startEngine(ctx, st, actions, registry); err != nil {
		return err
	}
	if err := a.configure(ctx, docs, doc); err != nil {
		return err
	}
	if err := a.adminToken(ctx); err != nil {
		return err
	}
	if err := a.listenPublic(actions); err != nil {
		return err
	}
	if err := a.listenAdmin(registry); err != nil {
		return err
	}
	if err := a.startHeartbeat(ctx); err != nil {
		return err
	}
	return a.serveCommands(ctx)
}

// connect starts the embedded NATS server, or connects to an external one, and
// makes the streams.
func (a *app) connect(ctx context.Context) error {
	var nc *nats.Conn
	var err error
	if a.cfg.NATS.URL != "" {
		nc, err = bus.Connect(a.cfg.NATS.URL, bus.Credentials{User: a.cfg.NATS.User, Password: reveal(a.cfg.NATS.Password), File: reveal(a.cfg.NATS.Creds)})
	} else {
		a.server, err = bus.StartServer(bus.ServerOptions{Dir: filepath.Join(a.cfg.Instance.Data, "nats"), Listen: a.cfg.NATS.Listen})
		if err == nil {
			a.onClose("the embedded NATS server", func() error { a.server.Close(); return nil })
			nc, err = a.server.Connect()
		}
	}
	if err != nil {
		return err
	}
	a.onClose("the NATS connection", func() error { nc.Close(); return nil })
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	a.clustered = a.server == nil && bus.Clustered(nc)
	a.bus, err = bus.Open(ctx, nc, bus.Options{Replicas: a.cfg.NATS.Replicas, MaxBytes: int64(a.cfg.NATS.MaxLog), Embedded: a.server})
	return err
}

// reveal reads a secret that may be missing.
func reveal(s configs.Secret) string {
	if !s.IsSet() {
		return ""
	}
	return s.Reveal()
}

func (a *app) startEngine(ctx context.Context, st *store.Store, actions *actionSet, registry *prometheus.Registry) error {
	instance, err := instanceID(a.cfg.Instance.Data)
	if err != nil {
		return err
	}
	boot, err := randomHex(16)
	if err != nil {
		return err
	}
	rings, stopRings, err := a.bus.Doorbell()
	if err != nil {
		return err
	}
	a.onClose("the doorbell", func() error { stopRings(); return nil })
	o := engine.Options{
		Log: instrumentedLog(a.bus), Store: st, Rules: workflows.NewEvaluator(), Actions: instrumentedActions(actions.all),
		Core:  engine.CoreOptions{Instance: instance, Boot: boot, Alone: a.server != nil},
		Inbox: &inbox{bus: a.bus, rings: rings}, Sources: actions.sources, SourceEvery: actions.pollEvery,
		Keeper: a.bus, Room: a.bus, Snapshots: a.snapshotsOf(), SnapshotEvery: time.Duration(a.cfg.Instance.SnapshotEvery),
		Logger: a.o.Logger, Metrics: instrumentedMetrics(newMetrics(registry)),
	}
	if err := a.joinOthers(&o); err != nil {
		return err
	}
	if a.engine, err = engine.New(o); err != nil {
		return err
	}
	registry.MustRegister(newStateMetrics(a.engine))
	a.roomMetrics(registry)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() { a.ended <- a.engine.Run(ctx) }()
	a.onClose("the engine", func() error {
		stop()
		return <-a.ended
	})
	return nil
}

// joinOthers lets instances that share a log hear of each other.
func (a *app) joinOthers(o *engine.Options) error {
	if a.server != nil {
		return nil
	}
	h, stopBeats, err := newHeart(a.bus, a.o.Logger)
	if err != nil {
		return err
	}
	a.onClose("the heartbeats", func() error { stopBeats(); return nil })
	bell, stopBell, err := a.bus.LogBell()
	if err != nil {
		return err
	}
	a.onClose("the bell of the log", func() error { stopBell(); return nil })
	o.Heart, o.Bell = h, bell
	return nil
}

// adminToken makes the first admin token, readable by the owner of the folder.
func (a *app) adminToken(ctx context.Context) error {
	path := filepath.Join(a.cfg.Instance.Data, "admin.token")
	have := false
	err := a.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		have = len(s.Tokens()) > 0
		return nil
	})
	if err != nil || have {
		return err
	}
	secret, err := newToken()
	if err != nil {
		return err
	}
	if err := writeDurably(path, []byte(secret+"\n")); err != nil {
		return fmt.Errorf("writing the first admin token: %w", err)
	}
	return a.engine.Configure(ctx, orchestrator.Record{Token: &orchestrator.Token{
		Hash: console.HashToken(secret), Person: orchestrator.AdminPerson, Scope: "admin", Label: "first start",
	}})
}

func (a *app) listenPublic(actions *actionSet) error {
	g, err := a.gateway(actions)
	if err != nil {
		return err
	}
	a.public, err = a.listen("the public listener", a.cfg.Instance.Listen, g.Handler())
	return err
}

func (a *app) listenAdmin(registry *prometheus.Registry) error {
	api := a.api(registry, gateway.ParseWords)
	var err error
	a.admin, err = a.listen("the admin listener", a.cfg.Instance.AdminListen, api.Handler())
	return err
}

func (a *app) api(registry *prometheus.Registry, parse func(string) (orchestrator.Command, error)) *console.API {
	return console.New(console.Options{
		Backend: a.engine, Parse: parse, Help: gateway.Help(), Ready: a.ready, Cluster: a.cluster, Backup: a.backup, NewID: func() string { id, _ := randomHex(12); return id },
		Blob: a.bus.Blob, Again: a.again, DryRun: a.dryRun, Recount: (&recounter{app: a, at: map[string]time.Time{}}).recount,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), Open: loopback(a.cfg.Instance.AdminListen), Logger: a.o.Logger,
	})
}

func (a *app) listen(name, addr string, h http.Handler) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening %s on %s: %w; is another Backout running? Choose another address in the configuration or by flag", name, addr, err)
	}
	srv := gateway.Server(addr, h)
	srv.ErrorLog = slog.NewLogLogger(a.o.Logger.Handler(), slog.LevelError)
	go func() {
		if err := srv.Serve(gateway.Limited(ln, gateway.Connections)); err != nil && !errors.Is(err, http.ErrServerClosed) {
			a.o.Logger.Error("a listener stopped", "listener", name, "error", err)
		}
	}()
	a.onClose(name, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return srv.Shutdown(ctx)
	})
	return ln, nil
}

// serveCommands answers commands that come as NATS requests.
func (a *app) serveCommands(ctx context.Context) error {
	stop, err := a.bus.ServeCommands(context.WithoutCancel(ctx), func(ctx context.Context, project, token, words string) (bool, string) {
		api := a.api(prometheus.NewRegistry(), func(words string) (orchestrator.Command, error) {
			return gateway.Said(project).Parse(words)
		})
		r := api.Words(ctx, token, words, "nats")
		return r.OK, r.Text
	})
	if err != nil {
		return err
	}
	a.onClose("the command listener", func() error { stop(); return nil })
	return nil
}

// close closes in reverse what was opened.
func (a *app) close() error {
	var all []error
	for _, c := range slices.Backward(a.closing) {
		if err := c.fn(); err != nil {
			all = append(all, fmt.Errorf("closing %s: %w", c.name, err))
		}
	}
	a.closing = nil
	return errors.Join(all...)
}

// instanceID names this installation; it stays the same over restarts.
func instanceID(dir string) (string, error) {
	path := filepath.Join(dir, "instance")
	if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	id, err := randomHex(6)
	if err != nil {
		return "", err
	}
	if err := writeDurably(path, []byte(id+"\n")); err != nil {
		return "", fmt.Errorf("naming this instance: %w", err)
	}
	return id, nil
}

func randomHex(n int) (string, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("drawing a random id: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// loopback reports whether an address can be reached from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
