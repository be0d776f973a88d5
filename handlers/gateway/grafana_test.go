package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// grafanaSample has the shape of Grafana's documentation of its webhook contact
// point: version 1, one alert that fires and one that is over.
const grafanaSample = `{"receiver":"backout","status":"firing","orgId":1,"alerts":[
{"status":"firing","labels":{"alertname":"CheckoutErrors","grafana_folder":"shop","service":"checkout","severity":"critical","release":"9f3c2e1"},
 "annotations":{"summary":"5xx above 5%"},"startsAt":"2026-11-23T18:00:00+09:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"https://g.example/alerting/grafana/r1/view",
 "fingerprint":"57c6d9296de2ad39","silenceURL":"https://g.example/alerting/silence/new","dashboardURL":"https://g.example/d/d1","panelURL":"https://g.example/d/d1?viewPanel=2",
 "values":{"C":1,"B":0.31},"valueString":"[ var='B' labels={} value=0.31 ]","ruleUID":"r1","orgId":1},
{"status":"resolved","labels":{"alertname":"Slow"},"annotations":{},"startsAt":"2026-11-23T08:54:21Z","endsAt":"2026-11-23T08:55:21Z","generatorURL":"https://g.example/r2",
 "fingerprint":"aa","dashboardURL":"","panelURL":"","values":null,"valueString":""}],
"groupLabels":{"alertname":"CheckoutErrors"},"commonLabels":{},"commonAnnotations":{},"externalURL":"https://g.example/","version":"1","groupKey":"{}:{}","truncatedAlerts":0,
"title":"[FIRING:1]","state":"alerting","message":"text"}`

func TestGrafanaGolden(t *testing.T) {
	t.Parallel()
	got, err := DecodeGrafana(Delivery{Origin: "http/grafana", Body: []byte(grafanaSample)})
	if err != nil || len(got.Items) != 2 {
		t.Fatal(got, err)
	}
	want := []*orchestrator.Event{{
		Origin: "http/grafana", ID: "57c6d9296de2ad39/1795424400000/firing", Type: orchestrator.AlertFiring, Source: "grafana",
		Time: 1795424400000, StartsAt: 1795424400000, Fingerprint: "57c6d9296de2ad39", Name: "CheckoutErrors", Severity: "critical", Summary: "5xx above 5%",
		Release: "9f3c2e1", Value: "B=0.31 C=1", URL: "https://g.example/d/d1?viewPanel=2",
		Labels: map[string]string{"alertname": "CheckoutErrors", "grafana_folder": "shop", "service": "checkout", "severity": "critical", "release": "9f3c2e1"},
	}, {
		Origin: "http/grafana", ID: "aa/1795424061000/resolved", Type: orchestrator.AlertResolved, Source: "grafana",
		Time: 1795424121000, StartsAt: 1795424061000, Fingerprint: "aa", Name: "Slow", Severity: "warning", URL: "https://g.example/r2",
		Labels: map[string]string{"alertname": "Slow"},
	}}
	for i, it := range got.Items {
		if !reflect.DeepEqual(it.Record.Event, want[i]) || it.Keep != nil {
			t.Errorf("alert %d:\n got %+v %+v\nwant %+v", i, it.Record.Event, it.Record.Bad, want[i])
		}
	}
}

func TestGrafanaProvesWhoItIs(t *testing.T) {
	t.Parallel()
	mac := hmac.New(sha256.New, []byte("s1"))
	mac.Write([]byte(grafanaSample))
	signature := hex.EncodeToString(mac.Sum(nil))
	mac.Reset()
	mac.Write([]byte("1795424400:" + grafanaSample))
	timed := hex.EncodeToString(mac.Sum(nil))
	for _, c := range []struct {
		name    string
		source  Source
		headers []string
		status  int
	}{
		{"bearer", Source{Auth: AuthBearer, Secrets: []string{"s1"}}, []string{"Authorization", "Bearer s1"}, 200},
		{"bearer, wrong", Source{Auth: AuthBearer, Secrets: []string{"s1"}}, []string{"Authorization", "Bearer s2"}, 401},
		{"bearer, none", Source{Auth: AuthBearer, Secrets: []string{"s1"}}, nil, 401},
		{"basic", Source{Auth: AuthBasic, Secrets: []string{"am:pw"}}, []string{"Authorization", "Basic YW06cHc="}, 200},
		{"basic, wrong", Source{Auth: AuthBasic, Secrets: []string{"am:other"}}, []string{"Authorization", "Basic YW06cHc="}, 401},
		{"hmac", Source{Auth: AuthHMAC, Secrets: []string{"s0", "s1"}}, []string{"X-Grafana-Alerting-Signature", signature}, 200},
		{"hmac, another secret", Source{Auth: AuthHMAC, Secrets: []string{"s0"}}, []string{"X-Grafana-Alerting-Signature", signature}, 401},
		{"hmac, in another header", Source{Auth: AuthHMAC, Secrets: []string{"s1"}}, []string{"X-Hub-Signature-256", "sha256=" + signature}, 401},
		{"hmac, over a time too", Source{Auth: AuthHMAC, Secrets: []string{"s1"}}, []string{"X-Grafana-Alerting-Signature", timed}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.source.Name = "grafana"
			d := newDesk(t, func(o *Options) { o.Sources = []Source{c.source} })
			status, answer, _ := d.post(t, "/hooks/grafana", grafanaSample, c.headers...)
			rs := d.wants(t, status, answer, c.status, "")
			if c.status == 200 && len(rs) != 2 || c.status == 401 && (len(rs) != 0 || !strings.Contains(answer, "wrong or missing")) {
				t.Errorf("answered %s with %d records", answer, len(rs))
			}
		})
	}
}

func TestWhatGrafanaSaysWrongIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "grafana", Auth: AuthBearer, Secrets: []string{hookToken}}}
	})
	for _, c := range []struct {
		name, body     string
		status         int
		answer, reason string
	}{
		{"broken", `{"alerts":`, 400, "quarantine", "broken JSON"},
		{"a payload of its own", `{"title":"down"}`, 400, "alerts is missing", "alerts is missing"},
		{"null", `{"alerts":[null]}`, 200, `"quarantined":1`, "null"},
		{"no fingerprint", `{"alerts":[{"status":"firing"}]}`, 200, `"quarantined":1`, "fingerprint is missing"},
		{"values are a list", `{"alerts":[{"status":"firing","fingerprint":"x","values":[1]}]}`, 200, `"quarantined":1`, "values"},
		{"strange status", `{"alerts":[{"status":"nodata","fingerprint":"x"}]}`, 200, `"quarantined":1`, "status must be"},
		{"strange time", `{"alerts":[{"status":"firing","fingerprint":"x","startsAt":"soon"}]}`, 200, `"quarantined":1`, "startsAt is no time"},
	} {
		status, answer, _ := d.post(t, "/hooks/grafana", c.body, "Authorization", "Bearer "+hookToken)
		rs := d.wants(t, status, answer, c.status, c.answer)
		if len(rs) != 1 || rs[0].Bad == nil || !strings.Contains(rs[0].Bad.Reason, c.reason) || rs[0].Bad.Origin != "http/grafana" {
			t.Errorf("%s: kept %+v, want one line of quarantine with %q", c.name, rs, c.reason)
		}
	}
	mixed := `{"alerts":[{"status":"firing","labels":{"alertname":"A"},"fingerprint":"a"},7]}`
	status, answer, _ := d.post(t, "/hooks/grafana", mixed, "Authorization", "Bearer "+hookToken)
	rs := d.wants(t, status, answer, 200, `{"accepted":1,"quarantined":1}`)
	if ev := rs[0].Event; ev == nil || ev.Time != 0 || ev.StartsAt != 0 || ev.ID != "a/0/firing" {
		t.Errorf("an alert without a time: %+v", ev)
	}
	for range 2 {
		status, answer, _ = d.post(t, "/hooks/grafana", grafanaSample, "Authorization", "Bearer "+hookToken)
		if rs = d.wants(t, status, answer, 200, `{"accepted":2`); rs[0].Event.ID != "57c6d9296de2ad39/1795424400000/firing" {
			t.Errorf("a repeat has another id: %+v", rs[0].Event)
		}
	}
}

func TestWhatGrafanaSaysAtLengthIsKeptWhole(t *testing.T) {
	t.Parallel()
	body := `{"alerts":[{"status":"firing","fingerprint":"a","annotations":{"summary":"` + strings.Repeat("x", 2000) + `"},"values":{"A":"NaN","B":null,"C":-1}}]}`
	got, err := DecodeGrafana(Delivery{Origin: "http/grafana", Body: []byte(body)})
	if err != nil || len(got.Items) != 1 || got.Items[0].Record.Event == nil {
		t.Fatal(got, err)
	}
	if it := got.Items[0]; len(it.Record.Event.Summary) != maxText || it.Record.Event.Value != "C=-1" || !strings.Contains(string(it.Keep), strings.Repeat("x", 2000)) {
		t.Errorf("%+v, kept %d bytes", it.Record.Event, len(it.Keep))
	}
}
