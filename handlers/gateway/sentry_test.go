package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// sentrySamples have the shapes of Sentry's documentation of its webhooks, by
// resource and action.
var sentrySamples = map[string]string{
	"issue created": `{"action":"created","actor":{"id":"sentry","name":"Sentry","type":"application"},"data":{"issue":{"annotations":[],"assignedTo":null,"count":"1","culprit":"?(runner)",
	 "firstSeen":"2026-11-23T09:00:00.391000Z","id":"1170820242","lastSeen":"2026-11-23T09:00:00.391000Z","level":"fatal","metadata":{"type":"ReferenceError"},"permalink":null,"platform":"javascript",
	 "project":{"id":"1","name":"front-end","platform":"","slug":"front-end"},"shortId":"FRONT-END-9","status":"unresolved","statusDetails":{},"substatus":"new","title":"ReferenceError: x is not defined",
	 "type":"error","userCount":1,"web_url":"https://sentry.example/issues/1170820242/"}},"installation":{"uuid":"a8e5"}}`,
	"issue resolved": `{"action":"resolved","data":{"issue":{"id":"1170820242","culprit":"?(runner)","firstSeen":"2026-11-23T09:00:00.391Z","lastSeen":"2026-11-23T09:05:00Z","level":"fatal","permalink":null,
	 "project":{"slug":"front-end"},"status":"resolved","title":"ReferenceError: x is not defined"}},"installation":{"uuid":"a8e5"}}`,
	"issue unresolved": `{"action":"unresolved","data":{"issue":{"id":1170820242,"firstSeen":"2026-01-01T00:00:00Z","lastSeen":"2026-11-23T09:10:00Z","level":"error","project":{"slug":"front-end"},"title":"it is back"}}}`,
	"event_alert triggered": `{"action":"triggered","data":{"event":{"event_id":"e4874d664c3540c1a32eab185f12c5ab","issue_id":"1170820242","issue_url":"https://sentry.example/api/0/issues/1170820242/","culprit":"?(checkout)",
	 "datetime":"2026-11-23T09:00:00.677000Z","timestamp":1795424400.677,"level":"error","project":1,"release":"shop@2.41.0","title":"ReferenceError: heck is not defined","environment":"production",
	 "tags":[["browser","Chrome 75"],["level","error"],["service","checkout"],["sentry:release","shop@2.41.0"],["user","ip:192.0.2.7"],["user.email","a@example.com"],["project","evil"],["empty",null]],
	 "url":"https://sentry.example/api/0/projects/test-org/front-end/events/e4874d664c3540c1a32eab185f12c5ab/","web_url":"https://sentry.example/issues/1170820242/events/e4874d664c3540c1a32eab185f12c5ab/"},
	 "triggered_rule":"Very Important Alert Rule!","issue_alert":{"title":"Very Important Alert Rule!","settings":[]}},"installation":{"uuid":"a8e5"}}`,
	"metric_alert critical": sentryMetricAlert("critical", "Critical: Too many errors", `null`),
	"metric_alert resolved": sentryMetricAlert("resolved", "Resolved: Too many errors", `"2026-11-23T09:20:00.000000Z"`),
}

func sentryMetricAlert(action, title, closed string) string {
	return `{"action":"` + action + `","actor":{"id":"sentry"},"data":{"description_text":"1000 events in the last 10 minutes\\nFilter: level:error","description_title":"` + title + `",
	 "metric_alert":{"alert_rule":{"aggregate":"count()","dataset":"events","environment":null,"id":"7","name":"Too many errors","projects":["bar"],"query":"level:error","triggers":[]},"date_closed":` + closed + `,
	 "date_created":"2026-11-23T09:01:00Z","date_detected":"2026-11-23T09:01:00Z","date_started":"2026-11-23T09:00:00.000000Z","id":"4","identifier":"1","projects":["bar"],"status":2,"title":"Sacred Marmot"},
	 "web_url":"https://sentry.example/alerts/1/"},"installation":{"uuid":"a8e5"}}`
}

