package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/handlers/bus"
)

// natsNodes is a cluster of three NATS servers as processes of their own.
type natsNodes struct {
	dir, password string
	ports         []int
	args          [][]string
	nodes         []*process
}

// newNATSNodes plans a cluster of three. bin is this program; by route, server i
// reaches server j, which listens at port.
func newNATSNodes(ctx context.Context, bin, dir, password string, route func(i, j, port int) string) (*natsNodes, error) {
	ports, err := quietPorts(ctx, 6)
	if err != nil {
		return nil, err
	}
	c := &natsNodes{dir: dir, password: password, ports: ports[:3], nodes: make([]*process, 3)}
	for i := range 3 {
		var others []string
		for j := range 3 {
			if i != j {
				others = append(others, "nats-route://"+route(i, j, ports[3+j]))
			}
		}
		c.args = append(c.args, []string{
			bin, "bench", "nats-node", "--name", fmt.Sprint("n", i), "--dir", filepath.Join(dir, fmt.Sprint("n", i)),
			"--port", fmt.Sprint(c.ports[i]), "--cluster-port", fmt.Sprint(ports[3+i]), "--routes", strings.Join(others, ","),
		})
	}
	return c, nil
}

// straight is the route without anything in between.
func straight(_, _, port int) string { return fmt.Sprint("127.0.0.1:", port) }

// quietPorts are free ports that nobody gets by chance: a server that is stopped finds
// them again when it starts.
func quietPorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range 100 * n {
		if len(ports) == n {
			return ports, nil
		}
		port := 20_000 + rand.IntN(10_000) // below what systems hand out
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		_ = ln.Close()
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return nil, errors.New("looking for free ports of 127.0.0.1 between 20000 and 30000: there are none")
}

// startNode starts one of the servers, for the first time or again.
func (c *natsNodes) startNode(ctx context.Context, i int) (err error) {
	log := filepath.Join(c.dir, fmt.Sprint("node", i, ".err"))
	p, err := startChild(ctx, log, []string{nodePassword + "=" + c.password}, c.args[i]...)
	if p != nil {
		c.nodes[i] = p
	}
	return err
}

func (c *natsNodes) url() string {
	var all []string
	for _, p := range c.ports {
		all = append(all, fmt.Sprint("nats://127.0.0.1:", p))
	}
	return strings.Join(all, ",")
}

// connect is a connection as the engine's user.
func (c *natsNodes) connect() (*nats.Conn, jetstream.JetStream, error) {
	nc, err := nats.Connect(c.url(), nats.UserInfo("engine", c.password), nats.Timeout(2*time.Second))
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to the NATS cluster: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("connecting to the NATS cluster: %w", err)
	}
	return nc, js, nil
}

// agreed waits until the servers have agreed on who leads.
func (c *natsNodes) agreed(ctx context.Context) error {
	return poll(ctx, readyLimit, "the NATS servers to agree on who leads", func() bool {
		nc, js, err := c.connect()
		if err != nil {
			return false
		}
		defer nc.Close()
		_, err = js.AccountInfo(ctx)
		return err == nil
	})
}

// leaderNow is the server that leads the log's stream.
func (c *natsNodes) leaderNow(ctx context.Context) (int, error) {
	nc, js, err := c.connect()
	if err != nil {
		return -1, err
	}
	defer nc.Close()
	return logLeader(ctx, js)
}

// logLeader is the server that leads the log's stream.
func logLeader(ctx context.Context, js jetstream.JetStream) (n int, err error) {
	s, err := js.Stream(ctx, bus.LogStream)
	if err != nil {
		return -1, fmt.Errorf("asking who leads the log: %w", err)
	}
	if s.CachedInfo().Cluster == nil {
		return -1, errors.New("the log is not kept by a cluster")
	}
	if _, err := fmt.Sscanf(s.CachedInfo().Cluster.Leader, "n%d", &n); err != nil {
		return -1, errors.New("the log has no leader now")
	}
	return n, nil
}
