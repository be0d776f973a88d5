package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/handlers/bus"
)

// natsCluster is three NATS servers as processes, whose routes to each other go
// through wires that can be cut.
type natsCluster struct {
	t     testing.TB
	dir   string
	ports []int
	args  [][]string
	nodes []*process
	wires map[[2]int]*wire
}

func freePorts(tb testing.TB, n int) []int {
	tb.Helper()
	var ports []int
	for len(ports) < n {
		if port := quietPort(tb); !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

func startNATSCluster(tb testing.TB, dir string) *natsCluster {
	tb.Helper()
	c := &natsCluster{t: tb, dir: dir, nodes: make([]*process, 3), wires: map[[2]int]*wire{}}
	ports := freePorts(tb, 6)
	routes := ports[3:]
	c.ports = ports[:3]
	bin := must(built.natsnode())(tb)
	for i := range 3 {
		var others []string
		for j := range 3 {
			if i != j {
				w := newWire(tb, routes[j])
				c.wires[[2]int{i, j}] = w
				others = append(others, "nats-route://"+w.ln.Addr().String())
			}
		}
		c.args = append(c.args, []string{
			bin, "-name", fmt.Sprint("n", i), "-dir", fmt.Sprint(dir, "/n", i),
			"-port", fmt.Sprint(c.ports[i]), "-cluster-port", fmt.Sprint(routes[i]), "-routes", strings.Join(others, ","),
		})
	}
	for i := range 3 {
		c.start(i)
	}
	return c
}

func (c *natsCluster) start(i int) {
	c.t.Helper()
	p, err := launch(c.t, fmt.Sprint(c.dir, "/node", i, ".err"), []string{"BACKOUT_NATS_ENGINE_PASSWORD=" + natsPasswords()["BACKOUT_NATS_ENGINE_PASSWORD"]}, c.args[i]...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = p
}

func (c *natsCluster) url() string {
	var all []string
	for _, p := range c.ports {
		all = append(all, fmt.Sprint("nats://127.0.0.1:", p))
	}
	return strings.Join(all, ",")
}

// engineJS is a connection as the engine's user.
func (c *natsCluster) engineJS() (jetstream.JetStream, error) {
	nc, err := nats.Connect(c.url(), nats.UserInfo("engine", natsPasswords()["BACKOUT_NATS_ENGINE_PASSWORD"]), nats.Timeout(2*time.Second))
	if err != nil {
		return nil, err
	}
	c.t.Cleanup(nc.Close)
	return jetstream.New(nc)
}

// waitReady waits until the servers have agreed on who leads.
func (c *natsCluster) waitReady() {
	c.t.Helper()
	js := must(c.engineJS())(c.t)
	if !eventually(c.t.Context(), readyLimit, func() bool {
		_, err := js.AccountInfo(c.t.Context())
		return err == nil
	}) {
		c.t.Fatal("the NATS cluster was not ready")
	}
}

// leader is the server that leads the log's stream.
func (c *natsCluster) leader() int {
	c.t.Helper()
	js := must(c.engineJS())(c.t)
	n := -1
	if !eventually(c.t.Context(), storyLimit, func() bool {
		s, err := js.Stream(c.t.Context(), bus.LogStream)
		if err == nil && s.CachedInfo().Cluster != nil {
			_, err = fmt.Sscanf(s.CachedInfo().Cluster.Leader, "n%d", &n)
		}
		return err == nil && n >= 0
	}) {
		c.t.Fatal("the log has no leader")
	}
	return n
}

// isolate cuts a server off from the other two, or lets it back in.
func (c *natsCluster) isolate(i int, cut bool) {
	for pair, w := range c.wires {
		if pair[0] == i || pair[1] == i {
			w.set(cut)
		}
	}
}

// freeze stops a process as a machine that hangs would, or lets it go on.
func freeze(p *process, on bool) {
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	_ = p.Process.Signal(sig)
}

// wire is a connection to a port that can be cut.
type wire struct {
	ln     net.Listener
	target string
	mu     sync.Mutex
	cut    bool
	conns  map[net.Conn]bool
}

func newWire(tb testing.TB, port int) *wire {
	tb.Helper()
	w := &wire{ln: must((&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0"))(tb), target: fmt.Sprint("127.0.0.1:", port), conns: map[net.Conn]bool{}}
	tb.Cleanup(func() { _ = w.ln.Close(); w.set(true) })
	go func() {
		for {
			conn, err := w.ln.Accept()
			if err != nil {
				return
			}
			go w.carry(tb, conn)
		}
	}()
	return w
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for c := range w.conns {
		if cut {
			_ = c.Close()
		}
	}
}

// keep remembers a connection, unless the wire is cut.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		_ = c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) drop(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	_ = c.Close()
}

func (w *wire) carry(tb testing.TB, in net.Conn) {
	tb.Helper()
	if !w.keep(in) {
		return
	}
	defer w.drop(in)
	out, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(tb.Context(), "tcp", w.target)
	if err != nil || !w.keep(out) {
		return
	}
	defer w.drop(out)
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}
