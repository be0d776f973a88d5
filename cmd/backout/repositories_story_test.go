package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// A leaked secret that GitHub told nobody is found by the poll; the webhook that comes
// late adds nothing. It opens respond although a deployment was just promoted: no
// rollback takes a secret out. What speaks PagerDuty, and 5xx in a log drain, join.
func TestSources_gitHubIsReadAndTold(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Repository: "aim/shop"})
	s.waitServing("dpl_good2")
	stamp := time.Now().UTC().Format(time.RFC3339)
	leak := map[string]any{"number": 7, "state": "open", "secret_type": "x", "secret_type_display_name": "X key", "secret": "zq-leaked-value", "created_at": stamp, "updated_at": stamp, "html_url": "https://github.com/aim/shop/7"}
	s.order(s.urls.GitHub+"/_sandbox/world", map[string]any{"secrets": []any{leak}})
	s.backout.stop(t)
	s.restart("") // it reads a repository when it starts, then once a minute
	inc := s.waitIncident("INC-1", "with the leak", func(inc *console.Incident) bool { return inc.Firing == 1 })
	if inc.OpenedBy != "poll/github" || inc.Playbook != "respond" || inc.Severity != "critical" || strings.Contains(told(&inc), "zq-leaked") {
		t.Errorf("opened by %s, playbook %s, severity %s\n%s", inc.OpenedBy, inc.Playbook, inc.Severity, told(&inc))
	}
	repository := map[string]any{"full_name": "aim/shop", "default_branch": "main"}
	s.gitHub("secret_scanning_alert", map[string]any{"action": "created", "alert": leak, "repository": repository})
	secret := secrets()["E2E_HOOK_TOKEN"]
	enqueue := `{"routing_key":"` + secret + `","event_action":"%s","dedup_key":"disk-1","payload":{"summary":"disk full","source":"web-1","severity":"warning","class":"disk","timestamp":"` + stamp + `"}}`
	s.taken("/v2/enqueue", fmt.Sprintf(enqueue, "trigger"), nil, 202, `"dedup_key":"disk-1"`)
	drain := `{"id":"l1","deploymentId":"dpl_good2","projectId":"prj_shop","requestId":"r1","path":"/checkout","statusCode":500,"timestamp":` + fmt.Sprint(time.Now().UnixMilli()) + `}`
	mac := hmac.New(sha1.New, []byte(secrets()["E2E_VERCEL_SECRET"]))
	mac.Write([]byte(drain))
	s.taken("/hooks/vercel-drain", drain, http.Header{"X-Vercel-Signature": {hex.EncodeToString(mac.Sum(nil))}}, 200, `"accepted":1`)
	inc = s.waitIncident("INC-1", "with three signals", func(inc *console.Incident) bool { return inc.Firing == 3 })
	if len(inc.Signals) != 3 {
		t.Errorf("what was read and told counts twice:\n%s", told(&inc))
	}
	leak["state"], leak["resolution"], leak["resolved_at"] = "resolved", "revoked", stamp
	s.gitHub("secret_scanning_alert", map[string]any{"action": "resolved", "alert": leak, "repository": repository})
	s.taken("/v2/enqueue", fmt.Sprintf(enqueue, "resolve"), nil, 202, `"dedup_key":"disk-1"`)
	s.waitIncident("INC-1", "with only the drain's", func(inc *console.Incident) bool { return inc.Firing == 1 })
	s.publishTokenPublishesOnly()
	s.backout.stop(t)
}

// gitHub delivers a webhook as GitHub does.
func (s *shop) gitHub(event string, body any) {
	s.t.Helper()
	raw := must(json.Marshal(body))(s.t)
	mac := hmac.New(sha256.New, []byte(secrets()["E2E_HOOK_TOKEN"]))
	mac.Write(raw)
	s.taken("/hooks/github", string(raw), http.Header{"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}, "X-Github-Event": {event}, "X-Github-Delivery": {"d-1"}}, 200, `"accepted":1`)
}

// taken posts a body and checks the answer.
func (s *shop) taken(path, body string, header http.Header, status int, want string) {
	s.t.Helper()
	if header == nil {
		header = http.Header{}
	}
	if got, said, err := s.hook(path, []byte(body), header); err != nil || got != status || !strings.Contains(said, want) {
		s.t.Fatalf("%s: %d %s %v, want %d with %s", path, got, said, err, status, want)
	}
}

// publishTokenPublishesOnly: events of its project, nothing of another, nothing of
// the API.
func (s *shop) publishTokenPublishesOnly() {
	s.t.Helper()
	admin := (&clientFlags{server: s.at("admin"), data: s.disk.seen(s.path("data"))}).client()
	secret := must(newToken())(s.t)
	made := orchestrator.Token{Hash: console.HashToken(secret), Scope: "publish", Project: "noise", Label: "ci"}
	if err := admin.post(s.t.Context(), "/api/v1/tokens", made, &made); err != nil {
		s.t.Fatal(err)
	}
	for project, want := range map[string]string{"noise": `{"accepted":1,"quarantined":0}`, "shop": `{"accepted":0,"quarantined":1}`} {
		event := cloudEvent("pub-"+project, "backout.alert.firing", map[string]any{"project": project, "name": "Slow", "severity": "warning"})
		s.taken("/hooks/events", string(event), bearerOf(secret), 200, want)
	}
	publisher := (&clientFlags{server: s.at("admin"), token: secret}).client()
	var list any
	err := publisher.get(s.t.Context(), "/api/v1/incidents", nil, &list)
	if err == nil || !strings.Contains(err.Error(), "may publish events") {
		s.t.Errorf("a publish token reads incidents: %v %v", list, err)
	}
	var reply any
	if err := publisher.post(s.t.Context(), "/api/v1/commands", map[string]string{"words": "ack INC-1"}, &reply); err == nil {
		s.t.Errorf("a publish token says words: %v", reply)
	}
}
