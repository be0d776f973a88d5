package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/sandbox"
)

const initToken1 = "vct_zq_the_token_itself"

// newcomer is an empty folder, a token in a file, and a sandbox to try on.
type newcomer struct {
	*testing.T
	*sandbox.Sandbox
	dir, token string
}

func newNewcomer(t *testing.T, setups ...map[string]any) *newcomer {
	t.Helper()
	s := must(sandbox.Start(t.Context(), sandbox.Options{Seed: 7, ErrorRate: -1, MaxLag: -1}))(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	n := &newcomer{T: t, Sandbox: s, dir: filepath.Join(t.TempDir(), "backout"), token: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(n.token, []byte(initToken1+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, body := range append([]map[string]any{{"projects": []map[string]any{{
		"id": "prj_shop", "domains": []string{"shop.test", "www.shop.test", "next.shop.test"},
		"redirects": map[string]string{"www.shop.test": "shop.test"}, "branches": map[string]string{"next.shop.test": "next"},
	}}}}, setups...) {
		n.control("setup", body)
	}
	return n
}

func (n *newcomer) control(what string, body any) {
	n.Helper()
	if err := post(n.Context(), n.URLs().Vercel+"/_sandbox/"+what, body); err != nil {
		n.Fatal(err)
	}
}

// init runs the command with what each set-up needs, and more.
func (n *newcomer) init(answers string, more ...string) (code int, out, said string) {
	n.Helper()
	var stdout, stderr strings.Builder
	args := append([]string{
		"init", n.dir, "--vercel-base-url", n.URLs().Vercel, "--probe-base-url", n.URLs().Shop, "--allow-private", "127.0.0.0/8",
	}, more...)
	code = run(n.Context(), args, stdio{strings.NewReader(answers), &stdout, &stderr})
	for _, text := range []string{stdout.String(), stderr.String()} {
		if strings.Contains(text, initToken1) || (n.secret() != "" && strings.Contains(text, n.secret())) {
			n.Errorf("a secret is shown:\n%s", text)
		}
	}
	return code, stdout.String(), stderr.String()
}

// script is init with every answer as a flag.
func (n *newcomer) script(more ...string) (code int, out, said string) {
	n.Helper()
	return n.init("", append([]string{"--vercel-token", "file:" + n.token, "--team", "team_aim", "--project", "prj_shop", "--person", "Ann <ann@example.com>, Bora <bora@example.com>", "--yes"}, more...)...)
}

// secret is that of the webhook, empty when it is not kept.
func (n *newcomer) secret() string {
	b, err := os.ReadFile(filepath.Join(n.dir, "vercel-webhook.secret"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// webhooks are those the sandbox has.
func (n *newcomer) webhooks() []struct{ ID, URL string } {
	n.Helper()
	req, err := http.NewRequestWithContext(n.Context(), http.MethodGet, n.URLs().Vercel+"/v1/webhooks", http.NoBody)
	if err != nil {
		n.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer anything")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var all []struct{ ID, URL string }
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		n.Fatal(err)
	}
	return all
}

func (n *newcomer) wants(text string, all ...string) {
	n.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			n.Errorf("want %q in\n%s", want, text)
		}
	}
}

// loaded is the configuration as it was written.
func (n *newcomer) loaded() *configs.Config {
	n.Helper()
	cfg := must(configs.Load(filepath.Join(n.dir, "backout.yaml"), os.LookupEnv))(n.T)
	if err := cfg.Resolve(); err != nil {
		n.Fatal(err)
	}
	return cfg
}

func TestInit_scriptedWritesWhatServeReads(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	code, out, said := n.script("--public-url", "https://ops.example.com/", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	var r initResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("not one JSON document: %v\n%s", err, out)
	}
	if r.Webhook.State != "made" || r.Webhook.URL != "https://ops.example.com/hooks/vercel" || r.Token.Reach != "account" || len(r.Projects) != 1 || !strings.HasPrefix(r.Projects[0].Verdict, "could go back to 0000000 (dpl_good1, served ") {
		t.Errorf("the result is %+v", r)
	}
	cfg := n.loaded()
	p, e := cfg.Projects[0], cfg.Projects[0].Environments[0]
	if cfg.Mode != "shadow" || p.ID != "shop" || p.VercelProject != "prj_shop" || len(cfg.People) != 2 || cfg.People[0].ID != "ann" || len(cfg.Warnings) > 0 {
		t.Errorf("the configuration is %+v, warnings %v", cfg, cfg.Warnings)
	}
	if len(e.Domains) != 2 || e.Domains[1].RedirectsTo != "shop.test" || e.BuildMarker.JSON == "" || p.Environments[1].Domains[0].Host != "next.shop.test" {
		t.Errorf("the environments are %+v", p.Environments)
	}
	if cfg.Hooks.Vercel.Secret.Reveal() != n.secret() || n.secret() == "" {
		t.Error("the webhook's secret is not the configuration's")
	}
	for _, name := range []string{"backout.yaml", "people.yaml", "vercel-webhook.secret"} {
		if info, err := os.Stat(filepath.Join(n.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if files := must(os.ReadDir(n.dir))(t); len(files) != 3 {
		t.Errorf("the folder has %v", files)
	}
}

// A rerun overwrites nothing by itself, keeps the webhook when its secret is known,
// says what to do when it is not, and makes it anew when told to.
func TestInit_again(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	public := []string{"--public-url", "https://ops.example.com"}
	n.control("fault", map[string]any{"kind": "500_after", "method": "POST", "path": "/v1/webhooks"})
	if code, _, said := n.script(public...); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	first, secret := n.webhooks(), n.secret()
	if len(first) != 1 {
		t.Fatalf("an answer that was lost leaves %v", first)
	}
	mine := []byte("- {id: zoe, name: Zoe, email: zoe@example.com, roles: [on-call]}\n")
	if err := os.WriteFile(filepath.Join(n.dir, "people.yaml"), mine, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, said := n.script(public...); code != exitFailed || !strings.Contains(said, "--force") {
		t.Errorf("over a configuration that is there: exit %d, %s", code, said)
	}
	_, out, _ := n.script(append(public, "--force")...)
	n.wants(out, "Webhook   kept: "+first[0].ID)
	if again := n.webhooks(); len(again) != 1 || n.secret() != secret {
		t.Errorf("a rerun leaves %v", again)
	}
	if err := os.Remove(filepath.Join(n.dir, "vercel-webhook.secret")); err != nil {
		t.Fatal(err)
	}
	_, out, _ = n.script(append(public, "--force")...)
	n.wants(out, first[0].ID+" is there for this address", "cannot be read again", "--replace-webhook")
	if n.loaded().Hooks.Vercel != nil {
		t.Error("a hook without a secret is configured")
	}
	_, out, _ = n.script(append(public, "--force", "--replace-webhook")...)
	n.wants(out, "Webhook   replaced: ")
	if last := n.webhooks(); len(last) != 1 || last[0].ID == first[0].ID || n.secret() == "" || n.secret() == secret {
		t.Errorf("a replaced webhook leaves %v", last)
	}
}

// In a terminal each question has a standard answer; the people who are there stay.
func TestInit_asks(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t, map[string]any{"projects": []map[string]any{{"id": "prj_api", "name": "Api.v2", "domains": []string{"api.test"}}}})
	code, out, said := n.init("file:" + n.token + "\nteam_aim\n1, Api.v2\nhttps://ops.example.com\n\nyes\n")
	if code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, said, out)
	}
	n.wants(out, "Who is on call, as Name <address>? More by commas [\"Dev\" <dev@shop.test>]: ", "as mighty as that member", "never expires", "commands, \"chat:write\"", "Developer Settings", "Mail Send only", "https://ops.example.com/chat/slack")
	cfg := n.loaded()
	if len(cfg.Projects) != 2 || cfg.Projects[1].ID != "api-v2" || cfg.People[0].ID != "dev" {
		t.Errorf("the configuration is %+v", cfg.Projects)
	}
	for _, answers := range []string{"", "file:" + n.token + "\n\n1\n"} {
		if code, _, said := n.init(answers, "--force"); code != exitUsage || !strings.Contains(said, "--yes") {
			t.Errorf("nobody answers: exit %d, %s", code, said)
		}
	}
	before := len(n.webhooks())
	if code, _, said := n.init("file:"+n.token+"\nteam_aim\n1\nhttps://other.example.com\n\nno\n", "--force"); code != exitFailed || !strings.Contains(said, "nothing was written") || len(n.webhooks()) != before {
		t.Errorf("a no: exit %d, %s", code, said)
	}
}

// Without a webhook polling carries it, and each reason is said.
func TestInit_withoutAWebhook(t *testing.T) {
	t.Parallel()
	public := []string{"--public-url", "https://ops.example.com"}
	hobby := newNewcomer(t, map[string]any{"projects": []map[string]any{{"id": "prj_shop", "plan": "hobby", "domains": []string{"shop.test"}}}})
	_, out, _ := hobby.script(public...)
	hobby.wants(out, "Plan      hobby: Vercel goes back to the previous deployment only and has no account webhooks", "Webhook   none: the plan has none. Vercel is asked every 30 s", "could go back to")
	narrow := newNewcomer(t, map[string]any{"token": map[string]any{"project": "prj_shop"}})
	_, out, _ = narrow.script(public...)
	narrow.wants(out, "reaches one project and nothing of the team", "may not make webhooks of the team", "could go back to")
	private := newNewcomer(t)
	_, out, _ = private.script()
	private.wants(out, "there is no public address yet")
	if len(hobby.webhooks()) > 0 || private.loaded().Hooks.Vercel != nil {
		t.Error("a webhook was made")
	}
}

// What cannot work is refused in one line, before anything is made.
func TestInit_refusals(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t, map[string]any{"projects": []map[string]any{{"id": "prj_bare", "name": "bare", "domains": []string{"bare.test"}, "branches": map[string]string{"bare.test": "next"}}}})
	for _, tt := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"--vercel-token", initToken1}, "a secret stands elsewhere", exitFailed},
		{[]string{"--vercel-token", "env:NO_SUCH_VARIABLE_HERE"}, "NO_SUCH_VARIABLE_HERE is not set", exitFailed},
		{[]string{"--team", "team_other"}, "its own teams only", exitFailed},
		{[]string{"--project", "prj_nobody"}, "check the project", exitFailed},
		{[]string{"--project", "prj_bare"}, "no production domain", exitFailed},
		{[]string{"--public-url", "ops.example.com"}, "write https://HOST", exitUsage},
		{[]string{"--person", "nobody"}, "somebody has to be on call", exitUsage},
	} {
		code, _, said := n.script(tt.args...)
		if code != tt.code || !strings.Contains(said, tt.want) {
			t.Errorf("%v: exit %d, %s", tt.args, code, said)
		}
	}
	if entries := must(os.ReadDir(n.dir))(t); len(entries) > 0 || len(n.webhooks()) > 0 {
		t.Errorf("something was made: %v %v", entries, n.webhooks())
	}
	n.control("fault", map[string]any{"kind": "revoked", "count": -1})
	if code, _, said := n.script(); code != exitFailed || !strings.Contains(said, "check that the token is valid") {
		t.Errorf("a revoked token: exit %d, %s", code, said)
	}
}

// TestInit_shadowRecord is the first hour: an empty folder, init, serve, an alert, and
// what Backout would have done. The sandbox's log shows that it did nothing else.
func TestInit_shadowRecord(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	s := &shop{t: t, bin: must(built.plain())(t), dir: t.TempDir(), env: []string{"VERCEL_TOKEN=" + initToken1}}
	s.o.Serve = []string{"--listen", port, "--admin-listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0"}
	began := time.Now()
	s.startSandbox()
	printed := s.cli("init", s.dir, "--vercel-token", "env:VERCEL_TOKEN", "--team", "team_aim", "--project", "shop", "--public-url", "http://"+port, "--yes",
		"--vercel-base-url", s.urls.Vercel, "--probe-base-url", s.urls.Shop, "--allow-private", "127.0.0.0/8")
	s.restart("")
	s.token = strings.TrimSpace(string(must(os.ReadFile(s.path("backout-data/admin.token")))(t)))
	s.waitServing("dpl_good2")
	s.ship("dpl_bad", "bad5eed", true)
	s.waitServing("dpl_bad")
	s.cli("emit", "alert", "shop", "--name", "CheckoutErrors", "--summary", "5xx above 5 %", "--component", "web", "--nats", s.at("nats"))
	inc := s.waitIncident("INC-1", "what it would have done", func(inc *console.Incident) bool {
		return slices.ContainsFunc(inc.Timeline, func(l console.Line) bool {
			return strings.Contains(l.Text, "would have done: Roll shop back from dpl_bad to dpl_good2")
		})
	})
	if inc.Suspect == nil || inc.Suspect.DeploymentID != "dpl_bad" {
		t.Errorf("the suspect is %+v", inc.Suspect)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("from the empty folder to the record it took %s", took)
	}
	for _, c := range s.calls() {
		if c.Effect && (c.Method != http.MethodPost || c.Path != "/v1/webhooks") && c.Method != http.MethodDelete {
			t.Errorf("shadow changed something: %+v", c)
		}
	}
	printed += s.cli("incident", "timeline", "INC-1", "--server", s.at("admin"))
	s.backout.stop(t)
	wantTranscript(t, strings.NewReplacer(s.dir, "/home/you/my-backout", port, "127.0.0.1:8090").Replace(printed))
}

// wantTranscript holds the README's account of the first hour against what was
// printed: every command is one, and every line came, in that order.
func wantTranscript(t *testing.T, printed string) {
	t.Helper()
	_, fences := readme(t)
	at := slices.IndexFunc(fences, func(f fence) bool { return strings.HasPrefix(f.body, "$ backout sandbox") })
	if at < 0 {
		t.Fatal("README.md has no transcript of init on the sandbox")
	}
	printed = regexp.MustCompile(`account_hook_\w+`).ReplaceAllString(printed, "account_hook_…")
	printed = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `).ReplaceAllString(printed, "15:20:50 ")
	rest := printed
	for line := range strings.Lines(strings.ReplaceAll(fences[at].body, "\\\n", "")) {
		line = strings.TrimSuffix(line, "\n")
		if args, ok := commandLine(strings.TrimSuffix(strings.TrimPrefix(line, "$ "), " &")); ok {
			if problem := misused(t, args); problem != "" {
				t.Errorf("README.md shows `%s`: %s", line, problem)
			}
			continue
		}
		if strings.HasPrefix(line, "$ ") || line == "…" {
			continue
		}
		start, cut := strings.CutSuffix(line, "…")
		_, after, found := strings.Cut(rest, start)
		if !found || (!cut && !strings.HasPrefix(after, "\n")) {
			t.Errorf("README.md shows %q, and this was printed:\n%s", line, printed)
			return
		}
		rest = after
	}
}

// freePort is an address nobody listens on, of those that a system gives to nobody who
// asks for any: else another test could have it before it is used.
func freePort(t *testing.T) string {
	t.Helper()
	for range 50 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// The events that are asked for are those the gateway reads.
func TestInit_asksForEventsThatAreRead(t *testing.T) {
	t.Parallel()
	for _, name := range gateway.VercelEvents() {
		got, err := gateway.DecodeVercel(gateway.Delivery{Body: []byte(`{"type":"` + name + `","id":"e"}`)})
		if err != nil || got.Ignored > 0 {
			t.Errorf("%s is ignored: %+v %v", name, got, err)
		}
	}
}

// The README shows the manifest that init prints.
func TestInit_manifestIsTheReadmes(t *testing.T) {
	t.Parallel()
	text, _ := readme(t)
	if !strings.Contains(text, "# Slack app manifest\n"+slackManifest+"\n") {
		t.Errorf("README.md does not show\n%s", slackManifest)
	}
}