func decodeSentry(t *testing.T, resource, body string) Decoded {
	t.Helper()
	got, err := DecodeSentry(Delivery{Origin: "http/sentry", Header: http.Header{"Sentry-Hook-Resource": {resource}}, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSentryGolden(t *testing.T) {
	t.Parallel()
	const at = 1795424400000
	issue := orchestrator.Event{
		Origin: "http/sentry", ID: "issue/1170820242/created/1795424400391", Type: orchestrator.AlertFiring, Source: "sentry", Time: at + 391, StartsAt: at + 391, FirstSeen: at + 391,
		Fingerprint: "issue/1170820242", Name: "ReferenceError: x is not defined", Severity: "critical", Summary: "?(runner)", URL: "https://sentry.example/issues/1170820242/",
		Labels: map[string]string{"resource": "issue", "project": "front-end", "level": "fatal", "short_id": "FRONT-END-9"},
	}
	resolved := issue
	resolved.ID, resolved.Type, resolved.Time, resolved.StartsAt, resolved.URL = "issue/1170820242/resolved/1795424700000", orchestrator.AlertResolved, 0, 0, ""
	resolved.FirstSeen = 0
	resolved.Labels = map[string]string{"resource": "issue", "project": "front-end", "level": "fatal"}
	back := issue
	back.ID, back.Time, back.StartsAt, back.Name, back.Severity, back.Summary, back.URL = "issue/1170820242/unresolved/1795425000000", at+600_000, at+600_000, "it is back", "error", "", ""
	back.FirstSeen = 1767225600000
	back.Labels = map[string]string{"resource": "issue", "project": "front-end", "level": "error"}
	event := issue
	event.ID, event.Time, event.StartsAt = "event_alert/e4874d664c3540c1a32eab185f12c5ab/Very Important Alert Rule!", at+677, at+677
	event.FirstSeen = 0
	event.Name, event.Severity, event.Summary, event.Release = "ReferenceError: heck is not defined", "error", "?(checkout)", "shop@2.41.0"
	event.URL = "https://sentry.example/issues/1170820242/events/e4874d664c3540c1a32eab185f12c5ab/"
	event.Labels = map[string]string{"resource": "event_alert", "project": "front-end", "rule": "Very Important Alert Rule!", "level": "error", "environment": "production", "browser": "Chrome 75", "service": "checkout", "release": "shop@2.41.0"}
	metric := orchestrator.Event{
		Origin: "http/sentry", ID: "metric_alert/4/critical", Type: orchestrator.AlertFiring, Source: "sentry", Time: at, StartsAt: at, Fingerprint: "metric_alert/7/bar", Name: "Too many errors",
		Severity: "critical", Summary: "1000 events in the last 10 minutes Filter: level:error", URL: "https://sentry.example/alerts/1/",
		Labels: map[string]string{"resource": "metric_alert", "rule": "Too many errors", "query": "level:error", "project": "bar", "projects": "bar"},
	}
	over := metric
	over.ID, over.Type, over.Time, over.Severity = "metric_alert/4/resolved", orchestrator.AlertResolved, at+1_200_000, "warning"
	for name, want := range map[string]orchestrator.Event{
		"issue created": issue, "issue resolved": resolved, "issue unresolved": back, "event_alert triggered": event, "metric_alert critical": metric, "metric_alert resolved": over,
	} {
		resource, _, _ := strings.Cut(name, " ")
		got := decodeSentry(t, resource, sentrySamples[name])
		if it := got.Items[0]; len(got.Items) != 1 || !reflect.DeepEqual(it.Record.Event, &want) || it.Keep != nil {
			t.Errorf("%s:\n got %+v %+v\nwant %+v", name, it.Record.Event, it.Record.Bad, &want)
		}
		if again := decodeSentry(t, resource, sentrySamples[name]); !reflect.DeepEqual(got, again) {
			t.Errorf("%s: a repeat is read differently", name)
		}
	}
}

func TestWhatSentrySaysOfNoConcernIsIgnored(t *testing.T) {
	t.Parallel()
	for resource, body := range map[string]string{
		"issue": `{"action":"assigned","data":{"issue":{"id":"1"}}}`, "event_alert": `{"action":"other","data":{"event":{}}}`,
		"installation": `{"action":"created","data":{"installation":{}}}`, "comment": `{"action":"created","data":[1]}`, "error": `{"action":7}`,
	} {
		if got := decodeSentry(t, resource, body); len(got.Items) != 0 || got.Ignored != 1 {
			t.Errorf("%s is not ignored: %+v", resource, got)
		}
	}
	if got := decodeSentry(t, "issue", `{"action":"archived","data":{"issue":{"id":"1"}}}`); got.Ignored != 1 {
		t.Errorf("an archived issue is not ignored: %+v", got)
	}
}

func TestSentryWithoutATimeSaysSoAndStaysApart(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, c := range [][2]string{
		{"issue", `{"action":"created","data":{"issue":{"id":"1"}}}`},
		{"issue", `{"action":"created","data":{"issue":{"id":"1","firstSeen":null,"title":"b"}}}`},
		{"event_alert", `{"action":"triggered","data":{"event":{"issue_id":"1"}}}`},
		{"event_alert", `{"action":"triggered","data":{"event":{"issue_id":"1","title":"b"}}}`},
		{"metric_alert", `{"action":"warning","data":{"metric_alert":{"id":"1"}}}`},
		{"metric_alert", `{"action":"warning","data":{"metric_alert":{"id":"2","projects":["a","b"]}}}`},
	} {
		got := decodeSentry(t, c[0], c[1])
		ev := got.Items[0].Record.Event
		if ev == nil || ev.Time != 0 || ev.StartsAt != 0 || ids[ev.ID] || ev.Labels["project"] != "" {
			t.Fatalf("%s: %+v %+v", c[1], ev, got.Items[0].Record.Bad)
		}
		ids[ev.ID] = true
	}
}

func newSentryDesk(t *testing.T) *desk {
	t.Helper()
	return newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "sentry", Auth: AuthHMAC, Secrets: []string{"older", "client"}}}
	})
}

