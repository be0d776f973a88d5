package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// engineUser is the only one who may touch the log.
const engineUser = "backout-engine"

// noStoreLimit lifts the server's own limit on what its streams may reserve. It is
// three quarters of the free disk otherwise, so that a log with a limit of 4 GiB
// could not be opened on a disk with 10 GB free however little it takes; the bus
// looks at the disk itself (room.go).
const noStoreLimit = 1 << 50

// startWait bounds the start of the embedded server.
const startWait = 30 * time.Second

// ServerOptions are the settings of the embedded server.
type ServerOptions struct {
	// Dir is where the streams are kept.
	Dir string
	// Listen is host:port for publishers, or "off". A port of 0 picks a free one.
	Listen string
}

// Server is a NATS server inside this process. It syncs every message to disk
// before it acknowledges it.
type Server struct {
	ns       *server.Server
	password string
	dir      string
}

// StartServer starts the embedded server. Publishers on the listener may publish
// events and send commands (which carry a token of their own) and nothing else, see
// publishers.go.
func StartServer(o ServerOptions) (*Server, error) {
	if err := refuseClustered(o.Dir); err != nil {
		return nil, err
	}
	if err := refuseTaken(o.Listen); err != nil {
		return nil, err
	}
	if err := mend(o.Dir); err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("making the engine's password: %w", err)
	}
	s := &Server{password: hex.EncodeToString(secret), dir: o.Dir}
	opts, err := s.options(o)
	if err != nil {
		return nil, err
	}
	if s.ns, err = server.NewServer(opts); err != nil {
		return nil, fmt.Errorf("starting the embedded NATS server: %w", err)
	}
	go s.ns.Start()
	if !s.ns.ReadyForConnections(startWait) {
		s.ns.Shutdown()
		return nil, fmt.Errorf("the embedded NATS server on %s was not ready in %s; look at the disk, or choose another address with --nats-listen", o.Listen, startWait)
	}
	if err := openToPublishers(s.ns); err != nil {
		s.ns.Shutdown()
		return nil, err
	}
	if cfg := s.ns.JetStreamConfig(); cfg == nil || !cfg.SyncAlways {
		s.ns.Shutdown()
		return nil, errors.New("the embedded NATS server does not sync every message to disk; refusing to run on it")
	}
	return s, nil
}

func (s *Server) options(o ServerOptions) (*server.Options, error) {
	outside := server.NewAccount(publishersAccount)
	opts := &server.Options{
		ServerName: "backout", JetStream: true, StoreDir: o.Dir, SyncAlways: true, JetStreamMaxStore: noStoreLimit,
		NoLog: true, NoSigs: true, MaxPayload: 1 << 20, DontListen: true,
		Accounts: []*server.Account{outside},
		Users: []*server.User{
			{Username: engineUser, Password: s.password},
			{Username: publisherUser, Password: publisherUser, Account: outside, Permissions: publisherPermissions()},
		},
		NoAuthUser: publisherUser,
	}
	if o.Listen == "off" || o.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("reading --nats-listen %q: %w; write host:port or off", o.Listen, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("reading the port of --nats-listen %q: %w", o.Listen, err)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	opts.DontListen, opts.Host, opts.Port = false, host, n
	return opts, nil
}

// refuseTaken finds at once what the server would not say: it only never gets ready when
// its port is taken, or the address is not of this machine.
func refuseTaken(listen string) error {
	if listen == "off" || listen == "" {
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return fmt.Errorf("opening the embedded NATS server on %s: %w; is another Backout running? Choose another address with --nats-listen, or `--nats-listen off`", listen, err)
	}
	if err := ln.Close(); err != nil {
		return fmt.Errorf("trying the address %s of the embedded NATS server: %w", listen, err)
	}
	return nil
}

// refuseClustered keeps a standalone server off a folder that belongs to a
// cluster; NATS deletes the streams of a folder used the other way round.
func refuseClustered(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "jetstream", "$SYS", "_js_", "_meta_")); err == nil {
		return fmt.Errorf("the folder %s belongs to a NATS cluster; give Backout a folder of its own with --data", dir)
	}
	return nil
}

// URL is where publishers connect, empty when it does not listen.
func (s *Server) URL() string {
	if a := s.ns.Addr(); a != nil {
		return "nats://" + strings.Replace(a.String(), "[::]", "127.0.0.1", 1)
	}
	return ""
}

// SyncAlways reports whether every message is on disk before its
// acknowledgement.
func (s *Server) SyncAlways() bool { return s.ns.JetStreamConfig().SyncAlways }

// Connect returns the engine's connection, inside the process.
func (s *Server) Connect() (*nats.Conn, error) {
	nc, err := nats.Connect("", append(clientOptions(), nats.InProcessServer(s.ns), nats.UserInfo(engineUser, s.password))...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the embedded NATS server: %w", err)
	}
	return nc, nil
}

// Close stops the server and waits until its files are closed.
func (s *Server) Close() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}
