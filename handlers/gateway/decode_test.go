package gateway

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// sharedFile reads a file of the folder `shared` beside the repository.
func sharedFile(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("BACKOUT_SHARED")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for up := wd; up != filepath.Dir(up) && dir == ""; up = filepath.Dir(up) {
			if st, err := os.Stat(filepath.Join(up, "shared")); err == nil && st.IsDir() {
				dir = filepath.Join(up, "shared")
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("the shared file %s is missing: %v", name, err)
	}
	if err != nil {
		t.Skip("skipped: the shared file " + name + " is not here")
	}
	return b
}

func TestRealAlertmanagerRequests(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for file, want := range map[string][]string{
		"alertmanager-deb025-1-firing.json":        {"firing", "firing"},
		"alertmanager-deb025-2-firing.json":        {"resolved", "firing"},
		"alertmanager-deb025-3-resolved.json":      {"resolved"},
		"alertmanager-v0311-1-firing.json":         nil,
		"alertmanager-v0311-2-firing.json":         nil,
		"alertmanager-v0311-3-resolved.json":       nil,
		"alertmanager-v0311-retry-3-firing.json":   nil,
		"alertmanager-v0311-retry-4-firing.json":   nil,
		"alertmanager-v0311-retry-5-resolved.json": nil,
	} {
		var request struct {
			Headers map[string]string `json:"headers"`
			Body    json.RawMessage   `json:"body"`
		}
		if err := json.Unmarshal(sharedFile(t, "payloads/"+file), &request); err != nil {
			t.Fatal(err)
		}
		status, answer, _ := d.post(t, "/hooks/alertmanager", string(request.Body), "Authorization", request.Headers["authorization"], "Content-Type", request.Headers["content-type"])
		rs := d.wants(t, status, answer, 200, `"quarantined":0}`)
		if len(rs) == 0 || (want != nil && len(rs) != len(want)) {
			t.Errorf("%s: %d records, want %v", file, len(rs), want)
		}
		for i, r := range rs {
			ev := r.Event
			if ev.Origin != "http/alertmanager" || ev.Source != "alertmanager" || ev.Name == "" || ev.StartsAt == 0 || ev.Time == 0 || ev.Labels["alertname"] != ev.Name || ev.Project != "" || len(d.blobs[ev.Blob]) == 0 {
				t.Errorf("%s: %+v", file, ev)
			}
			if want != nil && ev.Type != "backout.alert."+want[i] {
				t.Errorf("%s: alert %d is %s, want %s", file, i, ev.Type, want[i])
			}
		}
	}
}

func TestAlertmanagerGolden(t *testing.T) {
	t.Parallel()
	body := `{"version":"4","status":"firing","truncatedAlerts":2,"alerts":[{"status":"firing","labels":{"alertname":"CheckoutErrorRateHigh","deployment":"dpl_bad","service":"checkout","severity":"Critical"},
	 "annotations":{"runbook_url":"https://r","summary":"5xx above 5%"},"startsAt":"2026-11-23T08:54:21.763734718Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p","fingerprint":"f9c5091ce1beb56a"},
	 {"status":"resolved","labels":{"service":"checkout"},"annotations":{"description":"slow"},"startsAt":"2026-11-23T08:54:21Z","endsAt":"2026-11-23T08:55:21Z","fingerprint":"aa"}]}`
	got, err := DecodeAlertmanager(Delivery{Origin: "http/alertmanager", Body: []byte(body)})
	if err != nil || got.Truncated != 2 {
		t.Fatal(got, err)
	}
	want := []*orchestrator.Event{{
		Origin: "http/alertmanager", ID: "f9c5091ce1beb56a/1795424061763/firing", Type: orchestrator.AlertFiring, Source: "alertmanager",
		Time: 1795424061763, StartsAt: 1795424061763, Fingerprint: "f9c5091ce1beb56a", Name: "CheckoutErrorRateHigh", Severity: "critical", Summary: "5xx above 5%", Release: "dpl_bad",
		Labels: map[string]string{"alertname": "CheckoutErrorRateHigh", "deployment": "dpl_bad", "service": "checkout", "severity": "Critical", "truncated_alerts": "2"},
	}, {
		Origin: "http/alertmanager", ID: "aa/1795424061000/resolved", Type: orchestrator.AlertResolved, Source: "alertmanager",
		Time: 1795424121000, StartsAt: 1795424061000, Fingerprint: "aa", Severity: "warning", Summary: "slow",
		Labels: map[string]string{"service": "checkout", "truncated_alerts": "2"},
	}}
	for i, it := range got.Items {
		if !reflect.DeepEqual(it.Record.Event, want[i]) {
			t.Errorf("alert %d:\n got %+v\nwant %+v", i, it.Record.Event, want[i])
		}
	}
}

func TestCloudEventGolden(t *testing.T) {
	t.Parallel()
	deploy := map[string]any{"project": "shop", "environment": "production", "deployment_id": "dpl_1", "url": "shop-1.vercel.app", "commit": "9f3c2e1", "previous": "dpl_0"}
	hook := map[string]any{"project": "shop", "environment": "production", "component": "toss", "provider": "toss", "endpoint": "/api/toss", "event_ids": []string{"p1", "p2"}, "error": "500"}
	base := orchestrator.Event{Origin: "http/events", Source: "/ci", ID: "/ci/a%2Fb", Time: 1795424401000, Project: "shop", Environment: "production"}
	alert := base
	alert.Component, alert.Fingerprint, alert.Name, alert.Severity, alert.Summary = "checkout", "fp1", "CheckoutDown", "critical", "5xx above 5%"
	alert.Labels, alert.Release, alert.Value, alert.StartsAt = map[string]string{"service": "checkout"}, "9f3c2e1", "0.31", 1795424400000
	deployed := base
	deployed.DeploymentID, deployed.URL, deployed.Commit, deployed.Previous = "dpl_1", "shop-1.vercel.app", "9f3c2e1", "dpl_0"
	hooked := base
	hooked.Component, hooked.Provider, hooked.Endpoint, hooked.EventIDs, hooked.Error = "toss", "toss", "/api/toss", []string{"p1", "p2"}, "500"
	for kind, c := range map[string]struct {
		data map[string]any
		want orchestrator.Event
	}{
		orchestrator.DeployCreated: {deploy, deployed}, orchestrator.DeploySucceeded: {deploy, deployed}, orchestrator.DeployFailed: {deploy, deployed},
		orchestrator.DeployPromoted: {deploy, deployed}, orchestrator.DeployRolledBack: {deploy, deployed},
		orchestrator.AlertFiring: {nil, alert}, orchestrator.AlertResolved: {nil, alert},
		orchestrator.WebhookFailed: {hook, hooked}, orchestrator.WebhookRecovered: {hook, hooked},
	} {
		envelope := map[string]any{"type": kind, "source": "/ci", "id": "a/b"}
		if c.data != nil {
			envelope["data"] = c.data
		}
		got, err := DecodeCloudEvents(Delivery{Origin: "http/events", Body: []byte(cloudEvent(envelope, nil))})
		if err != nil {
			t.Fatal(err)
		}
		c.want.Type = kind
		if it := got.Items[0]; !reflect.DeepEqual(it.Record.Event, &c.want) || it.Keep != nil {
			t.Errorf("%s:\n got %+v %+v\nwant %+v", kind, it.Record.Event, it.Record.Bad, c.want)
		}
	}
}

func TestCloudEventInBinaryMode(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	status, answer, _ := d.post(t, "/hooks/events", `{"project":"shop","deployment_id":"dpl_1"}`, "Authorization", "Bearer "+publishToken, "Content-Type", "application/json",
		"ce-specversion", "1.0", "ce-id", "1%20a", "ce-source", "/ci", "ce-type", orchestrator.DeployPromoted, "ce-time", "2026-11-23T09:00:01Z")
	rs := d.wants(t, status, answer, 200, `"accepted":1`)
	if ev := rs[0].Event; ev.ID != "/ci/1 a" || ev.DeploymentID != "dpl_1" || ev.Time != 1795424401000 {
		t.Errorf("%+v", ev)
	}
}

func TestVercelGolden(t *testing.T) {
	t.Parallel()
	samples := strings.Split(strings.TrimSpace(vercelSamples), "\n")
	own := map[string]string{"prj_1": "shop"}
	labels := map[string]string{"vercel_project": "prj_1"}
	base := orchestrator.Event{Origin: "http/vercel", Source: "vercel", Time: 1763885000000, Project: "shop", Labels: labels}
	rollback, succeeded, promoted, failed, alert := base, base, base, base, base
	rollback.ID, rollback.Type, rollback.DeploymentID, rollback.Previous = "evt_1", orchestrator.DeployRolledBack, "dpl_old", "dpl_new"
	succeeded.ID, succeeded.Type, succeeded.DeploymentID, succeeded.URL, succeeded.Name, succeeded.Commit = "evt_2", orchestrator.DeploySucceeded, "dpl_new", "shop-abc.vercel.app", "shop", "abc"
	alert.ID, alert.Type, alert.Fingerprint, alert.Name, alert.Severity = "evt_3/al_1", orchestrator.AlertFiring, "error_anomaly/edge_requests", "Error anomaly", "critical"
	alert.StartsAt, alert.Summary, alert.Value, alert.URL = 1795420800000, "512 requests, usually 3 (z-score 9.1)", "512", "https://vercel.com/acme/shop/observability"
	alert.Labels = map[string]string{"vercel_project": "prj_1", "vercel_slug": "shop", "type": "error_anomaly", "metric": "edge_requests"}
	promoted.ID, promoted.Type, promoted.DeploymentID, promoted.Time = "evt_4", orchestrator.DeployPromoted, "dpl_new", 1795424401000
	failed.ID, failed.Type, failed.DeploymentID, failed.Environment = "evt_5", orchestrator.DeployFailed, "dpl_err", "staging"
	for i, want := range []*orchestrator.Event{&rollback, &succeeded, &alert, &promoted, &failed, nil, nil} {
		got, err := DecodeVercel(Delivery{Origin: "http/vercel", VercelProjects: own, Body: []byte(samples[i])})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			if len(got.Items) != 0 || got.Ignored != 1 {
				t.Errorf("sample %d is not ignored: %+v", i, got)
			}
			continue
		}
		if !reflect.DeepEqual(got.Items[0].Record.Event, want) {
			t.Errorf("sample %d:\n got %+v %+v\nwant %+v", i, got.Items[0].Record.Event, got.Items[0].Record.Bad, want)
		}
	}
	got, err := DecodeVercel(Delivery{Body: []byte(samples[0])})
	if err != nil || got.Items[0].Record.Event.Project != "" {
		t.Errorf("a project nobody mapped: %+v %v", got, err)
	}
}

