package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// delivery is what a source posts; resource belongs to Sentry.
type delivery struct{ path, resource, body string }

// deliver posts deliveries as their senders do; each must be taken.
func (s *shop) deliver(all []delivery) {
	s.t.Helper()
	secret := secrets()["E2E_HOOK_TOKEN"]
	for _, d := range all {
		path, header := d.path, bearerOf(secret)
		switch d.path {
		case "/hooks/sentry":
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(d.body))
			header = http.Header{"Sentry-Hook-Signature": {hex.EncodeToString(mac.Sum(nil))}, "Sentry-Hook-Resource": {d.resource}}
		case "/hooks/uptimerobot":
			path, header = path+"/"+secret, http.Header{}
		}
		if status, said, err := s.hook(path, []byte(d.body), header); err != nil || status != http.StatusOK || said != `{"accepted":1,"quarantined":0}` {
			s.t.Fatalf("%s %s: %d %s %v", d.path, d.body, status, said, err)
		}
	}
}

// An issue alert and its issue are one signal, and so are a monitor's outages: what
// each source says is over is over, and the same deliveries again change nothing.
func TestSources_whatFiresEnds(t *testing.T) {
	t.Parallel()
	const grafana = `,"labels":{"alertname":"CheckoutErrors","service":"checkout","severity":"critical"},"startsAt":"2026-11-23T09:00:00Z","endsAt":"2026-11-23T09:30:00Z","fingerprint":"57c6"}]}`
	const issue = `,"data":{"issue":{"id":"11","title":"x is not defined","level":"error","firstSeen":"2026-11-23T09:00:00Z","lastSeen":"2026-11-23T09:09:00Z","project":{"slug":"front-end"}}}}`
	const event = `,"issue_id":"11","title":"x is not defined","level":"error","release":"shop@2.41.0","url":"https://sentry.example/api/0/projects/org/front-end/events/e/"},"triggered_rule":"r"}}`
	const metric = `,"data":{"metric_alert":{"id":"4","projects":["front-end"],"date_started":"2026-11-23T09:00:00Z","alert_rule":{"id":"7","name":"Too many errors"}}}}`
	const monitor = `{"monitorID":"788","monitorFriendlyName":"Shop","alertDateTime":"17954244`
	fires := []delivery{
		{"/hooks/grafana", "", `{"alerts":[{"status":"firing"` + grafana},
		{"/hooks/sentry", "issue", `{"action":"created"` + issue},
		{"/hooks/sentry", "event_alert", `{"action":"triggered","data":{"event":{"event_id":"e1","datetime":"2026-11-23T09:01:00Z"` + event},
		{"/hooks/sentry", "event_alert", `{"action":"triggered","data":{"event":{"event_id":"e2","datetime":"2026-11-23T09:02:00Z"` + event},
		{"/hooks/sentry", "metric_alert", `{"action":"critical"` + metric},
		{"/hooks/uptimerobot", "", monitor + `00","alertType":"1","alertTypeFriendlyName":"Down"}`},
	}
	ends := []delivery{
		{"/hooks/grafana", "", `{"alerts":[{"status":"resolved"` + grafana},
		{"/hooks/sentry", "issue", `{"action":"resolved"` + issue},
		{"/hooks/sentry", "metric_alert", `{"action":"resolved"` + metric},
		{"/hooks/uptimerobot", "", monitor + `90","alertType":"2","alertTypeFriendlyName":"Up","alertDuration":"85"}`},
	}
	s := newShop(t, shopOptions{})
	s.waitServing("dpl_good2")
	s.deliver(fires)
	inc := s.waitIncident("INC-1", "with the four signals", func(inc *console.Incident) bool { return inc.Firing == 4 && len(inc.Signals) == 4 })
	if inc.Playbook != "respond" || inc.Component != "checkout" || inc.OpenedBy != "http/grafana" {
		t.Errorf("playbook %s, component %s, by %s", inc.Playbook, inc.Component, inc.OpenedBy)
	}
	s.deliver(ends)
	inc = s.waitIncident("INC-1", "without a firing signal, waiting for a person", func(inc *console.Incident) bool {
		return inc.Firing == 0 && stepOf(inc, "decide").State == "awaiting"
	})
	s.deliver(slices.Concat(fires, ends))
	again := s.incident("INC-1")
	if again.Firing != 0 || slices.ContainsFunc(again.Timeline[len(inc.Timeline):], func(l console.Line) bool { return l.Actor == "http/sentry" || l.Actor == "http/uptimerobot" }) {
		t.Errorf("the same deliveries changed the incident:\n%s", told(&again))
	}
	s.backout.stop(t)
}
