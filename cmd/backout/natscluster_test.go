package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// natsCluster is three NATS servers as processes, whose routes to each other go
// through wires that can be cut.
type natsCluster struct {
	*natsNodes
	t     testing.TB
	wires map[[2]int]*wire
}

func startNATSCluster(tb testing.TB, dir string) *natsCluster {
	tb.Helper()
	c := &natsCluster{t: tb, wires: map[[2]int]*wire{}}
	c.natsNodes = must(newNATSNodes(tb.Context(), must(built.plain())(tb), dir, natsPasswords()[nodePassword], func(i, j, port int) string {
		w := newWire(tb, port)
		c.wires[[2]int{i, j}] = w
		return w.ln.Addr().String()
	}))(tb)
	for i := range 3 {
		c.start(i)
	}
	return c
}

func (c *natsCluster) start(i int) {
	c.t.Helper()
	err := c.startNode(context.WithoutCancel(c.t.Context()), i)
	if p := c.nodes[i]; p != nil {
		c.t.Cleanup(p.kill9)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// waitReady waits until the servers have agreed on who leads.
func (c *natsCluster) waitReady() {
	c.t.Helper()
	if err := c.agreed(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// leader is the server that leads the log's stream.
func (c *natsCluster) leader() int {
	c.t.Helper()
	n, err := -1, error(nil)
	if !eventually(c.t.Context(), storyLimit, func() bool {
		n, err = c.leaderNow(c.t.Context())
		return err == nil
	}) {
		c.t.Fatal(err)
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
	_ = p.freeze(on)
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