func sentrySigned(secret, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func TestSentryProvesWhoItIs(t *testing.T) {
	t.Parallel()
	d := newSentryDesk(t)
	body := sentrySamples["metric_alert critical"]
	old := "1500000000"
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"right", []string{"Sentry-Hook-Signature", sentrySigned("client", body)}, 200},
		{"the older secret", []string{"Sentry-Hook-Signature", sentrySigned("older", body)}, 200},
		{"an old timestamp, which nothing signs", []string{"Sentry-Hook-Signature", sentrySigned("client", body), "Sentry-Hook-Timestamp", old}, 200},
		{"wrong", []string{"Sentry-Hook-Signature", sentrySigned("guessed", body)}, 401},
		{"of another body", []string{"Sentry-Hook-Signature", sentrySigned("client", body+" ")}, 401},
		{"cut", []string{"Sentry-Hook-Signature", sentrySigned("client", body)[:32]}, 401},
		{"no hex", []string{"Sentry-Hook-Signature", "zz"}, 401},
		{"in another header", []string{"X-Hub-Signature-256", "sha256=" + sentrySigned("client", body)}, 401},
		{"missing", nil, 401},
	} {
		status, answer, _ := d.post(t, "/hooks/sentry", body, append(c.headers, "Sentry-Hook-Resource", "metric_alert")...)
		rs := d.wants(t, status, answer, c.status, "")
		if c.status == 200 && (len(rs) != 1 || rs[0].Event == nil || rs[0].Event.StartsAt != 1795424400000) {
			t.Errorf("%s: %+v, want the time of the body", c.name, rs)
		}
		if c.status == 401 && (len(rs) != 0 || !strings.Contains(answer, "Sentry-Hook-Signature")) {
			t.Errorf("%s: answered %s with %d records", c.name, answer, len(rs))
		}
	}
}

