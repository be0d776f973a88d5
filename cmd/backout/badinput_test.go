package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// badMessages are bad inputs over NATS, with what quarantine must say of each.
func badMessages() []struct{ name, kind, project, body, reason string } {
	event := func(typ string, data map[string]any) string { return string(cloudEvent("bad", typ, data)) }
	return []struct{ name, kind, project, body, reason string }{
		{"broken JSON", "alert", "shop", `{"specversion": "1.0", "id":`, "must be a JSON object"},
		{"no object", "alert", "shop", `[1, 2]`, "must be one CloudEvent"},
		{"nothing", "alert", "shop", ``, "must be one CloudEvent"},
		{"wrong type", "alert", "shop", event("backout.alert.firing", map[string]any{"name": "x", "severity": 5}), "data.severity must be a string"},
		{"missing field", "webhook", "shop", event("backout.webhook.failed", map[string]any{"event_ids": []string{"evt_1"}}), "data.provider is missing"},
		{"no id", "alert", "shop", `{"specversion":"1.0","source":"e2e","type":"backout.alert.firing","data":{"project":"shop","name":"x"}}`, "id is missing"},
		{"another project", "alert", "shop", event("backout.alert.firing", map[string]any{"project": "noise", "name": "x"}), "may only speak for shop"},
		{"another kind", "deploy", "shop", event("backout.alert.firing", map[string]any{"name": "x"}), "does not belong under the subject"},
		{"unknown type", "alert", "shop", event("backout.alert.exploded", map[string]any{"name": "x"}), "unknown type"},
		{"no such project", "alert", "nowhere", event("backout.alert.firing", map[string]any{"project": "nowhere", "name": "x"}), `there is no project "nowhere"`},
		{"no such environment", "alert", "shop", event("backout.alert.firing", map[string]any{"environment": "moon", "name": "y"}), `has no environment "moon"`},
		{"shell characters", "deploy", "shop", event("backout.deploy.promoted", map[string]any{"deployment_id": "dpl_1; rm -rf $(HOME)"}), "data.deployment_id may only hold"},
		{"no time", "alert", "shop", event("backout.alert.firing", map[string]any{"name": "x", "starts_at": "yesterday"}), "data.starts_at is no time"},
	}
}

// badRequest is a bad or repeated delivery over HTTP with the documented answer.
type badRequest struct {
	name, path, body string
	header           http.Header
	status           int
	answer           string
	reason           string
}

func vercelSigned(body, secret string) http.Header {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	return http.Header{"X-Vercel-Signature": {hex.EncodeToString(mac.Sum(nil))}, "Content-Type": {"application/json"}}
}

func badRequests() []badRequest {
	events, am := bearerOf(secrets()["E2E_HOOK_TOKEN"]), bearerOf(secrets()["E2E_ALERTMANAGER_TOKEN"])
	secret := secrets()["E2E_VERCEL_SECRET"]
	warning := string(cloudEvent("again", "backout.alert.firing", map[string]any{"project": "noise", "name": "Slow", "severity": "warning"}))
	hostile := `{"id":"v1","type":"deployment.promoted","createdAt":1795000000000,"payload":{"project":{"id":"prj_shop"},"deployment":{"id":"dpl_$(reboot)"}}}`
	promoted := `{"id":"v2","type":"deployment.promoted","createdAt":1795000000000,"payload":{"project":{"id":"prj_elsewhere"},"deployment":{"id":"dpl_x"}}}`
	unmapped := `{"alerts":[{"status":"firing","labels":{"alertname":"DiskFull","service":"unheard-of"},"startsAt":"2026-11-23T08:54:21Z","fingerprint":"ab12"}]}`
	return []badRequest{
		{"events: broken JSON", "/hooks/events", `{"specversion"`, events, 400, "kept in quarantine", "no JSON object"},
		{"events: empty", "/hooks/events", ``, events, 400, "the body is empty", "the body is empty"},
		{"events: no token", "/hooks/events", warning, http.Header{}, 401, "token is wrong or missing", ""},
		{"events: another's token", "/hooks/events", warning, am, 401, "token is wrong or missing", ""},
		{"events: over 1 MiB", "/hooks/events", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, events, 413, "over 1 MiB", "over 1 MiB"},
		{"events: one of two is bad", "/hooks/events", "[" + warning + `, {"specversion":"0.3"}]`, events, 200, `"accepted":1,"quarantined":1`, `id is missing`},
		{"events: a replay", "/hooks/events", warning, events, 200, `"accepted":1`, ""},
		{"events: no such source", "/hooks/nagios", `{}`, events, 404, "no such webhook source", ""},
		{"alertmanager: wrong token", "/hooks/alertmanager", unmapped, events, 401, "token is wrong or missing", ""},
		{"alertmanager: unmapped labels", "/hooks/alertmanager", unmapped, am, 200, `"accepted":1`, "no match rule of any project takes"},
		{"alertmanager: not its format", "/hooks/alertmanager", `{"hello":"world"}`, am, 400, "alerts is missing", "alerts is missing"},
		{"alertmanager: wrong type inside", "/hooks/alertmanager", `{"alerts":[{"status":"firing","labels":[1],"fingerprint":"x"}]}`, am, 200, `"quarantined":1`, "an alert cannot be read"},
		{"vercel: wrong signature", "/hooks/vercel", promoted, vercelSigned(promoted, "guessed"), 401, "signature is wrong", ""},
		{"vercel: signature of another body", "/hooks/vercel", promoted, vercelSigned(hostile, secret), 401, "signature is wrong", ""},
		{"vercel: shell characters", "/hooks/vercel", hostile, vercelSigned(hostile, secret), 200, `"quarantined":1`, "holds characters that no id has"},
		{"vercel: nobody's project", "/hooks/vercel", promoted, vercelSigned(promoted, secret), 200, `"accepted":1`, `with labels`},
		{"slack: unsigned", "/chat/slack", `command=%2Fbackout&text=pause`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 401, "", ""},
	}
}

