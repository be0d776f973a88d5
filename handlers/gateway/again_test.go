package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/orchestrator"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	const (
		alert = `{"status":"firing","labels":{"alertname":"Disk"},"startsAt":"2026-11-23T08:54:21Z","fingerprint":"ab12"}`
		other = `{"status":"firing","labels":{"alertname":"Net"},"startsAt":"2026-11-23T08:54:21Z","fingerprint":"cd34"}`
		cloud = `{"specversion":"1.0","id":"1","source":"ci","type":"backout.alert.firing","data":{"project":"shop","name":"Disk"}}`
		vc    = `{"id":"v1","type":"deployment.promoted","createdAt":1795000000000,"payload":{"project":{"id":"prj_1"},"deployment":{"id":"dpl_1"}}}`
		disk  = "ab12/1795424061000/firing"
	)
	line := func(origin, reason string) orchestrator.Quarantined {
		return orchestrator.Quarantined{Bad: orchestrator.Bad{Origin: origin, Reason: reason}}
	}
	unrouted := line("http/alertmanager", "unrouted: nobody's")
	unrouted.Excerpt = "backout.alert.firing Disk " + disk
	read := line("http/vercel", "unrouted: nobody's")
	read.Event = &orchestrator.Event{Origin: "http/vercel", ID: "v1", Inbox: 7, Source: "vercel", Labels: map[string]string{"vercel_project": "prj_1"}}
	for _, c := range []struct {
		name string
		q    orchestrator.Quarantined
		body string
		ids  []string
		err  string
	}{
		{"a message of Alertmanager", line("http/alertmanager", "odd"), `{"alerts":[` + alert + `,` + other + `]}`, []string{disk, "cd34/1795424061000/firing"}, ""},
		{"one alert of a message", line("http/alertmanager", "odd"), alert, []string{disk}, ""},
		{"the one that nobody claimed, of a message", unrouted, `{"alerts":[` + other + `,` + alert + `]}`, []string{disk}, ""},
		{"a message of Grafana", line("http/grafana", "odd"), `{"alerts":[` + alert + `]}`, []string{disk}, ""},
		{"one alert of a message of Grafana", line("http/grafana", "odd"), alert, []string{disk}, ""},
		{"a message of UptimeRobot", line("http/uptimerobot", "odd"), `{"monitorID":"7","monitorFriendlyName":"shop","alertTypeFriendlyName":"Down","alertDateTime":"1795424061"}`, []string{"7/down/1795424061000"}, ""},
		{"a metric alert of Sentry", line("http/sentry", "odd"), `{"action":"critical","data":{"metric_alert":{"id":"5","title":"T","date_started":"2026-11-23T08:54:21Z","alert_rule":{"id":"7","name":"R"}}}}`, []string{"metric_alert/5/critical"}, ""},
		{"a webhook of Vercel", line("http/vercel", "odd"), vc, []string{"v1"}, ""},
		{"an event of Stripe", line("http/stripe", "odd"), `{"id":"evt_1","object":"event","type":"payout.failed","created":1795000000}`, []string{"evt_1"}, ""},
		{"a webhook of Toss", line("http/toss", "odd"), `{"eventType":"PAYOUT_STATUS_CHANGED","data":{"id":"po_1","status":"FAILED"},"createdAt":"2026-01-02T14:46:59"}`, []string{"PAYOUT_STATUS_CHANGED/po_1/FAILED/1767332819000"}, ""},
		{"a CloudEvent", line("http/events", "odd"), cloud, []string{"ci/1"}, ""},
		{"a batch with a bad one", line("http/events", "odd"), `[{}, ` + cloud + `]`, []string{"ci/1"}, ""},
		{"a message of NATS", line("nats/shop", "odd"), cloud, []string{"ci/1"}, ""},
		{"an event in PagerDuty's shape", line("http/pagerduty", "odd"), `{"event_action":"resolve","dedup_key":"k","payload":{"timestamp":"2026-11-23T08:54:21Z"}}`, []string{"k/resolve/1795424061000"}, ""},
		{"GitHub's, whose bodies are not kept", line("http/github", "odd"), ``, nil, "redeliver it"},
		{"an event as it was read", read, "", []string{"v1"}, ""},
		{"for another project than its account may", line("nats/bakery", "odd"), cloud, nil, "may only speak for bakery"},
		{"for another project than its token may", line("http/events/bakery", "odd"), cloud, nil, "may only speak for bakery"},
		{"by a token of its project", line("http/events/shop", "odd"), cloud, []string{"ci/1"}, ""},
		{"under a subject its account may not", line("nats/shop", "the type x does not belong under the subject backout.event.deploy.shop"), cloud, nil, "publish it again"},
		{"still bad", line("http/events", "odd"), `{"specversion":"1.0"}`, nil, "still cannot be read: id is missing"},
		{"unreadable", line("http/alertmanager", "odd"), `{"alerts":`, nil, "JSON"},
		{"of no use", line("http/vercel", "odd"), `{"type":"user.created"}`, nil, "nothing that Backout has a use for"},
		{"a record of the log", line("log", "the fold broke"), `{"ev":{}}`, nil, "no delivery of a sender"},
	} {
		events, err := gateway.Again(&c.q, []byte(c.body), map[string]string{"prj_1": "shop"})
		var ids []string
		for _, ev := range events {
			ids = append(ids, ev.ID)
			if ev.Origin != c.q.Origin || ev.Inbox != 0 || (c.q.Event == nil) != ev.Unsigned {
				t.Errorf("%s: %+v", c.name, ev)
			}
			if strings.HasSuffix(ev.Origin, "vercel") && ev.Project != "shop" {
				t.Errorf("%s: project %q by the mapping of now", c.name, ev.Project)
			}
		}
		if !slices.Equal(ids, c.ids) || (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v %v, want %v %q", c.name, ids, err, c.ids, c.err)
		}
	}
	if read.Event.Project != "" || read.Event.Inbox != 7 {
		t.Error("the line itself was changed")
	}
}
