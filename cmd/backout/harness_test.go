package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

// The stories drive the shipped program: Backout and the sandbox are child
// processes, people speak over the admin API, publishers over NATS, and the judge
// of what was done is the sandbox's call log, never what Backout says of itself.

// storyLimit bounds everything a story waits for.
const storyLimit = 2 * time.Minute

// secrets are the credentials of a test run, by variable; each can be searched for.
func secrets() map[string]string {
	return map[string]string{
		"E2E_VERCEL_TOKEN":       "zq-vercel-7d1f0c5b9a",
		"E2E_GITHUB_TOKEN":       "zq-github-31b8ee02d4",
		"E2E_SLACK_TOKEN":        "zq-slackbot-90ac4f7e11",
		"E2E_SLACK_SECRET":       "zq-slacksign-5c2e7fd0b8",
		"E2E_SENDGRID_KEY":       "zq-sendgrid-e41d9b0a76",
		"E2E_HOOK_TOKEN":         "zq-events-b27f6c8d13",
		"E2E_ALERTMANAGER_TOKEN": "hooktoken",
		"E2E_VERCEL_SECRET":      "zq-vercelhook-0f9d3a61c7",
		"E2E_STRIPE_KEY":         "zq-stripe-6b1f83d0c5",
		"E2E_TOSS_KEY":           "zq-toss-d94a27e1f0",
		"E2E_SUPABASE_TOKEN":     "zq-supabase-6a1c93e0f2",
		"E2E_PROMETHEUS_TOKEN":   "zq-prometheus-1b8e40c7d9",
		"E2E_SENTRY_TOKEN":       "zq-sentry-77f0a2c6b1",
	}
}

// shop is a world: a sandbox, a Backout that watches it, and Ann on call.
type shop struct {
	t       testing.TB
	o       shopOptions
	dir     string
	bin     string
	env     []string
	urls    sandbox.URLs
	sandbox *process
	backout *process
	disk    *disk
	judge   callReader
	// mu guards what changes when Backout starts again.
	mu    sync.Mutex
	ready map[string]string
	token string
}

// newShop starts a sandbox and a Backout as processes of their own.
func newShop(tb testing.TB, o shopOptions) *shop {
	tb.Helper()
	bin, err := built.plain()
	if o.Crash && err == nil {
		bin, err = built.crash()
	}
	if err != nil {
		tb.Fatal(err)
	}
	s := &shop{t: tb, o: o, dir: tb.TempDir(), bin: bin, env: o.Env}
	for name, value := range secrets() {
		s.env = append(s.env, name+"="+value)
	}
	if o.Database != "" {
		s.env = append(s.env, "E2E_DATABASE="+o.Database)
	}
	s.startSandbox()
	s.writeConfig()
	if o.Disk != "" {
		s.disk = mountDisk(tb, s.path("data"), o.Disk)
	}
	s.restart("")
	s.token = s.newToken("ann", "person")
	return s
}

func (s *shop) startSandbox() {
	s.t.Helper()
	args := []string{s.bin, "sandbox", "--base-port", "0", "--call-log", s.path("calls.jsonl"), "-o", "json"}
	if s.o.Kind {
		args = append(args, "--kind")
	}
	var err error
	if s.sandbox, err = launch(s.t, s.path("sandbox.log"), nil, args...); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(s.sandbox.line), &s.urls); err != nil {
		s.t.Fatalf("reading the sandbox's addresses from %q: %v", s.sandbox.line, err)
	}
	s.t.Log("sandbox:", s.sandbox.line)
	s.order(s.urls.Slack+"/_sandbox/setup", map[string]any{"users": []map[string]string{
		{"id": "U0ANN", "name": "ann", "email": "ann@example.com"}, {"id": "U0BOB", "name": "bob", "email": "bob@example.com"},
	}})
	if s.o.World != nil {
		s.order(s.urls.GitHub+"/_sandbox/world", s.o.World)
	}
	for _, n := range s.shops() {
		s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"projects": []map[string]any{{
			"id": fmt.Sprintf("prj_shop%d", n), "domains": []string{fmt.Sprintf("shop%d.test", n)},
			"deployments": []map[string]string{{"id": fmt.Sprintf("dpl_s%dgood1", n)}, {"id": fmt.Sprintf("dpl_s%dgood2", n)}},
		}}})
	}
}

