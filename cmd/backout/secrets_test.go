package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// pasted is what people and programs send although they should not.
const pasted = "sk_live_51ZqPastedByMistake0042"

// TestSecrets_nowhere runs the embedded playbook to its end with secrets that can
// be searched for, and then reads every byte that was kept or said.
func TestSecrets_nowhere(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{})
	s.badDeployment()
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	fires := alert("health/shop.test", "critical")
	fires["summary"] = "payment failed with key " + pasted
	// Over HTTP, because NATS keeps what a publisher sends before Backout reads it.
	if status, said, err := s.hook("/hooks/events", cloudEvent("a1", "backout.alert.firing", fires), bearerOf(secrets()["E2E_HOOK_TOKEN"])); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, said, err)
	}
	s.knockAtDoors()
	s.runToEnd()

	said := map[string][]byte{"the status page": s.read("public", "/status"), "/metrics": s.read("admin", "/metrics"), "/readyz": s.read("admin", "/readyz")}
	for _, path := range []string{"incidents", "incidents/INC-1", "incidents/INC-1/timeline", "verdict?project=shop", "deployments?project=shop", "quarantine", "plans", "state", "tokens"} {
		said[path] = s.read("admin", "/api/v1/"+path)
	}
	s.backout.stop(t)
	s.sandbox.stop(t)
	said["stdout of Backout"], said["stdout of the sandbox"] = []byte(s.backout.out.String()), []byte(s.sandbox.out.String())
	maps.Copy(said, filesUnder(t, s.dir))
	s.wantNoSecretIn(said)
}

// knockAtDoors tries wrong credentials and pastes secrets where they do not belong.
func (s *shop) knockAtDoors() {
	s.t.Helper()
	for _, r := range []struct{ path, body, token string }{
		{"/hooks/events", `{"broken": "` + pasted + `"`, secrets()["E2E_HOOK_TOKEN"]},
		{"/hooks/events", `{}`, secrets()["E2E_VERCEL_TOKEN"]},
		{"/hooks/alertmanager/" + secrets()["E2E_ALERTMANAGER_TOKEN"], `{}`, ""},
		{"/hooks/vercel", `{"type":"deployment.created"}`, secrets()["E2E_VERCEL_SECRET"]},
	} {
		if status, _, err := s.hook(r.path, []byte(r.body), bearerOf(r.token)); err != nil || status < 400 {
			s.t.Errorf("%s: %d %v, want a refusal", r.path, status, err)
		}
	}
	s.waitIncident("INC-1", "open", func(*console.Incident) bool { return true })
	s.mustSay("note INC-1 the key is " + pasted + ", do not tell")
}

// runToEnd answers everything until the incident is closed; the alert ends when the
// rollback is proven.
func (s *shop) runToEnd() {
	s.t.Helper()
	ann := &demoPerson{cl: s.client(), out: io.Discard, yes: true}
	resolved := false
	s.waitIncident("INC-1", "closed", func(inc *console.Incident) bool {
		if !resolved && stepOf(inc, "proven").State == "done" {
			resolved = true
			ends := cloudEvent("a2", "backout.alert.resolved", map[string]any{"environment": "production", "fingerprint": "health/shop.test"})
			if status, said, err := s.hook("/hooks/events", ends, bearerOf(secrets()["E2E_HOOK_TOKEN"])); err != nil || status != http.StatusOK {
				s.t.Fatalf("%d %s %v", status, said, err)
			}
		}
		if err := ann.answer(s.t.Context(), inc); err != nil {
			s.t.Fatalf("%v\n%s", err, told(inc))
		}
		return inc.State == "closed"
	})
}

func (s *shop) read(listener, path string) []byte {
	s.t.Helper()
	req := must(http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.at(listener)+path, nil))(s.t)
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := must(io.ReadAll(resp.Body))(s.t)
	if resp.StatusCode != http.StatusOK {
		s.t.Errorf("%s: %s %s", path, resp.Status, body)
	}
	return body
}

// filesUnder reads every file: the log's streams, the state, logs, configuration.
func filesUnder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantNoSecretIn searches for every secret, as it is and in base64. The first admin
// token may stand in its own file and nowhere else.
func (s *shop) wantNoSecretIn(said map[string][]byte) {
	s.t.Helper()
	admin := strings.TrimSpace(string(must(os.ReadFile(s.path("data/admin.token")))(s.t)))
	hidden := secrets()
	hidden["Ann's token"], hidden["the admin token"], hidden["a pasted key"] = s.token, admin, pasted
	for where, text := range said {
		for name, secret := range hidden {
			if name == "the admin token" && strings.HasSuffix(where, "admin.token") {
				continue
			}
			if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString([]byte(secret)))) {
				s.t.Errorf("%s (%s) stands in %s", name, secret, where)
			}
		}
	}
	// The search must be able to find: these are said openly.
	for what, where := range map[string]string{"dpl_bad": "BACKOUT_LOG", "ann": "state.db", "vercel.rollback": "backout.yaml", "/rollback/dpl_good2": "calls.jsonl", "payment failed": "BACKOUT_LOG"} {
		found := false
		for name, text := range said {
			found = found || strings.Contains(name, where) && bytes.Contains(text, []byte(what))
		}
		if !found {
			s.t.Errorf("%q was not found in %s; the search is blind", what, where)
		}
	}
}
