package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// fails publishes a critical alert of any project.
func (s *shop) failsIn(project, typ string) {
	s.t.Helper()
	data := alert("down/"+project, "critical")
	data["project"], data["component"] = project, ""
	if _, err := s.dial().Publish(s.t.Context(), "backout.event.alert."+project, cloudEvent(must(randomHex(8))(s.t), typ, data)); err != nil {
		s.t.Fatal(err)
	}
}

// TestNight_b is Vercel's outage of eleven minutes after a promotion that had nothing to
// do with it: alerts of three projects, failed webhooks, an API that answers 500 to
// everything, and a status page that is late. Policy would roll back alone; the target's
// own address fails in the same way, so nothing is touched, not even when Vercel is back
// and its webhooks come late.
func TestNight_b(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Veto: autoVeto, Upstreams: true, Probe: true, Shops: 2})
	s.waitServing("dpl_good2")
	s.ship("dpl_lucky", "0ddc0de", false)
	s.waitSettled()
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_lucky", "commit": "0ddc0de"})
	s.waitServing("dpl_lucky")

	s.order(s.urls.Shop+"/_sandbox/setup", map[string]any{"database_down": true})
	s.fault(map[string]any{"path": "/", "kind": "500_before", "count": -1})
	for _, id := range []string{"pay_1", "pay_2", "pay_3"} {
		s.publisher(nil, webhookFailed("w-"+id, id))
	}
	for _, project := range []string{"shop", "shop1", "shop2"} {
		s.failsIn(project, "backout.alert.firing")
	}
	inc := s.waitIncident("INC-1", "led by respond", func(inc *console.Incident) bool { return inc.Playbook == "respond" })
	for _, want := range []string{"I am not rolling back: the deployment to go back to fails in the same way", "Nothing has been changed"} {
		if !strings.Contains(told(&inc), want) {
			t.Errorf("INC-1 does not say %q:\n%s", want, told(&inc))
		}
	}
	s.waitIncident("INC-1", "asking to tell users", func(inc *console.Incident) bool {
		return inc.Playbook == "respond" && stepOf(inc, "status").Preview != nil
	})
	s.mustSay("approve INC-1 status")

	s.order(s.urls.Status+"/_sandbox/setup", map[string]any{"indicator": "major", "incident": "Edge errors", "impact": "major", "components": []string{"Edge Network"}})
	s.waitIncident("INC-1", "one incident of all three, by its upstream", func(inc *console.Incident) bool { return inc.Upstream == "vercel" && len(inc.Also) == 2 })
	s.stays(2 * time.Second)

	s.disarm()
	s.order(s.urls.Shop+"/_sandbox/setup", map[string]any{"database_down": false})
	s.order(s.urls.Status+"/_sandbox/setup", map[string]any{"indicator": "none"})
	for _, project := range []string{"shop", "shop1", "shop2"} {
		s.failsIn(project, "backout.alert.resolved")
	}
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_lucky", "commit": "0ddc0de"})
	s.stays(3 * time.Second)
	if got := s.changes(); len(got) != 0 {
		t.Errorf("something was touched while Vercel burnt: %v\n%s", got, s.toldAll())
	}
	for _, project := range []string{"shop1", "shop2"} {
		for n := range 4 {
			if other := s.incident("INC-" + string(rune('2'+n))); other.Project == project && other.State != "closed" {
				t.Errorf("an incident of its own:\n%s", told(&other))
			}
		}
	}
	s.backout.stop(t)
}
