package main

import (
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestNights_limits are the nights in which acting again, or acting late, would be
// the mistake.
func TestNights_limits(t *testing.T) {
	t.Parallel()
	playAll(t, []night{
		{
			name: "a rollback loop", o: shopOptions{Veto: autoVeto, CuredWithin: shortly}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("proven", "done")
				s.fires("another") // still failing: the old deployment is no cure
				s.says("INC-1", "not passed within")
				s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "cured").Ask != nil })
				s.stays(2 * time.Second)
			},
		},
		{
			name: "two signals at once", o: shopOptions{Veto: autoVeto}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.badDeployment()
				s.waitServing("dpl_bad")
				for _, fp := range []string{"one", "two", "three"} {
					go s.publish("alert", "backout.alert.firing", alert(fp, "critical"))
				}
				s.waitIncident("INC-1", "with all three", func(inc *console.Incident) bool { return inc.Firing == 3 })
				s.step("proven", "done")
				if inc := s.incident("INC-2"); inc.ID != "" {
					s.t.Errorf("a second incident:\n%s", told(&inc))
				}
			},
		},
		{
			name: "the breaker", o: shopOptions{Veto: autoVeto, PerHour: 1}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("proven", "done")
				s.ends("health")
				s.over("INC-1")
				s.ship("dpl_bad2", "bad5eed2", true)
				s.dashboard("/v10/projects/prj_shop/promote/dpl_bad2")
				s.waitServing("dpl_bad2")
				s.fires("again")
				s.says("INC-2", "1 automatic actions in an hour are the limit")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "pause then stop in a running plan", o: shopOptions{Veto: "2s"}, wants: nil,
			play: func(s *shop) {
				s.breaks()
				s.step("back", "awaiting")
				if text, ok := s.say("pause shopp looking first"); ok {
					s.t.Errorf("a project that is not there was paused: %s", text)
				}
				s.mustSay("pause all looking first")
				s.says("INC-1", "paused by ann")
				s.stays(3 * time.Second)
				s.mustSay("stop INC-1")
				s.mustSay("unpause all")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "an outage of Vercel and a retry that must not fire later", o: shopOptions{Veto: autoVeto}, wants: nil,
			play: func(s *shop) {
				s.badDeployment()
				s.waitServing("dpl_bad")
				s.fault(map[string]any{"path": "/", "kind": "500_before", "count": -1})
				s.fires("health")
				s.waitIncident("INC-1", "blind", func(inc *console.Incident) bool { return stepOf(inc, "back").State != "" })
				s.ends("health") // the site is well again, without us
				s.waitIncident("INC-1", "quiet", func(inc *console.Incident) bool { return inc.Firing == 0 })
				s.disarm()
				s.stays(5 * time.Second)
			},
		},
		{
			name: "a flapping symptom", o: shopOptions{Veto: autoVeto, CuredWithin: "4s"}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("proven", "done")
				for i := 0; i < 40 && stepOf(new(s.incident("INC-1")), "cured").State == "waiting"; i++ {
					s.ends("health")
					s.fires("health")
				}
				if inc := s.incident("INC-1"); stepOf(&inc, "cured").State == "done" && stepOf(&inc, "cured").Answer == "" {
					s.t.Errorf("it counts as cured:\n%s", told(&inc))
				}
				s.stays(2 * time.Second)
			},
		},
		{
			name: "the target fails in the same way", o: shopOptions{Veto: autoVeto, Probe: true}, wants: nil,
			play: func(s *shop) {
				s.setUp(map[string]any{"deployments": []map[string]any{{"id": "dpl_good1", "url": "shop-good1.vercel.test"}, {"id": "dpl_good2", "url": "shop-good2.vercel.test", "bad": true}}})
				s.breaks()
				s.says("INC-1", "not the cause")
				s.stays(2 * time.Second)
			},
		},
	})
}