// The first three are those of vercel-prisma-postgres.md 3; the last two are ignored.
const vercelSamples = `
{"type":"deployment.rollback","id":"evt_1","createdAt":1763885000000,"region":null,"payload":{"team":{"id":"team_1"},"user":{"id":"usr_1"},"project":{"id":"prj_1"},"fromDeploymentId":"dpl_new","toDeploymentId":"dpl_old"}}
{"type":"deployment.succeeded","id":"evt_2","createdAt":1763885000000,"region":"sfo1","payload":{"team":{"id":"team_1"},"user":{"id":"usr_1"},"target":"production","project":{"id":"prj_1"},"plan":"pro","regions":["sfo1"],"links":{"deployment":"https://vercel.com/acme/shop/abc","project":"https://vercel.com/acme/shop"},"deployment":{"id":"dpl_new","name":"shop","url":"shop-abc.vercel.app","meta":{"githubCommitSha":"abc","githubCommitRef":"main"}}}}
{"type":"alerts.triggered","id":"evt_3","createdAt":1763885000000,"region":null,"payload":{"teamId":"team_1","projectId":"prj_1","teamSlug":"acme","projectSlug":"shop","startedAt":1763884900000,"groupId":"grp_1","links":{"observability":"https://vercel.com/acme/shop/observability"},"alerts":[{"alertId":"al_1","type":"error_anomaly","metric":"edge_requests","title":"Error anomaly","unit":"requests","startedAt":"2026-11-23T08:00:00Z","count":512,"average":3,"stddev":2,"zscore":9.1,"zscoreThreshold":4,"formattedValues":{}}]}}
{"type":"deployment.promoted","id":"evt_4","createdAt":"2026-11-23T09:00:01.000Z","payload":{"project":{"id":"prj_1"},"deployment":{"id":"dpl_new","meta":{}}}}
{"type":"deployment.error","id":"evt_5","createdAt":1763885000000,"payload":{"target":"staging","project":{"id":"prj_1"},"deployment":{"id":"dpl_err","meta":null}}}
{"type":"deployment.succeeded","id":"evt_6","createdAt":1763885000000,"payload":{"target":null,"project":{"id":"prj_1"},"deployment":{"id":"dpl_preview"}}}
{"type":"project.env-variable.updated","id":"evt_7","createdAt":1763885000000,"payload":[1,2]}`

