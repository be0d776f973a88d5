package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"
)

// nodePassword names the variable with the password of the user "engine" of a
// nats-node; configs/nats-server.conf takes it from the same.
const nodePassword = "BACKOUT_NATS_ENGINE_PASSWORD"

// natsNode is one server of a NATS cluster on loopback, for `bench failover` and the
// tests: an ordinary nats-server with JetStream that syncs every message, whose users
// are the engine and anybody else, who may publish events and send commands.
type natsNode struct {
	name, dir, routes string
	port, clusterPort int
}

func natsNodeCommand() *cobra.Command {
	var n natsNode
	c := &cobra.Command{
		Use: "nats-node", Short: "Be one server of a NATS cluster on loopback; a bench calls it", Args: exactly(0), Hidden: true,
		Example: "  backout bench nats-node --name n0 --dir n0 --port 4301 --cluster-port 4311 --routes nats-route://127.0.0.1:4312",
		RunE:    func(c *cobra.Command, _ []string) error { return n.run(c) },
	}
	c.Flags().StringVar(&n.name, "name", "", "name of this server")
	c.Flags().StringVar(&n.dir, "dir", "", "store folder")
	c.Flags().IntVar(&n.port, "port", 0, "port for clients")
	c.Flags().IntVar(&n.clusterPort, "cluster-port", 0, "port for the other servers")
	c.Flags().StringVar(&n.routes, "routes", "", "the other servers, joined by commas")
	return c
}

// run says that it is ready and ends with the context.
func (n *natsNode) run(c *cobra.Command) error {
	opts, err := n.options()
	if err != nil {
		return err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("starting the NATS server %s: %w", n.name, err)
	}
	s.ConfigureLogger()
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	if !s.ReadyForConnections(20 * time.Second) {
		return fmt.Errorf("the NATS server %s was not ready in 20 s; look at %s", n.name, opts.LogFile)
	}
	fmt.Fprintln(c.OutOrStdout(), "ready", s.ClientURL())
	<-c.Context().Done()
	return nil
}

func (n *natsNode) options() (*server.Options, error) {
	if n.name == "" || n.dir == "" || n.port == 0 || n.clusterPort == 0 || os.Getenv(nodePassword) == "" {
		return nil, usageError{errors.New("it needs --name, --dir, --port, --cluster-port and " + nodePassword)}
	}
	publisher := &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"backout.event.>", "backout.command.*"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	opts := &server.Options{
		ServerName: n.name, Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.dir, SyncAlways: true, NoSigs: true,
		LogFile: n.dir + ".log",
		// A peer that is cut off is reached by its configured route or not at all.
		Cluster: server.ClusterOpts{Name: "backout", Host: "127.0.0.1", Port: n.clusterPort, NoAdvertise: true, Advertise: "127.0.0.1:1"},
		Users: []*server.User{
			{Username: "engine", Password: os.Getenv(nodePassword)},
			{Username: "publisher", Password: "publisher", Permissions: publisher},
		},
		NoAuthUser: "publisher",
	}
	for r := range strings.SplitSeq(n.routes, ",") {
		u, err := url.Parse(r)
		if err != nil {
			return nil, usageError{fmt.Errorf("--routes: %w", err)}
		}
		opts.Routes = append(opts.Routes, u)
	}
	return opts, nil
}
