package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// backend is a state in memory and the commands it was given.
type backend struct {
	state *orchestrator.State
	said  []orchestrator.Command
}

func (b *backend) Read(_ context.Context, _ uint64, fn func(*orchestrator.State) error) error {
	return fn(b.state)
}

func (b *backend) Peek(fn func(*orchestrator.State) error) error { return fn(b.state) }

func (b *backend) Command(_ context.Context, c orchestrator.Command) (orchestrator.Reply, error) {
	b.said = append(b.said, c)
	return orchestrator.Reply{ID: c.ID, OK: true, Text: "done"}, nil
}

func (b *backend) Configure(context.Context, ...orchestrator.Record) error { return nil }

func (b *backend) Watch() (<-chan []uint64, func()) { return nil, func() {} }

type never struct{}

func (never) Eval(string, map[string]any) (any, error) { return false, errors.New("no rules") }

func newBackend(t *testing.T, records ...orchestrator.Record) *backend {
	t.Helper()
	fold, err := orchestrator.NewFold(never{})
	if err != nil {
		t.Fatal(err)
	}
	state, err := orchestrator.NewState(&orchestrator.MemoryView{})
	if err != nil {
		t.Fatal(err)
	}
	env := orchestrator.Envelope{ID: "1", At: 1_700_000_000_000, Records: records}
	data, err := env.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fold.Apply(state, orchestrator.Entry{Seq: 1, Subject: orchestrator.SubjectAdmin, Data: data}); err != nil {
		t.Fatal(err)
	}
	if err := state.Flush(); err != nil {
		t.Fatal(err)
	}
	return &backend{state: state}
}