func (s *shop) writeConfig() {
	s.t.Helper()
	tmpl := must(template.ParseFiles("testdata/backout.yaml.tmpl"))(s.t)
	var b bytes.Buffer
	values := struct {
		shopOptions
		URLs  sandbox.URLs
		Data  string
		Shops []int
	}{s.o, s.o.Meter.before(s.t, s.urls), s.path("data"), s.shops()}
	if err := tmpl.Execute(&b, values); err != nil {
		s.t.Fatal(err)
	}
	users := "email,name,lang\nminji@example.com,Minji,ko\njoon@example.com,Joon,ko\nalex@example.com,Alex,en\n"
	for name, data := range map[string]string{"backout.yaml": b.String(), "users.csv": users} {
		if err := os.WriteFile(s.path(name), []byte(data), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// shops are the numbers of the added projects.
func (s *shop) shops() []int {
	out := make([]int, s.o.Shops)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

func (s *shop) serveArgs() []string {
	args := append(s.disk.inside(), s.bin, "serve", "--config", s.path("backout.yaml"), "--log", "json")
	args = append(args, s.o.Serve...)
	if s.o.Workflows != "" {
		args = append(args, "--workflows", s.o.Workflows)
	}
	return args
}

// tryRestart starts Backout anew, with a crash point armed unless it is empty. It
// returns what went wrong, for starts that are to crash.
func (s *shop) tryRestart(crash string) error {
	s.t.Helper()
	p, err := launch(s.t, s.path("backout.log"), append([]string{"BACKOUT_CRASH=" + crash}, s.env...), s.serveArgs()...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backout = p
	if err != nil {
		return err
	}
	s.ready = p.fields()
	return nil
}

func (s *shop) restart(crash string) {
	s.t.Helper()
	if err := s.tryRestart(crash); err != nil {
		s.t.Fatal(err)
	}
}

// at is an address of the running Backout: public, admin or nats.
func (s *shop) at(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready[name]
}

// newToken makes a token with the first admin token.
func (s *shop) newToken(person, scope string) string {
	s.t.Helper()
	admin := (&clientFlags{server: s.at("admin"), data: s.disk.seen(s.path("data"))}).client()
	secret := must(newToken())(s.t)
	t := orchestrator.Token{Hash: console.HashToken(secret), Person: person, Scope: scope, Label: "test"}
	if err := admin.post(s.t.Context(), "/api/v1/tokens", t, &t); err != nil {
		s.t.Fatal(err)
	}
	return secret
}

func (s *shop) client() *client {
	return (&clientFlags{server: s.at("admin"), token: s.token}).client()
}

// say speaks as Ann; ok is false when Backout refused or did not answer.
func (s *shop) say(words string) (text string, ok bool) {
	r, err := s.client().say(s.t.Context(), words)
	if err != nil {
		return err.Error(), false
	}
	return r.Text, r.OK
}

// mustSay speaks as Ann and fails the test when she is refused.
func (s *shop) mustSay(words string) {
	s.t.Helper()
	if text, ok := s.say(words); !ok {
		s.t.Fatalf("%s: refused: %s", words, text)
	}
}

// get reads the admin API.
func (s *shop) get(path string, query url.Values, v any) error {
	return s.client().get(s.t.Context(), path, query, v)
}

// incident reads an incident; its ID is empty while there is none.
func (s *shop) incident(id string) console.Incident {
	var inc console.Incident
	if s.get("/api/v1/incidents/"+id, nil, &inc) != nil {
		return console.Incident{}
	}
	return inc
}

// waitIncident waits until an incident is as wanted, and shows it when it never is.
func (s *shop) waitIncident(id, what string, ok func(*console.Incident) bool) console.Incident {
	s.t.Helper()
	var inc console.Incident
	if !s.eventually(storyLimit, func() bool {
		inc = s.incident(id)
		return inc.ID != "" && ok(&inc)
	}) {
		s.t.Fatalf("waited %s for %s to be %s in vain:\n%s\n%s", storyLimit, id, what, told(&inc), s.backout.said())
	}
	return inc
}

// told is an incident in the few lines that a failing test needs.
func told(inc *console.Incident) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s by %s, waits for %v\n", inc.ID, inc.State, inc.Playbook, inc.WaitingOn)
	for _, l := range inc.Timeline {
		fmt.Fprintf(&b, "  %s %-10s %s\n", l.At.Format("15:04:05.000"), l.Actor, l.Text)
	}
	return b.String()
}

func stepOf(inc *console.Incident, id string) console.Step {
	for _, st := range inc.Steps {
		if st.ID == id {
			return st
		}
	}
	return console.Step{}
}

// eventually asks until ok, and reports whether it ever was.
func (s *shop) eventually(limit time.Duration, ok func() bool) bool {
	return eventually(s.t.Context(), limit, ok)
}

func eventually(ctx context.Context, limit time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// waitServing waits until Backout has read what serves.
func (s *shop) waitServing(id string) {
	s.t.Helper()
	var v struct{ Serving string }
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/verdict", url.Values{"project": {"shop"}}, &v) == nil && v.Serving == id
	}) {
		s.t.Fatalf("Backout does not see that %s serves, it says %q", id, v.Serving)
	}
}

// ship builds and promotes a deployment, as a push would.
func (s *shop) ship(id, commit string, bad bool) {
	s.t.Helper()
	s.order(s.urls.Vercel+"/_sandbox/deploy", map[string]any{"id": id, "commit": commit, "target": "production", "bad": bad})
}

// order tells the sandbox to do something.
func (s *shop) order(target string, body any) {
	s.t.Helper()
	if err := post(s.t.Context(), target, body); err != nil {
		s.t.Fatal(err)
	}
}

// hook posts a body to a path of the public listener.
func (s *shop) hook(path string, body []byte, header http.Header) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.at("public")+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(said)), err
}
