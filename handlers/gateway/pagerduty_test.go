package gateway

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

const routingKey = "e93facc04764012d7bfb002500d5d1a6"

// pagerDutySample has the shape of PagerDuty's documented example of a trigger.
const pagerDutySample = `{"payload":{"summary":"DISK at 99% on machine prod-datapipe03.example.com","timestamp":"2026-11-23T08:54:21.000+0000","severity":"critical",
"source":"prod-datapipe03.example.com","component":"mysql","group":"prod-datapipe","class":"disk","custom_details":{"free space":"1%","ping time":1500,"firing":{"x":1}}},
"routing_key":"` + routingKey + `","dedup_key":"samplekeyhere","images":[],"links":[],"event_action":"trigger","client":"Sample Monitoring Service","client_url":"https://monitoring.service.example"}`

func pagerDutyDesk(t *testing.T, log *strings.Builder) *desk {
	t.Helper()
	return newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "pagerduty", Auth: AuthRoutingKey, Secrets: []string{"older-key", routingKey}}}
		if log != nil {
			o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
	})
}

func TestPagerDutyGolden(t *testing.T) {
	t.Parallel()
	d := pagerDutyDesk(t, nil)
	for _, path := range []string{"/v2/enqueue", "/hooks/pagerduty"} {
		status, answer, _ := d.post(t, path, pagerDutySample)
		rs := d.wants(t, status, answer, 202, `{"dedup_key":"samplekeyhere","message":"Event processed","status":"success"}`)
		want := &orchestrator.Event{
			Origin: "http/pagerduty", ID: "samplekeyhere/trigger/1795424061000", Type: orchestrator.AlertFiring, Source: "pagerduty", Time: 1795424061000, StartsAt: 1795424061000,
			Fingerprint: "samplekeyhere", Name: "disk", Severity: "critical", Summary: "DISK at 99% on machine prod-datapipe03.example.com", URL: "https://monitoring.service.example",
			Labels: map[string]string{
				"source": "prod-datapipe03.example.com", "component": "mysql", "group": "prod-datapipe", "class": "disk", "client": "Sample Monitoring Service",
				"details.free space": "1%", "details.ping time": "1500",
			},
		}
		if len(rs) != 1 {
			t.Fatalf("%s: %+v", path, rs)
		}
		if kept := string(d.blobs[rs[0].Event.Blob]); !strings.Contains(kept, "samplekeyhere") || strings.Contains(kept, routingKey) {
			t.Errorf("%s: the body that is kept: %s", path, kept)
		}
		if want.Blob = rs[0].Event.Blob; !reflect.DeepEqual(rs[0].Event, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", path, rs, want)
		}
	}
	status, answer, _ := d.post(t, "/v2/enqueue", `{"routing_key":"older-key","event_action":"resolve","dedup_key":"samplekeyhere","payload":{"timestamp":"2026-11-23T09:00:00Z"}}`)
	rs := d.wants(t, status, answer, 202, "samplekeyhere")
	if ev := rs[0].Event; ev.Type != orchestrator.AlertResolved || ev.Fingerprint != "samplekeyhere" || ev.StartsAt != 0 || ev.Time != 1795424400000 {
		t.Errorf("resolve: %+v", ev)
	}
	status, answer, _ = d.post(t, "/v2/enqueue", `{"routing_key":"older-key","event_action":"acknowledge","dedup_key":"samplekeyhere"}`)
	if rs = d.wants(t, status, answer, 202, "samplekeyhere"); len(rs) != 0 {
		t.Errorf("an acknowledgement is kept: %+v", rs)
	}
}

// TestPagerDutyWithoutATime: the next outage has the same body as the last, and
// must not be taken for a repeat of it.
func TestPagerDutyWithoutATime(t *testing.T) {
	t.Parallel()
	d := pagerDutyDesk(t, nil)
	body := `{"routing_key":"` + routingKey + `","event_action":"trigger","payload":{"summary":"down","source":"web","severity":"error"}}`
	var keys, ids []string
	for range 2 {
		status, answer, _ := d.post(t, "/v2/enqueue", body)
		rs := d.wants(t, status, answer, 202, `"status":"success"`)
		ev := rs[0].Event
		if ev.Time != 0 || ev.StartsAt != 0 || !strings.Contains(answer, `"dedup_key":"`+ev.Fingerprint+`"`) || ev.Name != "down" {
			t.Errorf("%s %+v", answer, ev)
		}
		keys, ids = append(keys, ev.Fingerprint), append(ids, ev.ID)
	}
	if keys[0] == keys[1] || ids[0] == ids[1] {
		t.Errorf("made the same key twice: %v %v", keys, ids)
	}
}

