package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"text/template"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// clusterPartitions is P of a cluster (DESIGN section 1); failoverSettle bounds
// everything a round waits for.
const (
	clusterPartitions = 16
	failoverSettle    = 2 * time.Minute
)

// failoverWorld is three Backouts on three NATS servers, a stand-in for SendGrid, and
// who speaks to them.
type failoverWorld struct {
	dir, bin string
	env      []string
	sandbox  *sandbox.Sandbox
	urls     sandbox.URLs
	nats     *natsNodes
	procs    []*process
	people   []*client
	token    string
	pub      *publishing
	clock    ackClock
	stop     func()
	events   failoverEvents
	// opened is the incident of each project.
	opened map[string]string
}

// ackClock keeps when events were acknowledged.
type ackClock struct {
	mu    sync.Mutex
	times []time.Time
}

func (c *ackClock) note(_, _ string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, time.Now())
}

// pause is the longest time since a moment in which nothing was acknowledged; ok is
// false while nothing was since.
func (c *ackClock) pause(since time.Time) (longest time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := since
	for _, at := range c.times {
		if at.Before(since) {
			continue
		}
		longest, before, ok = max(longest, at.Sub(before)), at, true
	}
	return longest, ok
}

// startFailoverWorld starts everything and the flow of events.
func startFailoverWorld(ctx context.Context, dir string, projects []string) (*failoverWorld, error) {
	w := &failoverWorld{dir: dir, procs: make([]*process, 3), people: make([]*client, 3), stop: func() {}, opened: map[string]string{}}
	if err := w.start(ctx, projects); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *failoverWorld) start(ctx context.Context, projects []string) (err error) {
	if w.bin, err = os.Executable(); err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	if w.sandbox, err = sandbox.Start(ctx, sandbox.Options{Kind: true}); err != nil {
		return err
	}
	w.urls = w.sandbox.URLs()
	if err := w.startNATS(ctx); err != nil {
		return err
	}
	if err := errors.Join(w.writeFiles(projects), inviteChat(ctx, w.urls)); err != nil {
		return err
	}
	for i := range w.procs {
		if err := w.startInstance(ctx, i); err != nil {
			return err
		}
	}
	publish, cancel := context.WithCancel(ctx)
	w.pub = &publishing{address: w.nats.url, noise: noise{"bench", "noise", "production"}, noted: w.clock.note, urgent: make(chan event, len(projects))}
	var wg sync.WaitGroup
	wg.Go(func() { w.pub.overNATS(publish) })
	w.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	return nil
}

func (w *failoverWorld) startNATS(ctx context.Context) error {
	password, err := randomHex(12)
	if err == nil {
		w.env, err = demoSecrets()
	}
	if err != nil {
		return err
	}
	w.env = append(w.env, nodePassword+"="+password)
	dir := filepath.Join(w.dir, "nats")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a folder for the NATS servers: %w", err)
	}
	if w.nats, err = newNATSNodes(ctx, w.bin, dir, password, straight); err != nil {
		return err
	}
	for i := range w.nats.nodes {
		if err := w.nats.startNode(ctx, i); err != nil {
			return err
		}
	}
	return w.nats.agreed(ctx)
}

func (w *failoverWorld) path(name string) string { return filepath.Join(w.dir, name) }

// writeFiles writes the configuration, the playbook of `bench notices` and one user.
func (w *failoverWorld) writeFiles(projects []string) error {
	t, err := template.New("failover").Parse(benchFailoverConfig)
	if err != nil {
		return fmt.Errorf("reading the bench's configuration: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"URLs": w.urls, "NATS": w.nats.url(), "Data": w.path("data0"), "Projects": projects}); err != nil {
		return fmt.Errorf("writing the bench's configuration: %w", err)
	}
	err = os.MkdirAll(w.path("workflows"), 0o700)
	for name, text := range map[string]string{"backout.yaml": b.String(), "users.csv": audience(1), "workflows/respond.yaml": benchNoticesPlaybook} {
		err = errors.Join(err, os.WriteFile(w.path(name), []byte(text), 0o600))
	}
	if err != nil {
		return fmt.Errorf("writing the bench's files: %w", err)
	}
	return nil
}

// startInstance starts one of the Backouts, for the first time or again.
func (w *failoverWorld) startInstance(ctx context.Context, i int) (err error) {
	data := w.path(fmt.Sprint("data", i))
	p, err := startChild(ctx, w.path(fmt.Sprint("backout", i, ".log")), w.env, w.bin,
		"serve", "--config", w.path("backout.yaml"), "--workflows", w.path("workflows"), "--data", data)
	if p != nil {
		w.procs[i] = p
	}
	if err != nil {
		return err
	}
	admin := p.fields()["admin"]
	if w.token == "" {
		you, err := speakAs(ctx, "you", admin, data)
		if err != nil {
			return err
		}
		w.token = you.token
	}
	w.people[i] = (&clientFlags{server: admin, token: w.token}).client()
	return nil
}

func (w *failoverWorld) close() error {
	w.stop()
	kill := w.procs
	if w.nats != nil {
		kill = append(kill, w.nats.nodes...)
	}
	for _, p := range kill {
		if p != nil {
			p.kill9()
		}
	}
	if w.sandbox == nil {
		return nil
	}
	ctx, cancel := stopContext()
	defer cancel()
	return w.sandbox.Close(ctx)
}

// whole reports whether n instances are there and every partition is at home. By chance
// one of them may be the home of none.
func whole(cl *engine.Cluster, n int) bool {
	for _, p := range cl.Owners {
		if !p.Alive || p.Instance != p.Home {
			return false
		}
	}
	return len(cl.Instances) == n && len(cl.Owners) > 0
}

// ownerOf is which instance acts for the production of a project; empty while none does.
func ownerOf(cl *engine.Cluster, project string) string {
	if len(cl.Owners) == 0 {
		return ""
	}
	p := cl.Owners[orchestrator.Partition(project, "production", len(cl.Owners))]
	if !p.Alive {
		return ""
	}
	return p.Instance
}
