package main

import (
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestNights_people are the nights in which somebody else moves, too.
func TestNights_people(t *testing.T) {
	t.Parallel()
	playAll(t, []night{
		{
			name: "a newer deployment while it asks", wants: nil,
			play: func(s *shop) {
				s.breaks()
				s.waitsForYes()
				s.ship("dpl_new", "0123abc", false)
				s.waitServing("dpl_new")
				s.say("approve INC-1 back")
				s.says("INC-1", "what was asked about dpl_bad is void")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "a newer deployment right after the rollback", o: shopOptions{ProvenWithin: shortly}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.waitsForYes()
				s.approveAgain()
				s.step("back", "done")
				s.ship("dpl_new", "0123abc", false) // stays staged, until somebody promotes it
				s.dashboard("/v10/projects/prj_shop/promote/dpl_new")
				s.waitServing("dpl_new")
				s.step("proven", "failed", "done")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "what was shown is gone when the yes comes", wants: []string{"POST /v1/projects/prj_shop/rollback/dpl_good2 410"},
			play: func(s *shop) {
				s.breaks()
				s.waitsForYesToGoBack()
				s.setUp(map[string]any{"serving": "dpl_bad", "deployments": []map[string]any{
					{"id": "dpl_good1", "url": "shop-good1.vercel.test"},
					{"id": "dpl_good2", "url": "shop-good2.vercel.test", "deleted": true},
					{"id": "dpl_bad", "url": "shop-bad.vercel.test", "commit": "bad5eed", "bad": true},
				}})
				s.mustSay("approve INC-1 back")
				s.says("INC-1", "choose another target")
				s.waitIncident("INC-1", "asking what now", func(inc *console.Incident) bool { return stepOf(inc, "back").Ask != nil })
				s.stays(2 * time.Second)
			},
		},
		{
			name: "a rollback in the dashboard", wants: nil,
			play: func(s *shop) {
				s.breaks()
				s.waitsForYes()
				s.dashboard("/v9/projects/prj_shop/rollback/dpl_good2")
				s.waitServing("dpl_good2")
				s.say("approve INC-1 back")
				s.step("back", "done")
				s.says("INC-1", "somebody else did it")
				s.step("proven", "done")
				s.stays(time.Second)
			},
		},
		{
			name: "a promotion over the hold", o: shopOptions{Veto: autoVeto}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("proven", "done")
				s.ends("health")
				s.step("hold", "done")
				s.ship("dpl_new", "0123abc", false)
				s.dashboard("/v10/projects/prj_shop/promote/dpl_new")
				s.waitServing("dpl_new")
				s.says("INC-1", "over the hold")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "the hotfix stays staged", o: shopOptions{Veto: autoVeto}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("proven", "done")
				s.ends("health")
				s.step("hold", "done")
				s.ship("dpl_fix", "f1ffff1", false)
				s.waitSettled()
				s.waitServing("dpl_good2")
				s.stays(2 * time.Second)
				s.waitServing("dpl_good2")
			},
		},
	})
}