// TestBadInput sends the bad inputs of every night to a running Backout: each has
// its answer, nothing stops, nothing is lost.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{})
	s.waitServing("dpl_good2")
	js := s.dial()
	var reasons []string
	for _, m := range badMessages() {
		must(js.Publish(t.Context(), "backout.event."+m.kind+"."+m.project, []byte(m.body)))(t)
		reasons = append(reasons, m.reason)
	}
	if _, err := js.Publish(t.Context(), "backout.event.alert.shop", bytes.Repeat([]byte("x"), 1<<20+1)); err == nil {
		t.Error("the inbox took a message over 1 MiB")
	}
	for _, r := range badRequests() {
		status, said, err := s.hook(r.path, []byte(r.body), r.header)
		if err != nil || status != r.status || !strings.Contains(said, r.answer) {
			t.Errorf("%s: %d %s %v, want %d with %q", r.name, status, said, err, r.status, r.answer)
		}
		if r.reason != "" {
			reasons = append(reasons, r.reason)
		}
	}
	s.wantQuarantined(reasons)
	s.wantOneUnroutedPage()
	s.oddTimes()
	s.breakShop()
	inc := s.waitIncident("INC-3", "opened by a good event", func(inc *console.Incident) bool { return inc.Project == "shop" })
	if inc.Playbook != "rollback" {
		t.Errorf("playbook %s leads, want rollback:\n%s", inc.Playbook, told(&inc))
	}
	s.backout.stop(t)
}

// wantQuarantined waits until quarantine has one line for every reason.
func (s *shop) wantQuarantined(reasons []string) {
	s.t.Helper()
	var bad []orchestrator.Quarantined
	missing := reasons
	if !s.eventually(20*time.Second, func() bool {
		missing = nil
		if s.get("/api/v1/quarantine", nil, &bad) != nil {
			return false
		}
		for _, r := range reasons {
			if !slices.ContainsFunc(bad, func(q orchestrator.Quarantined) bool { return strings.Contains(q.Reason, r) }) {
				missing = append(missing, r)
			}
		}
		return len(missing) == 0 && len(bad) >= len(reasons)
	}) {
		s.t.Errorf("quarantine has %d lines for %d bad inputs, and none that says %q", len(bad), len(reasons), missing)
	}
	for _, q := range bad {
		if q.Origin == "" || q.At == 0 {
			s.t.Errorf("a line of quarantine without origin or time: %+v", q)
		}
	}
}

// wantOneUnroutedPage: what no project claims is an incident of Backout itself with
// one page for all of it, and bad input opened no other.
func (s *shop) wantOneUnroutedPage() {
	s.t.Helper()
	inc := s.waitIncident("INC-1", "told to people", func(inc *console.Incident) bool {
		return strings.Contains(told(inc), "Page whoever is on call: done")
	})
	if inc.Project != orchestrator.SelfProject || strings.Count(told(&inc), "page: ") != 1 {
		s.t.Errorf("%s of project %s does not page once about what nobody claims:\n%s", inc.ID, inc.Project, told(&inc))
	}
	if other := s.incident("INC-2"); other.ID != "" {
		s.t.Errorf("bad input opened an incident:\n%s", told(&other))
	}
}

// oddTimes: alerts of 1970 and of the future are recorded and start nothing that
// acts, and what is in a summary is a text and never a command to Slack.
func (s *shop) oddTimes() {
	s.t.Helper()
	js := s.dial()
	for id, at := range map[string]string{"old": "1970-01-01T00:00:00Z", "future": "2199-01-01T00:00:00Z"} {
		data := alert(id, "critical")
		data["project"], data["component"], data["starts_at"], data["summary"] = "noise", "", at, "<!channel> <script>alert(1)</script> & more"
		must(js.Publish(s.t.Context(), "backout.event.alert.noise", cloudEvent(id, "backout.alert.firing", data)))(s.t)
	}
	inc := s.waitIncident("INC-2", "open with both alerts", func(inc *console.Incident) bool { return inc.Firing == 2 })
	if inc.Playbook != "respond" {
		s.t.Errorf("playbook %s leads for alerts of 1970 and 2199, want respond", inc.Playbook)
	}
	decoded := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "%3C", "<", "%3E", ">", "%26", "&", "%21", "!", "%3B", ";")
	told := false
	s.eventually(20*time.Second, func() bool {
		for _, c := range s.calls() {
			told = told || c.Server == "slack" && strings.Contains(decoded.Replace(c.Body), "&lt;!channel&gt;")
		}
		return told
	})
	if !told {
		s.t.Error("Slack was never told of the alerts")
	}
	for _, c := range s.calls() {
		if c.Server == "slack" && strings.Contains(decoded.Replace(c.Body), "<!channel") {
			s.t.Errorf("a summary reached Slack as a command: %s %s", c.Path, c.Body)
		}
	}
}
