package vercel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

const secret = "vct_very_secret_token"

// clock is the time of sandbox and client: it moves only when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// night is a sandbox in which dpl_bad serves, and a client that looks at it.
type night struct {
	*testing.T
	*clock
	urls   sandbox.URLs
	client *vercel.Client
	began  time.Time
}

var domains = []string{"shop.test", "www.shop.test", "seller.shop.test"}

func start(t *testing.T, change ...func(*vercel.Options)) *night {
	t.Helper()
	return startIn(t, sandbox.Options{Seed: 7, ErrorRate: -1}, change...)
}

// startIn is start in a sandbox of the given seed and unkindness.
func startIn(t *testing.T, world sandbox.Options, change ...func(*vercel.Options)) *night {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
	world.Now, world.Token = c.Now, secret
	s, err := sandbox.Start(t.Context(), world)
	if err != nil {
		t.Fatalf("starting the sandbox: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
	})
	o := vercel.Options{
		BaseURL: s.URLs().Vercel, Token: secret, Team: "team_aim", AllowPrivate: []string{"127.0.0.0/8"},
		ProbeBase: s.URLs().Shop, Timeout: 500 * time.Millisecond, Now: c.Now,
	}
	for _, f := range change {
		f(&o)
	}
	client, err := vercel.New(o)
	if err != nil {
		t.Fatalf("making the client: %v", err)
	}
	n := &night{T: t, clock: c, urls: s.URLs(), client: client, began: c.Now()}
	n.deploy("dpl_bad", "bad0")
	return n
}

// deploy pushes a build and waits out its lag.
func (n *night) deploy(id, commit string) {
	n.Helper()
	n.control(n.urls.Vercel, "deploy", map[string]any{"id": id, "commit": commit, "bad": id == "dpl_bad"})
	n.forward(time.Minute)
	n.began = n.Now()
}

func (n *night) control(base, what string, body any) {
	n.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		n.Fatal(err)
	}
	n.send(http.MethodPost, base+"/_sandbox/"+what, payload, 200)
}

// fault arms a fault of the Vercel stand-in for POST or GET.
func (n *night) fault(kind, method string, count int) {
	n.Helper()
	n.control(n.urls.Vercel, "fault", sandbox.Fault{Kind: kind, Method: method, Count: count, RetryAfter: 7})
}

// person makes a request the client knows nothing of.
func (n *night) person(path string) {
	n.Helper()
	n.send(http.MethodPost, n.urls.Vercel+path, nil, 201)
}

func (n *night) send(method, url string, body []byte, want int) []byte {
	n.Helper()
	r, err := http.NewRequestWithContext(n.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		n.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		n.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		n.Fatalf("%s %s: %d %s %v", method, url, resp.StatusCode, text, err)
	}
	return text
}

// calls are all that Vercel got.
func (n *night) calls() []sandbox.Call {
	n.Helper()
	var all []sandbox.Call
	if err := json.Unmarshal(n.send(http.MethodGet, n.urls.Vercel+"/_sandbox/calls", nil, 200), &all); err != nil {
		n.Fatal(err)
	}
	return all
}

// effects are the calls that changed something at Vercel.
func (n *night) effects() []sandbox.Call {
	n.Helper()
	var effects []sandbox.Call
	for _, c := range n.calls() {
		if c.Effect {
			effects = append(effects, c)
		}
	}
	return effects
}

// fits holds every call the client made against Vercel's own document.
func (n *night) fits() {
	n.Helper()
	checker := spectest.Vercel(n)
	for _, c := range n.calls() {
		if err := checker.Check(c.Method, c.Path, c.Query, []byte(c.Body)); err != nil {
			n.Errorf("request: %v", err)
		}
	}
}

// action is an action with the inputs of a step.
func (n *night) action(name string, with map[string]any) (orchestrator.Action, orchestrator.Call) {
	n.Helper()
	inputs := map[string]any{"project": "prj_shop", "domains": domains}
	maps.Copy(inputs, with)
	raw, err := json.Marshal(inputs)
	if err != nil {
		n.Fatal(err)
	}
	return n.client.Actions()[name], orchestrator.Call{
		Key: "key", Attempt: "a1", Incident: "INC-1", Step: "back", Project: "shop", Environment: "production", Inputs: raw, Since: n.began,
	}
}

func (n *night) rollback() (orchestrator.Action, orchestrator.Call) {
	n.Helper()
	return n.action("vercel.rollback", map[string]any{"expect_serving": "dpl_bad", "target": "dpl_good2", "description": "INC-1"})
}

// do calls Do and sees that no error tells the token.
func (n *night) do(a orchestrator.Action, c orchestrator.Call) (orchestrator.Output, error) {
	n.Helper()
	out, err := a.Do(n.Context(), c)
	if err != nil && strings.Contains(err.Error(), secret) {
		n.Errorf("the token stands in: %v", err)
	}
	return out, err
}

// wait verifies, a second of the sandbox at a time, until the outcome is final.
func (n *night) wait(a orchestrator.Action, c orchestrator.Call, token string) orchestrator.Outcome {
	n.Helper()
	for range 60 {
		out, err := a.Verify(n.Context(), c, token)
		if err != nil {
			n.Fatalf("verify: %v", err)
		}
		if out.Kind != orchestrator.OutcomeRunning {
			return out
		}
		n.forward(time.Second)
	}
	n.Fatal("still running after a minute")
	return orchestrator.Outcome{}
}

func field(t *testing.T, data json.RawMessage, path ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("decoding %q: %v", data, err)
	}
	for _, key := range path {
		v, _ = v.(map[string]any)[key]
	}
	return v
}