func records(t *testing.T) []orchestrator.Record {
	t.Helper()
	cfg, err := json.Marshal(orchestrator.Config{
		Mode: orchestrator.Advise, People: []orchestrator.Person{{ID: "ann", Roles: []string{"on-call"}}},
		Projects: []orchestrator.Project{{ID: "shop", Components: []orchestrator.Component{{ID: "web", Title: map[string]string{"en": "<Website>"}}}, Environments: []orchestrator.Environment{{ID: "production", Kind: "production"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return []orchestrator.Record{
		{Genesis: &orchestrator.Genesis{LogID: "l", Partitions: 1, FoldVersion: 1}},
		{Doc: &orchestrator.Doc{Kind: orchestrator.DocConfig, Hash: "c", Body: cfg}},
		{Token: &orchestrator.Token{Hash: console.HashToken("secret-ann"), Person: "ann", Scope: "person"}},
		{Token: &orchestrator.Token{Hash: console.HashToken("secret-old"), Person: "ann", Scope: "person", Revoked: true}},
		{Token: &orchestrator.Token{Hash: console.HashToken("secret-ci"), Scope: "publish", Project: "shop"}},
		{Token: &orchestrator.Token{Hash: console.HashToken("secret-admin"), Person: orchestrator.AdminPerson, Scope: "admin"}},
		{Command: &orchestrator.Command{ID: "c1", Via: "cli", Person: "ann", Verb: "open", Project: "shop", Text: "orders are empty"}},
	}
}

func api(t *testing.T, b *backend, open bool) http.Handler {
	t.Helper()
	return console.New(console.Options{
		Backend: b, Open: open, Logger: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler(), NewID: func() string { return "id" },
		Parse: func(words string) (orchestrator.Command, error) { return orchestrator.Command{Verb: words}, nil },
		Ready: func(context.Context) (map[string]string, error) { return nil, errors.New("not yet") },
	}).Handler()
}

func ask(t *testing.T, h http.Handler, request, token string) *httptest.ResponseRecorder {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(`{"words":"ack","person":"bob"}`))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAPI_whoMayDoWhat(t *testing.T) {
	t.Parallel()
	const local, foreign = "http://127.0.0.1:8080", "http://backout.evil.example"
	for _, c := range []struct {
		name, method, url, token string
		open                     bool
		want                     int
	}{
		{"reads are open on loopback", http.MethodGet, local + "/api/v1/incidents", "", true, 200},
		{"not under another name", http.MethodGet, foreign + "/api/v1/incidents", "", true, 401},
		{"not on a public listener", http.MethodGet, local + "/api/v1/incidents", "", false, 401},
		{"an entry that is no number", http.MethodGet, local + "/api/v1/incidents?min_seq=new", "", true, 400},
		{"a token reads", http.MethodGet, local + "/api/v1/incidents", "secret-ann", false, 200},
		{"a revoked token does not", http.MethodGet, local + "/api/v1/incidents", "secret-old", false, 401},
		{"a publish token does not", http.MethodGet, local + "/api/v1/incidents", "secret-ci", false, 403},
		{"not even what is open without one", http.MethodGet, local + "/api/v1/incidents", "secret-ci", true, 403},
		{"nor does it see tokens", http.MethodGet, local + "/api/v1/tokens", "secret-ci", true, 403},
		{"nor say words", http.MethodPost, local + "/api/v1/commands", "secret-ci", true, 403},
		{"nor make a token", http.MethodPost, local + "/api/v1/tokens", "secret-ci", true, 403},
		{"nor change the configuration", http.MethodPost, local + "/api/v1/config", "secret-ci", true, 403},
		{"nor hand anything in again", http.MethodPost, local + "/api/v1/quarantine/replay", "secret-ci", true, 403},
		{"words need a token", http.MethodPost, local + "/api/v1/commands", "", true, 401},
		{"words with a token", http.MethodPost, local + "/api/v1/commands", "secret-ann", true, 200},
		{"only admins make tokens", http.MethodPost, local + "/api/v1/tokens", "secret-ann", true, 403},
		{"only admins change the configuration", http.MethodPost, local + "/api/v1/config", "secret-ann", true, 403},
		{"an unknown incident", http.MethodGet, local + "/api/v1/incidents/INC-9", "", true, 404},
		{"the timeline of an unknown incident", http.MethodGet, local + "/api/v1/incidents/INC-9/timeline", "", true, 404},
		{"not ready", http.MethodGet, local + "/readyz", "", true, 503},
		{"alive", http.MethodGet, local + "/healthz", "", true, 200},
	} {
		h := api(t, newBackend(t, records(t)...), c.open)
		if got := ask(t, h, c.method+" "+c.url, c.token); got.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got.Code, got.Body, c.want)
		}
	}
}

func TestAPI_commandsSpeakInTheTokensName(t *testing.T) {
	t.Parallel()
	b := newBackend(t, records(t)...)
	ask(t, api(t, b, true), "POST http://127.0.0.1/api/v1/commands", "secret-ann")
	if len(b.said) != 1 || b.said[0].Person != "ann" || b.said[0].ID == "" {
		t.Fatalf("said %+v", b.said)
	}
}

func TestAPI_incidentHasWhatIsPromised(t *testing.T) {
	t.Parallel()
	h := api(t, newBackend(t, records(t)...), true)
	got := ask(t, h, "GET http://127.0.0.1/api/v1/incidents/INC-1", "")
	var inc map[string]any
	if err := json.Unmarshal(got.Body.Bytes(), &inc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"id", "state", "severity", "project", "environment", "component", "acknowledged", "suspect", "playbook", "timeline"} {
		if _, ok := inc[key]; !ok {
			t.Errorf("no %q in %s", key, got.Body)
		}
	}
	if got.Header().Get("Backout-Seq") != "1" {
		t.Errorf("Backout-Seq is %q", got.Header().Get("Backout-Seq"))
	}
}

func TestStatusPage_escapesAndSummarises(t *testing.T) {
	t.Parallel()
	page, err := console.StatusPage(newBackend(t, records(t)...))
	if err != nil {
		t.Fatal(err)
	}
	html := ask(t, page, "GET http://127.0.0.1/status", "").Body.String()
	if strings.Contains(html, "<Website>") || !strings.Contains(html, "&lt;Website&gt;") || !strings.Contains(html, "All systems operational") {
		t.Fatal(html)
	}
	var sum struct {
		Components []struct{ Name, Status string }
	}
	body := ask(t, page, "GET http://127.0.0.1/status/api/v2/summary.json", "").Body.Bytes()
	if err := json.Unmarshal(body, &sum); err != nil || len(sum.Components) != 1 || sum.Components[0].Status != "operational" {
		t.Fatalf("%s %v", body, err)
	}
}

// TestAPI_aPublishTokenIsForOneProject: it belongs to a project that there is and to
// nobody.
func TestAPI_aPublishTokenIsForOneProject(t *testing.T) {
	t.Parallel()
	hash := console.HashToken("new")
	for _, c := range []struct {
		token orchestrator.Token
		want  int
		text  string
	}{
		{orchestrator.Token{Hash: hash, Scope: "publish", Project: "shop"}, 200, "shop"},
		{orchestrator.Token{Hash: hash, Scope: "publish"}, 400, "for which project"},
		{orchestrator.Token{Hash: hash, Scope: "publish", Project: "bakery"}, 400, "no project"},
		{orchestrator.Token{Hash: hash, Scope: "publish", Project: "shop", Person: "ann"}, 400, "nobody's"},
		{orchestrator.Token{Hash: hash, Scope: "person", Person: "ann", Project: "shop"}, 400, "only a token of the scope publish"},
		{orchestrator.Token{Hash: hash, Scope: "publish", Revoked: true}, 200, "revoked"},
	} {
		body, err := json.Marshal(c.token)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8080/api/v1/tokens", strings.NewReader(string(body)))
		r.Header.Set("Authorization", "Bearer secret-admin")
		w := httptest.NewRecorder()
		api(t, newBackend(t, records(t)...), true).ServeHTTP(w, r)
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%+v: %d %s", c.token, w.Code, w.Body)
		}
	}
}

// busyBackend has a fold that is far behind, so that the newest state is long in
// coming.
type busyBackend struct {
	*backend
	waited int
}

func (b *busyBackend) Read(ctx context.Context, seq uint64, fn func(*orchestrator.State) error) error {
	b.waited++
	return b.backend.Read(ctx, seq, fn)
}

// TestAPI_wordsWaitForNoCommit: whose token it is, the last commit says; only one that
// it does not know is worth waiting for.
func TestAPI_wordsWaitForNoCommit(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]struct{ status, waited int }{
		"secret-ann": {http.StatusOK, 0}, "secret-old": {http.StatusUnauthorized, 0}, "secret-new": {http.StatusUnauthorized, 2},
	} {
		b := &busyBackend{backend: newBackend(t, records(t)...)}
		h := console.New(console.Options{
			Backend: b, Logger: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler(), NewID: func() string { return "id" },
			Parse: func(words string) (orchestrator.Command, error) { return orchestrator.Command{Verb: words}, nil },
		}).Handler()
		if got := ask(t, h, "POST http://127.0.0.1/api/v1/commands", token); got.Code != want.status || b.waited != want.waited {
			t.Errorf("%s: %d after %d waits, want %d after %d", token, got.Code, b.waited, want.status, want.waited)
		}
	}
}
