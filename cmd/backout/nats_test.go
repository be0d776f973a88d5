package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// publisher runs an ordinary NATS program that publishes events one by one.
func (s *shop) publisher(env []string, events ...event) {
	s.t.Helper()
	bin := must(built.publisher())(s.t)
	var lines strings.Builder
	for _, ev := range events {
		fmt.Fprintf(&lines, "%s shop %s\n", ev.kind, ev.body)
	}
	code, out, said := once(s.t, lines.String(), env, bin, s.at("nats"))
	if code != 0 || strings.Count(out, "stored as") != len(events) {
		s.t.Fatalf("the publisher ended with %d after %q: %s", code, out, said)
	}
}

func promotedEvent(id string) event {
	return event{"deploy", cloudEvent(id, "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})}
}

// webhookFailed is a failed delivery of one event of a payment provider.
func webhookFailed(id, eventID string) event {
	return event{"webhook", cloudEvent(id, "backout.webhook.failed", map[string]any{
		"environment": "production", "component": "checkout", "provider": "stripe", "endpoint": "/api/webhooks/stripe",
		"event_ids": []string{eventID}, "error": "500 after 3 s",
	})}
}

// TestNATS_ordinaryClient: a program of its own publishes deploy, alert and
// webhook events, and they take the same road to `rollback` as all others.
func TestNATS_ordinaryClient(t *testing.T) {
	t.Parallel()
	t.Run("an alert after a promotion", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, shopOptions{})
		s.badDeployment()
		s.publisher(nil, promotedEvent("p1"), event{"alert", cloudEvent("a1", "backout.alert.firing", alert("health/shop.test", "critical"))})
		inc := s.waitsForYesToGoBack()
		if inc.OpenedBy != "nats/shop" || inc.Suspect == nil || inc.Suspect.DeploymentID != "dpl_bad" {
			t.Errorf("opened by %s with suspect %+v, want nats/shop and dpl_bad", inc.OpenedBy, inc.Suspect)
		}
		s.approveAgain()
		s.waitBack()
		s.publisher(nil, event{"alert", cloudEvent("a2", "backout.alert.resolved", map[string]any{"environment": "production", "fingerprint": "health/shop.test"})})
		s.waitIncident("INC-1", "monitoring", func(inc *console.Incident) bool { return inc.State == "monitoring" && inc.Firing == 0 })
		s.wantOneRollback()
	})
	t.Run("three different webhook failures", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, shopOptions{})
		s.badDeployment()
		s.publisher(nil, promotedEvent("p1"),
			webhookFailed("w1", "evt_1"), webhookFailed("w2", "evt_1"), webhookFailed("w3", "evt_1"), webhookFailed("w4", "evt_2"))
		why := s.waitKnown("nats/shop", "e2e/w4")
		if s.incident("INC-1").ID != "" {
			t.Fatalf("two different failures and their retries opened an incident: %s", why.Why)
		}
		s.publisher(nil, webhookFailed("w5", "evt_3"))
		s.waitsForYesToGoBack()
	})
}

// badDeployment ships a deployment that fails and waits until it serves.
func (s *shop) badDeployment() {
	s.t.Helper()
	s.waitServing("dpl_good2")
	s.ship("dpl_bad", "bad5eed", true)
	s.waitSettled()
}

// waitBack waits until the rollback is done and proven.
func (s *shop) waitBack() {
	s.t.Helper()
	s.waitIncident("INC-1", "rolled back and proven", func(inc *console.Incident) bool {
		return stepOf(inc, "back").State == "done" && stepOf(inc, "proven").State == "done"
	})
}

func (s *shop) waitsForYesToGoBack() console.Incident {
	s.t.Helper()
	s.waitsForYes()
	inc := s.incident("INC-1")
	if inc.Playbook != "rollback" {
		s.t.Errorf("playbook %s leads, want rollback:\n%s", inc.Playbook, told(&inc))
	}
	return inc
}