func TestInbox(t *testing.T) {
	t.Parallel()
	good := cloudEvent(nil, nil)
	for _, c := range []struct{ name, subject, data, want string }{
		{"good", "backout.event.alert.shop", good, ""},
		{"another project", "backout.event.alert.blog", good, "may only speak for blog"},
		{"no project", "backout.event.alert.shop", cloudEvent(nil, map[string]any{"project": nil}), "data.project is missing"},
		{"another kind", "backout.event.deploy.shop", good, "does not belong under"},
		{"a batch", "backout.event.alert.shop", "[" + good + "]", "one CloudEvent"},
		{"nothing", "backout.event.alert.shop", "", "one CloudEvent"},
		{"broken", "backout.event.alert.shop", `{"id":`, "must be a JSON object"},
		{"strange subject", "elsewhere", good, "is not backout.event.KIND.PROJECT"},
		{"no subject", "", good, "is not backout.event.KIND.PROJECT"},
	} {
		r := DecodeInbox(7, c.subject, "shop/ci/1", []byte(c.data)).Record
		if c.want == "" {
			if r.Event == nil || r.Event.Inbox != 7 || r.Event.Origin != "nats/shop" || r.Event.Unsigned {
				t.Errorf("%s: %+v %+v", c.name, r.Event, r.Bad)
			}
			continue
		}
		if r.Bad == nil || !strings.Contains(r.Bad.Reason, c.want) || !strings.Contains(r.Bad.Reason, "shop/ci/1") {
			t.Errorf("%s: %+v, want a reason with %q", c.name, r.Bad, c.want)
		}
	}
}

func TestBadInputHasItsAnswerAndIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := []string{"Authorization", "Bearer " + publishToken}
	am := []string{"Authorization", "Bearer " + hookToken}
	long := strings.Repeat("x", MaxBody)
	alertWith := func(v string) string { return `{"alerts":[` + v + `]}` }
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
		answer, reason   string
	}{
		{"broken JSON", "/hooks/events", `{"id": "x`, token, 400, "quarantine", "no JSON object"},
		{"no JSON", "/hooks/events", `hello`, token, 400, "quarantine", "no JSON object"},
		{"a broken list", "/hooks/events", `[{"id":1},`, token, 400, "quarantine", "broken JSON"},
		{"empty", "/hooks/events", ``, token, 400, "empty", "empty"},
		{"a number in a batch", "/hooks/events", `[3]`, token, 200, `"quarantined":1`, "it is a number"},
		{"no id", "/hooks/events", cloudEvent(map[string]any{"id": nil}, nil), token, 200, `"quarantined":1`, "id is missing"},
		{"no source", "/hooks/events", cloudEvent(map[string]any{"source": ""}, nil), token, 200, `"quarantined":1`, "source is missing"},
		{"no type", "/hooks/events", cloudEvent(map[string]any{"type": nil}, nil), token, 200, `"quarantined":1`, "type is missing"},
		{"old version", "/hooks/events", cloudEvent(map[string]any{"specversion": "0.3"}, nil), token, 200, `"quarantined":1`, "specversion"},
		{"unknown type", "/hooks/events", cloudEvent(map[string]any{"type": "backout.alert.maybe"}, nil), token, 200, `"quarantined":1`, `unknown type "backout.alert.maybe"`},
		{"no data", "/hooks/events", cloudEvent(map[string]any{"data": nil}, nil), token, 200, `"quarantined":1`, "data must be an object"},
		{"no project", "/hooks/events", cloudEvent(nil, map[string]any{"project": nil}), token, 200, `"quarantined":1`, "data.project is missing"},
		{"project is a number", "/hooks/events", cloudEvent(nil, map[string]any{"project": 7}), token, 200, `"quarantined":1`, "data.project must be a string, it is a number"},
		{"labels are a list", "/hooks/events", cloudEvent(nil, map[string]any{"labels": []int{1}}), token, 200, `"quarantined":1`, "data.labels must be"},
		{"no name", "/hooks/events", cloudEvent(nil, map[string]any{"name": nil, "fingerprint": nil}), token, 200, `"quarantined":1`, "data.name is missing"},
		{"time is prose", "/hooks/events", cloudEvent(nil, map[string]any{"starts_at": "yesterday"}), token, 200, `"quarantined":1`, "data.starts_at is no time"},
		{"time overflows", "/hooks/events", cloudEvent(nil, map[string]any{"starts_at": 9e18}), token, 200, `"quarantined":1`, "beyond any year"},
		{"no deployment", "/hooks/events", cloudEvent(map[string]any{"type": orchestrator.DeployPromoted}, nil), token, 200, `"quarantined":1`, "data.deployment_id is missing"},
		{"shell in the id", "/hooks/events", cloudEvent(map[string]any{"type": orchestrator.DeployPromoted, "data": map[string]any{"project": "shop", "deployment_id": "dpl_1; rm -rf $HOME"}}, nil), token, 200, `"quarantined":1`, "data.deployment_id may only hold"},
		{"over 1 MiB", "/hooks/events", long + "x", token, 413, "1 MiB", "1 MiB"},
		{"alertmanager, broken", "/hooks/alertmanager", `{"alerts":`, am, 400, "quarantine", "broken JSON"},
		{"alertmanager, something else", "/hooks/alertmanager", `{"hello":1}`, am, 400, "alerts is missing", "alerts is missing"},
		{"alertmanager, null", "/hooks/alertmanager", alertWith(`null`), am, 200, `"quarantined":1`, "null"},
		{"alertmanager, no fingerprint", "/hooks/alertmanager", alertWith(`{"status":"firing","labels":{"a":"b"}}`), am, 200, `"quarantined":1`, "fingerprint is missing"},
		{"alertmanager, label is a number", "/hooks/alertmanager", alertWith(`{"status":"firing","labels":{"a":1},"fingerprint":"x"}`), am, 200, `"quarantined":1`, "labels"},
		{"alertmanager, strange status", "/hooks/alertmanager", alertWith(`{"status":"odd","fingerprint":"x"}`), am, 200, `"quarantined":1`, "status must be"},
		{"alertmanager, strange time", "/hooks/alertmanager", alertWith(`{"status":"firing","fingerprint":"x","startsAt":true}`), am, 200, `"quarantined":1`, "startsAt is no time"},
	} {
		status, answer, _ := d.post(t, c.path, c.body, c.headers...)
		rs := d.wants(t, status, answer, c.status, c.answer)
		if len(rs) != 1 || rs[0].Bad == nil || !strings.Contains(rs[0].Bad.Reason, c.reason) {
			t.Errorf("%s: kept %+v, want one line of quarantine with %q", c.name, rs, c.reason)
			continue
		}
		if b := rs[0].Bad; len(b.Excerpt) > 512 || len(c.body) > 600 && b.Blob == "" || c.body != "" && b.Excerpt == "" {
			t.Errorf("%s: quarantine %+v does not keep the body", c.name, b)
		}
	}
	for _, body := range []string{`{"type":"deployment.promoted","id":"e","createdAt":1,"payload":{"project":{"id":"p"},"deployment":{"id":"dpl_$(id)"}}}`, `{"type":"deployment.promoted","createdAt":1,"payload":{}}`, `{"type":7}`, `{"type":"alerts.triggered","id":"e","createdAt":"soon","payload":{"projectId":"p"}}`, `{"type":"deployment.error","payload":3}`} {
		status, answer, _ := d.post(t, "/hooks/vercel", body, "x-vercel-signature", vercelSignature(body))
		if rs := d.wants(t, status, answer, 200, `"quarantined":1`); len(rs) != 1 || rs[0].Bad == nil {
			t.Errorf("%s: %+v", body, rs)
		}
	}
}