func TestWhatSentrySaysWrongIsKept(t *testing.T) {
	t.Parallel()
	d := newSentryDesk(t)
	for _, c := range []struct {
		resource, body string
		status         int
		reason         string
	}{
		{"issue", `{"action":`, 400, "broken JSON"},
		{"issue", ``, 400, "broken JSON"},
		{"issue", `[]`, 400, "wrong type"},
		{"", `{"action":"created"}`, 200, "Sentry-Hook-Resource is missing"},
		{"issue", `{"action":"created","data":{}}`, 200, "data.issue is missing"},
		{"issue", sentrySamples["metric_alert critical"], 200, "data.issue is missing"},
		{"event_alert", `{"action":"triggered","data":{}}`, 200, "data.event is missing"},
		{"metric_alert", `{"action":"critical","data":{}}`, 200, "data.metric_alert is missing"},
		{"issue", `{"action":"created","data":{"issue":{"firstSeen":1}}}`, 200, "data.issue.id is missing"},
		{"issue", `{"action":"created","data":{"issue":{"id":"1","firstSeen":"soon"}}}`, 200, "data.issue.firstSeen is no time"},
		{"issue", `{"action":"resolved","data":{"issue":[]}}`, 200, "wrong type"},
		{"event_alert", `{"action":"triggered","data":{"event":{"event_id":"e"}}}`, 200, "data.event.issue_id is missing"},
		{"event_alert", `{"action":"triggered","data":{"event":{"issue_id":"1","tags":{"a":"b"}}}}`, 200, "wrong type"},
		{"event_alert", `{"action":"triggered","data":{"event":{"issue_id":"1","timestamp":true}}}`, 200, "data.event.timestamp is no time"},
		{"metric_alert", `{"action":"open","data":{"metric_alert":{"id":"1"}}}`, 200, `it is "open"`},
		{"metric_alert", `{"action":"critical","data":{"metric_alert":{}}}`, 200, "data.metric_alert.id is missing"},
		{"metric_alert", `{"action":"resolved","data":{"metric_alert":{"id":"1","date_closed":{}}}}`, 200, "date_closed is no time"},
	} {
		status, answer, _ := d.post(t, "/hooks/sentry", c.body, "Sentry-Hook-Signature", sentrySigned("client", c.body), "Sentry-Hook-Resource", c.resource)
		rs := d.wants(t, status, answer, c.status, "quarantine")
		if len(rs) != 1 || rs[0].Bad == nil || !strings.Contains(rs[0].Bad.Reason, c.reason) {
			t.Errorf("%s %s: kept %+v, want one line of quarantine with %q", c.resource, c.body, rs[0].Bad, c.reason)
		}
	}
}

func TestSentryIsAnsweredWithinASecond(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "sentry", Auth: AuthHMAC, Secrets: []string{"client"}}}
		o.Append = func(ctx context.Context, _ []orchestrator.Record) error {
			<-ctx.Done() // A log that takes nothing.
			return ctx.Err()
		}
	})
	body := sentrySamples["issue created"]
	start := time.Now()
	status, answer, _ := d.post(t, "/hooks/sentry", body, "Sentry-Hook-Signature", sentrySigned("client", body), "Sentry-Hook-Resource", "issue")
	if took := time.Since(start); status != http.StatusServiceUnavailable || took < sentryWait || took > appendWait/2 {
		t.Errorf("answered %d %s after %v", status, answer, took)
	}
	if (Source{Name: "sentry"}).patience() >= time.Second {
		t.Error("Sentry gives up before it is answered")
	}
}
