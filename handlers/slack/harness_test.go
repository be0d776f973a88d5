package slack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/slack"
	"github.com/aimarketplace/backout/orchestrator"
)

// These must appear in no error and no log line.
const (
	botToken = "xoxb-very-secret"
	signing  = "very-secret-signing"
)

// journal is a log that many goroutines write to.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// workspace is a Slack stand-in with a client, and an app for it to talk to.
type workspace struct {
	*testing.T
	url    string
	client *slack.Client
	log    *journal
}

func start(t *testing.T) *workspace {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 7, Kind: true, Token: botToken})
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
	w := &workspace{T: t, url: s.URLs().Slack, log: &journal{}}
	w.client, err = slack.New(slack.Options{
		BaseURL: w.url, BotToken: botToken, SigningSecret: signing, Channel: "C0INC", AllowPrivate: []string{"127.0.0.1"},
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatalf("making the client: %v", err)
	}
	t.Cleanup(func() {
		for _, secret := range []string{botToken, signing} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log tells a secret:\n%s", w.log)
			}
		}
	})
	return w
}

type obj = map[string]any

// control asks the stand-in something that is no call of the API.
func (w *workspace) control(method, path string, in, out any) int {
	w.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+"/_sandbox/"+path, bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			w.Fatalf("%s: %s: %v", path, raw, err)
		}
	}
	return resp.StatusCode
}

func (w *workspace) fault(f sandbox.Fault) {
	w.Helper()
	if got := w.control("POST", "fault", f, nil); got != http.StatusOK {
		w.Fatalf("arming %+v: %d", f, got)
	}
}

type shown struct {
	TS, Channel, Text string
	EphemeralTo       string `json:"ephemeral_to"`
	Edits             int
	Blocks            json.RawMessage
}

func (w *workspace) messages() []shown {
	w.Helper()
	var messages []shown
	w.control("GET", "messages", nil, &messages)
	return messages
}

func (w *workspace) calls(path string) int {
	w.Helper()
	var calls []sandbox.Call
	w.control("GET", "calls", nil, &calls)
	n := 0
	for _, c := range calls {
		if c.Path == path {
			n++
		}
	}
	return n
}

// app serves the handler and answers its address.
func (w *workspace) app(o slack.HandlerOptions) (url string, in *slack.Inbound) {
	w.Helper()
	in = w.client.Handler(o)
	server := httptest.NewServer(in)
	w.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.Context()), 5*time.Second)
		defer cancel()
		if err := in.Close(ctx); err != nil {
			w.Error(err)
		}
	})
	return server.URL, in
}

// card is a call of chat.update.
func card(t *testing.T, k slack.Card) orchestrator.Call {
	t.Helper()
	raw, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return orchestrator.Call{Key: "key-1", Attempt: "a1", Incident: k.Incident.ID, Step: "chat", Inputs: raw, Since: time.Now()}
}

// until waits for a condition; it asks every 10 ms for at most five seconds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
