package sendgrid_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/orchestrator"
)

// apiKey must appear in no error and no log line.
const apiKey = "SG.very-secret-key"

// shelf keeps blobs in memory.
type shelf struct {
	mu    sync.Mutex
	blobs map[string][]byte
}

func (s *shelf) PutBlob(_ context.Context, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[hash] = bytes.Clone(data)
	return hash, nil
}

func (s *shelf) Blob(_ context.Context, hash string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.blobs[hash]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("no blob %s", hash)
}

// post is a SendGrid stand-in with a client in front of it.
type post struct {
	*testing.T
	url    string
	client *sendgrid.Client
	action orchestrator.Action
	log    *bytes.Buffer
}

// start runs the stand-in without random errors; change edits the client's options.
func start(t *testing.T, change func(*sendgrid.Options)) *post {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 7, Kind: true, Token: apiKey})
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
	log := &bytes.Buffer{}
	o := sendgrid.Options{
		BaseURL: s.URLs().SendGrid, APIKey: apiKey, From: "status@shop.test", FromName: "Shop", ReplyTo: "help@shop.test",
		Blobs: &shelf{blobs: map[string][]byte{}}, AllowPrivate: []string{"127.0.0.0/8"},
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	client, err := sendgrid.New(o)
	if err != nil {
		t.Fatalf("making the client: %v", err)
	}
	return &post{T: t, url: s.URLs().SendGrid, client: client, action: client.Actions()["sendgrid.notice"], log: log}
}

// call is a call of sendgrid.notice with these inputs.
func call(inputs map[string]any) orchestrator.Call {
	raw, err := json.Marshal(inputs)
	if err != nil {
		panic(err)
	}
	return orchestrator.Call{Key: "key-1", Attempt: "attempt-1", Incident: "INC-7", Step: "mail", Project: "shop", Environment: "production", Inputs: raw}
}

func (p *post) plan(c orchestrator.Call) orchestrator.Preview {
	p.Helper()
	preview, err := p.action.Plan(p.Context(), c)
	if err != nil {
		p.Fatalf("planning: %v", err)
	}
	return preview
}

// chunk is the call that sends one chunk of a preview.
func chunk(c orchestrator.Call, preview orchestrator.Preview, n int) orchestrator.Call {
	c.Preview, c.Chunk, c.Key = preview.Data, n, fmt.Sprintf("key-%d", n)
	return c
}

func (p *post) get(path string, v any) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		p.Fatalf("decoding %s: %v", path, err)
	}
}

func (p *post) mails() []sandbox.Mail {
	p.Helper()
	var mails []sandbox.Mail
	p.get("/_sandbox/mails", &mails)
	return mails
}

func (p *post) calls() []sandbox.Call {
	p.Helper()
	var calls []sandbox.Call
	p.get("/_sandbox/calls", &calls)
	return calls
}

func (p *post) fault(f sandbox.Fault) {
	p.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.url+"/_sandbox/fault", bytes.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.Fatalf("arming %+v: %v %v", f, resp, err)
	}
	_ = resp.Body.Close()
}

// csvFile writes an audience of n people, every fourth of them English.
func csvFile(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("email,name,lang\r\n")
	for i := range n {
		lang := "ko"
		if i%4 == 0 {
			lang = "en"
		}
		fmt.Fprintf(&b, "user%d@shop.test,User %d,%s\r\n", i, i, lang)
	}
	return file(t, b.String())
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func audience(a orchestrator.Audience) func(*sendgrid.Options) {
	return func(o *sendgrid.Options) { o.Audiences = []orchestrator.Audience{a} }
}
