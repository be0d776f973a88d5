package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// clock is the sandbox's time in tests: it moves only when a test says so.
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

// harness is a sandbox under a test's clock with verbs to talk to it.
type harness struct {
	*testing.T
	*sandbox.Sandbox
	clock *clock
	urls  sandbox.URLs
}

// start runs a sandbox without random errors; change, if given, edits its options.
func start(t *testing.T, change ...func(*sandbox.Options)) *harness {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
	o := sandbox.Options{Seed: 7, ErrorRate: -1, Now: c.Now}
	for _, f := range change {
		f(&o)
	}
	s, err := sandbox.Start(t.Context(), o)
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
	return &harness{T: t, Sandbox: s, clock: c, urls: s.URLs()}
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("decoding %q: %v", r.body, err)
	}
}

func (r reply) object(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	r.into(t, &v)
	return v
}

// at digs a value out of nested objects.
func (r reply) at(t *testing.T, path ...string) any {
	t.Helper()
	var v any = r.object(t)
	for _, key := range path {
		v, _ = v.(map[string]any)[key]
	}
	return v
}

// call sends a request with a token; body may be nil, a string or a value for JSON.
func (h *harness) call(method, url string, body any) reply {
	h.Helper()
	r, err := h.try(method, url, body, "Bearer anything")
	if err != nil {
		h.Fatalf("%s %s: %v", method, url, err)
	}
	return r
}

func (h *harness) try(method, url string, body any, auth string) (reply, error) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	var payload []byte
	switch b := body.(type) {
	case nil:
	case string:
		payload = []byte(b)
	default:
		var err error
		if payload, err = json.Marshal(b); err != nil {
			h.Fatalf("encoding the body: %v", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		h.Fatalf("making the request: %v", err)
	}
	if auth != "" {
		r.Header.Set("Authorization", auth)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: text}, err
}

// want calls and fails unless the status is as said.
func (h *harness) want(status int, method, url string, body any) reply {
	h.Helper()
	r := h.call(method, url, body)
	if r.status != status {
		h.Fatalf("%s %s: status %d, want %d; body %s", method, url, r.status, status, r.body)
	}
	return r
}

// vercel calls the Vercel stand-in.
func (h *harness) vercel(status int, method, path string) reply {
	h.Helper()
	return h.want(status, method, h.urls.Vercel+path, nil)
}

func (h *harness) calls(base string) []sandbox.Call {
	h.Helper()
	var calls []sandbox.Call
	h.want(200, "GET", base+"/_sandbox/calls", nil).into(h.T, &calls)
	return calls
}

type obj = map[string]any