func TestPagerDutyKeepsNoKey(t *testing.T) {
	t.Parallel()
	const trigger = `"event_action":"trigger","payload":{"summary":"s","source":"x","severity":"info"}`
	for _, c := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"right", `{"routing_key":"` + routingKey + `",` + trigger + `}`, 202, "success"},
		{"the key elsewhere too", `{"routing_key":"` + routingKey + `","dedup_key":"k","event_action":"trigger","payload":{"summary":"` + routingKey + `","source":"x","severity":"info","custom_details":{"a":"` + routingKey + strings.Repeat("y", 1200) + `"}}}`, 202, "success"},
		{"the key twice", `{"routing_key":"wrong","routing_key":"` + routingKey + `",` + trigger + `}`, 202, "success"},
		{"wrong", `{"routing_key":"` + strings.ReplaceAll(routingKey, "e9", "e8") + `",` + trigger + `}`, 401, "routing_key"},
		{"missing", `{` + trigger + `}`, 401, "routing_key"},
		{"no string", `{"routing_key":["` + routingKey + `"],` + trigger + `}`, 401, "routing_key"},
		{"empty", `{"routing_key":"",` + trigger + `}`, 401, "routing_key"},
		{"broken", `{"routing_key":"` + routingKey + `",`, 401, "routing_key"},
		{"no action", `{"routing_key":"` + routingKey + `"}`, 400, `"errors":["event_action must be`},
		{"no severity", `{"routing_key":"` + routingKey + `","event_action":"trigger","payload":{"summary":"s","source":"x"}}`, 400, "payload.severity must be"},
		{"no summary", `{"routing_key":"` + routingKey + `","event_action":"trigger","payload":{"source":"x","severity":"info"}}`, 400, "payload.summary is missing"},
		{"no source", `{"routing_key":"` + routingKey + `","event_action":"trigger","payload":{"summary":"s","severity":"info"}}`, 400, "payload.source is missing"},
		{"resolve without a key", `{"routing_key":"` + routingKey + `","event_action":"resolve"}`, 400, "dedup_key is missing"},
		{"a key too long", `{"routing_key":"` + routingKey + `","event_action":"resolve","dedup_key":"` + strings.Repeat("k", 256) + `"}`, 400, "255"},
		{"a key of 200 characters in Korean", `{"routing_key":"` + routingKey + `","event_action":"resolve","dedup_key":"` + strings.Repeat("결제", 100) + `"}`, 202, "success"},
		{"strange time", `{"routing_key":"` + routingKey + `","event_action":"resolve","dedup_key":"k","payload":{"timestamp":"soon"}}`, 400, "is no time"},
		{"payload is a list", `{"routing_key":"` + routingKey + `","event_action":"resolve","dedup_key":"k","payload":[1]}`, 400, "payload has the wrong type"},
		{"over 1 MiB", `{"routing_key":"` + routingKey + `","x":"` + strings.Repeat("x", MaxBody) + `"}`, 413, "1 MiB"},
	} {
		var log strings.Builder
		d := pagerDutyDesk(t, &log)
		status, answer, _ := d.post(t, "/v2/enqueue", c.body)
		rs := d.wants(t, status, answer, c.status, c.want)
		kept := fmt.Sprintf("%s %s %+v", log.String(), answer, d.blobs)
		for _, r := range rs {
			kept += fmt.Sprintf("%+v %+v", r.Event, r.Bad)
		}
		for _, blob := range d.blobs {
			kept += string(blob)
		}
		if strings.Contains(kept, routingKey) {
			t.Errorf("%s: the key is kept: %s", c.name, kept)
		}
		if wrong := c.status == 400; wrong != (len(rs) == 1 && rs[0].Bad != nil) || (c.status == 401 || c.status == 413) && len(rs) != 0 {
			t.Errorf("%s: %+v", c.name, rs)
		}
		if c.status == 400 && !strings.Contains(answer, `"status":"invalid event"`) {
			t.Errorf("%s: %s", c.name, answer)
		}
	}
}

func TestEnqueueIsThereOnlyWhenConfigured(t *testing.T) {
	t.Parallel()
	if status, answer, _ := newDesk(t, nil).post(t, "/v2/enqueue", pagerDutySample); status != 404 {
		t.Errorf("answered %d %s", status, answer)
	}
}

// TestPagerDutyUnsigned: on a loopback listener without auth the key goes as well.
func TestPagerDutyUnsigned(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) { o.Sources, o.Loopback = []Source{{Name: "pagerduty", Auth: AuthNone}}, true })
	status, answer, _ := d.post(t, "/v2/enqueue", `{"routing_key":"`+routingKey+`","event_action":"x"}`)
	rs := d.wants(t, status, answer, 400, "event_action")
	if len(rs) != 1 || strings.Contains(rs[0].Bad.Excerpt, routingKey) {
		t.Errorf("%+v", rs)
	}
}

func FuzzDecodePagerDuty(f *testing.F) {
	seedBodies(f)
	f.Add([]byte(pagerDutySample))
	f.Add([]byte(`{"event_action":"resolve","dedup_key":7,"payload":{"timestamp":-1,"custom_details":"x"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		delivery := Delivery{Origin: "http/pagerduty", Body: body}
		takeRoutingKey(Source{Secrets: []string{routingKey}}, &delivery)
		if d, err := DecodePagerDuty(delivery); err == nil {
			fit(t, d)
		}
	})
}
