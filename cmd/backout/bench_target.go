package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// benchTarget is the outside system of a latency bench: an HTTP server on
// loopback that notes when the request for each environment came in.
type benchTarget struct {
	server *http.Server
	client *http.Client
	url    string
	// hold is how long an answer takes, so that a caller can die in between.
	hold time.Duration
	mu   sync.Mutex
	// came is when the first call of an environment arrived, count how many did.
	came  map[string]time.Time
	count map[string]int
	rings chan struct{}
}

func startBenchTarget(ctx context.Context) (*benchTarget, error) {
	ln, err := listenLoopback(ctx)
	if err != nil {
		return nil, err
	}
	t := &benchTarget{
		url: "http://" + ln.Addr().String() + "/", client: &http.Client{Timeout: 10 * time.Second},
		came: map[string]time.Time{}, count: map[string]int{}, rings: make(chan struct{}, 1),
	}
	t.server = &http.Server{Handler: t, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = t.server.Serve(ln) }()
	return t, nil
}

func listenLoopback(ctx context.Context) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the bench's calls: %w", err)
	}
	return ln, nil
}

// ServeHTTP notes when a call arrived.
func (t *benchTarget) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	at, env := time.Now(), strings.TrimPrefix(r.URL.Path, "/")
	t.mu.Lock()
	if _, twice := t.came[env]; !twice {
		t.came[env] = at
	}
	t.count[env]++
	t.mu.Unlock()
	select {
	case t.rings <- struct{}{}:
	default:
	}
	if t.hold > 0 {
		select {
		case <-time.After(t.hold):
		case <-r.Context().Done():
		}
	}
}

// do is the one action of the plan: a POST with the step key, as a real handler
// makes it.
func (t *benchTarget) do(ctx context.Context, c orchestrator.Call) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+c.Environment, strings.NewReader(c.Key))
	if err != nil {
		return orchestrator.Permanent(fmt.Errorf("building the call: %w", err))
	}
	req.Header.Set("Idempotency-Key", c.Key)
	resp, err := t.client.Do(req)
	if err != nil {
		return orchestrator.InDoubt(fmt.Errorf("calling the bench's target: %w", err))
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// at is when the call for an environment arrived.
func (t *benchTarget) at(env string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.came[env]
	return at, ok
}

// calls is how many calls for an environment arrived.
func (t *benchTarget) calls(env string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count[env]
}

// wait returns when the calls for environments from to below have all arrived.
func (t *benchTarget) wait(ctx context.Context, from, to int) error {
	for i := from; i < to; {
		if _, ok := t.at(benchEnvironment(i)); ok {
			i++
			continue
		}
		select {
		case <-t.rings:
		case <-ctx.Done():
			return fmt.Errorf("the call of event %d did not come: %w", i, ctx.Err())
		}
	}
	return nil
}

func (t *benchTarget) close() {
	_ = t.server.Close()
	t.client.CloseIdleConnections()
}
