package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// snippets is where the programs stand that the README quotes for publishers.
const snippets = "testdata/snippets"

// TestSnippets_quoted: the README shows each of them to the letter.
func TestSnippets_quoted(t *testing.T) {
	t.Parallel()
	_, fences := readme(t)
	for file, lang := range map[string]string{"publish.go": "go", "backout.ts": "ts", "proxy.ts": "ts", "tell_backout.py": "python"} {
		body := string(must(os.ReadFile(filepath.Join(snippets, file)))(t))
		if !slices.Contains(fences, fence{lang, body}) {
			t.Errorf("README.md has no block of %s that is %s to the letter", lang, filepath.Join(snippets, file))
		}
	}
}

// TestSnippets_publish runs each against a Backout that then knows why its event did what
// it did.
func TestSnippets_publish(t *testing.T) {
	t.Parallel()
	node, python := needed(t, "node", "nodejs"), needed(t, "python3", "python3")
	s := newShop(t, shopOptions{Kind: true})
	s.waitServing("dpl_good2")
	env := []string{"BACKOUT_URL=" + s.at("public"), "BACKOUT_PUBLISH_TOKEN=" + s.publishToken()}
	runs := func(env []string, args ...string) string {
		t.Helper()
		code, out, said := once(t, "", env, args...)
		if code != 0 {
			t.Fatalf("%v: exit code %d: %s%s", args, code, out, said)
		}
		return out + said
	}

	goProgram := must(build("publish", "./"+filepath.Join(snippets, "publish.go")))(t)
	runs(nil, goProgram, s.at("nats"), "go-1")
	s.wantWhy("nats/shop", "my-monitor/go-1", "opened INC-1")
	s.waitIncident("INC-1", "open", func(*console.Incident) bool { return true })

	call := `import tell_backout as t; print(t.tell_backout("py-1", "backout.alert.firing", project="shop", component="checkout", name="NightlyJob", severity="warning"))`
	for range 2 { // the second has the id of the first and is none
		runs(append([]string{"PYTHONPATH=" + snippets, "PYTHONDONTWRITEBYTECODE=1"}, env...), python, "-c", call)
	}
	s.wantWhy("http/events/shop", "nightly-job/py-1", "joined INC-1")

	program := javascript(t, "main.ts")
	if said := runs(env, node, program, "ts-1"); !strings.HasPrefix(said, "answered 200\nended ") || strings.Contains(said, "Backout") {
		t.Errorf("the function said %q", said)
	}
	s.wantWhy("http/events/shop", "shop-api/ts-1", "joined INC-1")
	if said := runs([]string{env[0], "BACKOUT_PUBLISH_TOKEN=wrong"}, node, program, "ts-2"); !strings.Contains(said, "did not take the event: 401") {
		t.Errorf("with a wrong token the function said %q", said)
	}
	s.backout.stop(t)
	if said := runs(env, node, program, "ts-3"); !strings.Contains(said, "answered 200\n") || !strings.Contains(said, "Backout was not told") {
		t.Errorf("without a Backout the function said %q", said)
	}
}

// TestSnippets_typescriptGivesUp: a Backout that takes the connection and says nothing
// costs a function two seconds after its answer and no error.
func TestSnippets_typescriptGivesUp(t *testing.T) {
	t.Parallel()
	node := needed(t, "node", "nodejs")
	silent := must((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = silent.Close() })
	env := []string{"BACKOUT_URL=http://" + silent.Addr().String(), "BACKOUT_PUBLISH_TOKEN=any"}
	code, out, said := once(t, "", env, node, javascript(t, "main.ts"), "ts-1")
	_, took, _ := strings.Cut(strings.TrimSpace(out), "ended ")
	ms, err := strconv.Atoi(took)
	if code != 0 || err != nil || ms < 1900 || ms > 10_000 || !strings.Contains(said, "TimeoutError") {
		t.Errorf("exit code %d after %d ms: %s%s", code, ms, out, said)
	}
}

// TestSnippets_maintenancePage: the site answers 503 while its switch is off, and goes on
// serving when it is on, when there is none, and when it cannot be read.
func TestSnippets_maintenancePage(t *testing.T) {
	t.Parallel()
	node := needed(t, "node", "nodejs")
	program := javascript(t, "proxied.ts")
	for name, c := range map[string]struct {
		status       int
		value, wants string
	}{
		"off":     {http.StatusOK, "false", "503 120 We are putting something right."},
		"on":      {http.StatusOK, "true", "on to the site"},
		"none":    {http.StatusNotFound, `{"error": {"code": "edge_config_item_not_found"}}`, "on to the site"},
		"garbled": {http.StatusOK, "<html>", "on to the site"},
	} {
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() != "/ecfg_shop/item/site?token=any" {
				t.Errorf("the store was asked for %s", r.URL)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.value)
		}))
		code, out, said := once(t, "", []string{"EDGE_CONFIG=" + store.URL + "/ecfg_shop?token=any"}, node, program)
		store.Close()
		if code != 0 || !strings.HasPrefix(out, c.wants) {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, said)
		}
	}
}

// javascript makes one program of the function and what a host has around it.
func javascript(t *testing.T, main string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "function.mjs")
	host := must(filepath.Abs(filepath.Join(snippets, "host", "server.ts")))(t)
	built := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(snippets, "host", main)}, Outfile: file, Write: true, Bundle: true,
		Platform: api.PlatformNode, Format: api.FormatESModule, Target: api.ES2022, Alias: map[string]string{"next/server": host},
	})
	for _, m := range slices.Concat(built.Errors, built.Warnings) {
		t.Fatalf("making JavaScript of the TypeScript: %s", m.Text)
	}
	return file
}

// publishToken is one that may publish events of the shop and do nothing else.
func (s *shop) publishToken() string {
	s.t.Helper()
	admin := (&clientFlags{server: s.at("admin"), data: s.path("data")}).client()
	secret := must(newToken())(s.t)
	t := orchestrator.Token{Hash: console.HashToken(secret), Scope: "publish", Project: "shop", Label: "test"}
	if err := admin.post(s.t.Context(), "/api/v1/tokens", t, &t); err != nil {
		s.t.Fatal(err)
	}
	return secret
}

// wantWhy waits until Backout says once why an event did what it did.
func (s *shop) wantWhy(origin, id, want string) {
	s.t.Helper()
	var lines []orchestrator.WhyLine
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if !eventually(ctx, 30*time.Second, func() bool {
		return s.get("/api/v1/why", url.Values{"id": {id}, "origin": {origin}}, &lines) == nil && len(lines) == 1
	}) {
		s.t.Fatalf("nothing is known of %s: %s", id, s.backout.said())
	}
	if !strings.Contains(lines[0].Why, want) {
		s.t.Errorf("why %s: %q, want %q", id, lines[0].Why, want)
	}
}
