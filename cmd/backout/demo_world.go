package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

//go:embed demo.yaml.tmpl
var demoConfig string

// demoWorld is the child processes of the demo and clients for them.
type demoWorld struct {
	dir      string
	urls     sandbox.URLs
	children []*exec.Cmd
	you      *client
	nats     string
	public   string
	died     chan struct{}
	// waits are the goroutines that wait for the end of a child.
	waits sync.WaitGroup
	// config is the template of the configuration; users is the audience as CSV, three
	// people when empty; serve are more arguments of serve.
	config, users string
	serve         []string
}

// demoCall is a call that changed something outside.
type demoCall struct {
	System string `json:"system"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
}

// startDemoWorld starts the sandbox and Backout as processes of their own.
func startDemoWorld(ctx context.Context, dir string) (*demoWorld, error) {
	w := &demoWorld{dir: dir, died: make(chan struct{}), config: demoConfig}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	if err := w.startSandbox(ctx, self); err != nil {
		w.close()
		return nil, err
	}
	if err := w.startBackout(ctx, self); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *demoWorld) startSandbox(ctx context.Context, self string) error {
	line, err := w.child(ctx, "sandbox.log", nil, self, "sandbox", "--base-port", "0", "--call-log", filepath.Join(w.dir, "calls.jsonl"), "-o", "json")
	if err != nil {
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	if err := json.Unmarshal([]byte(line), &w.urls); err != nil {
		return fmt.Errorf("reading the sandbox's addresses from %q: %w", line, err)
	}
	return w.inviteChat(ctx)
}

// inviteChat makes the people of the configuration known to the chat.
func (w *demoWorld) inviteChat(ctx context.Context) error { return inviteChat(ctx, w.urls) }

func inviteChat(ctx context.Context, urls sandbox.URLs) error {
	return post(ctx, urls.Slack+"/_sandbox/setup", map[string]any{"users": []map[string]string{
		{"id": "U0YOU", "name": "you", "email": "you@example.com"}, {"id": "U0COLL", "name": "colleague", "email": "colleague@example.com"},
	}})
}

func (w *demoWorld) startBackout(ctx context.Context, self string) error {
	config := filepath.Join(w.dir, "backout.yaml")
	if err := w.writeConfig(config); err != nil {
		return err
	}
	env, err := demoSecrets()
	if err != nil {
		return err
	}
	line, err := w.child(ctx, "backout.log", env, self, append([]string{"serve", "--config", config}, w.serve...)...)
	if err != nil {
		return fmt.Errorf("starting Backout: %w; see %s", err, filepath.Join(w.dir, "backout.log"))
	}
	fields := addresses(line)
	w.nats, w.public = fields["nats"], fields["public"]
	return w.becomeSomebody(ctx, fields["admin"])
}

// demoSecrets are the variables that the configurations of the demo and of benches name.
func demoSecrets() ([]string, error) {
	env := []string{"DEMO_VERCEL_TOKEN", "DEMO_GITHUB_TOKEN", "DEMO_SENDGRID_KEY", "DEMO_SLACK_TOKEN", "DEMO_SLACK_SECRET", "DEMO_HOOK_TOKEN"}
	for i, name := range env {
		value, err := randomHex(12)
		if err != nil {
			return nil, err
		}
		env[i] = name + "=" + value
	}
	return env, nil
}

// becomeSomebody makes a token for the person in front of the terminal.
func (w *demoWorld) becomeSomebody(ctx context.Context, admin string) (err error) {
	w.you, err = speakAs(ctx, "you", admin, filepath.Join(w.dir, "data"))
	return err
}

// speakAs makes a token for a person by the first admin token in a data folder.
func speakAs(ctx context.Context, person, admin, data string) (*client, error) {
	f := clientFlags{server: admin, data: data}
	secret, err := newToken()
	if err != nil {
		return nil, err
	}
	t := orchestrator.Token{Hash: console.HashToken(secret), Person: person, Scope: "person", Label: "demo"}
	if err := f.client().post(ctx, "/api/v1/tokens", t, &t); err != nil {
		return nil, fmt.Errorf("making a token for %s: %w", person, err)
	}
	f.token = secret
	return f.client(), nil
}

func (w *demoWorld) writeConfig(path string) error {
	t, err := template.New("demo").Parse(w.config)
	if err != nil {
		return fmt.Errorf("reading the demo's configuration: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"URLs": w.urls, "Data": filepath.Join(w.dir, "data")}); err != nil {
		return fmt.Errorf("writing the demo's configuration: %w", err)
	}
	users := cmp.Or(w.users, "email,name,lang\nminji@example.com,Minji,ko\njoon@example.com,Joon,ko\nalex@example.com,Alex,en\n")
	return errors.Join(os.WriteFile(path, b.Bytes(), 0o600), os.WriteFile(filepath.Join(w.dir, "users.csv"), []byte(users), 0o600))
}

// child starts a process and returns the first line it prints.
func (w *demoWorld) child(ctx context.Context, log string, env []string, name string, args ...string) (string, error) {
	file, err := os.Create(filepath.Join(w.dir, log))
	if err != nil {
		return "", fmt.Errorf("opening %s: %w", log, err)
	}
	defer func() { _ = file.Close() }()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = file
	first := &firstLine{line: make(chan string, 1)}
	cmd.Stdout = first
	if err := cmd.Start(); err != nil {
		return "", err
	}
	w.children = append(w.children, cmd)
	ended, died := make(chan error, 1), w.died
	w.waits.Go(func() {
		ended <- cmd.Wait()
		if log == "backout.log" {
			close(died)
		}
	})
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	select {
	case line := <-first.line:
		return line, nil
	case err := <-ended:
		said, _ := os.ReadFile(file.Name())
		return "", fmt.Errorf("it ended at once (%w): %s", err, bytes.TrimSpace(said))
	case <-timeout.C:
		return "", errors.New("it did not become ready in 30 s")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// firstLine catches the first line written to it.
type firstLine struct {
	buf  bytes.Buffer
	line chan string
	got  bool
}

// Write implements io.Writer.
func (f *firstLine) Write(p []byte) (int, error) {
	if !f.got {
		f.buf.Write(p)
		if line, _, ok := strings.Cut(f.buf.String(), "\n"); ok {
			f.got = true
			f.line <- line
		}
	}
	return len(p), nil
}

// childStops is how long a child may take to stop before it is killed.
const childStops = 10 * time.Second

// close stops the children and waits for their ends: they write into the demo's folder
// until then.
func (w *demoWorld) close() {
	for _, c := range slices.Backward(w.children) {
		_ = c.Process.Signal(os.Interrupt)
	}
	late := time.AfterFunc(childStops, func() {
		for _, c := range w.children {
			_ = c.Process.Kill()
		}
	})
	defer late.Stop()
	w.waits.Wait()
}

// waitServing waits until Backout has read from Vercel what serves.
func (w *demoWorld) waitServing(ctx context.Context, id string) error {
	return poll(ctx, 20*time.Second, "Backout to read what serves", func() bool {
		var v struct{ Serving string }
		err := w.you.get(ctx, "/api/v1/verdict", url.Values{"project": {"shop"}}, &v)
		return err == nil && v.Serving == id
	})
}

func (w *demoWorld) waitIncident(ctx context.Context, id string) error {
	return poll(ctx, 30*time.Second, "an incident to open", func() bool {
		var inc console.Incident
		return w.you.get(ctx, "/api/v1/incidents/"+id, nil, &inc) == nil
	})
}

// ship makes the sandbox build and promote a deployment, as a push would.
func (w *demoWorld) ship(ctx context.Context, id, commit string, bad bool) error {
	return post(ctx, w.urls.Vercel+"/_sandbox/deploy", map[string]any{"id": id, "commit": commit, "target": "production", "bad": bad})
}

// calls reads which calls changed something outside.
func (w *demoWorld) calls(ctx context.Context) ([]demoCall, error) {
	var out []demoCall
	for _, s := range []struct{ name, url string }{{"vercel", w.urls.Vercel}, {"sendgrid", w.urls.SendGrid}, {"github", w.urls.GitHub}, {"slack", w.urls.Slack}} {
		var calls []sandbox.Call
		if err := fetch(ctx, s.url+"/_sandbox/calls", &calls); err != nil {
			return nil, err
		}
		for _, c := range calls {
			if c.Effect {
				out = append(out, demoCall{System: s.name, Method: c.Method, Path: c.Path, Status: c.Status})
			}
		}
	}
	return out, nil
}

// poll asks until ok, every 100 ms, and says what it waited for when it gives up.
func poll(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	return pollEvery(ctx, 100*time.Millisecond, limit, what, ok)
}

func pollEvery(ctx context.Context, every, limit time.Duration, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s in vain", limit, what)
		}
	}
	return nil
}

func post(ctx context.Context, target string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	return request(ctx, http.MethodPost, target, data, nil)
}

func fetch(ctx context.Context, target string, v any) error {
	return request(ctx, http.MethodGet, target, nil, v)
}

func request(ctx context.Context, method, target string, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("building a request to %s: %w", target, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answered %s", target, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(v)
}
