package main

import (
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestNights_vercel are the nights in which Vercel answers badly, or not.
func TestNights_vercel(t *testing.T) {
	t.Parallel()
	const post = "/v1/projects/prj_shop/rollback/"
	playAll(t, []night{
		{
			name: "500 after doing the work", o: shopOptions{Veto: autoVeto}, wants: []string{"POST /v1/projects/prj_shop/rollback/dpl_good2 500"},
			play: func(s *shop) {
				s.fault(map[string]any{"path": post, "method": "POST", "kind": "500_after"})
				s.breaks()
				s.step("proven", "done")
				s.wantOneRollback()
			},
		},
		{
			name: "the answer is lost", o: shopOptions{Veto: autoVeto}, wants: []string{"POST /v1/projects/prj_shop/rollback/dpl_good2 0"},
			play: func(s *shop) {
				s.fault(map[string]any{"path": post, "method": "POST", "kind": "drop_after"})
				s.breaks()
				s.step("proven", "done")
				s.wantOneRollback()
			},
		},
		{
			name: "a storm of 429", o: shopOptions{Veto: autoVeto}, wants: []string{
				"POST /v1/projects/prj_shop/rollback/dpl_good2 429", "POST /v1/projects/prj_shop/rollback/dpl_good2 429",
				"POST /v1/projects/prj_shop/rollback/dpl_good2 429", rolledBack,
			},
			play: func(s *shop) {
				s.fault(map[string]any{"path": post, "method": "POST", "kind": "429", "retry_after": 1, "count": 3})
				s.breaks()
				s.step("proven", "done")
				s.wantOneRollback()
			},
		},
		{
			name: "the token is revoked midway", o: shopOptions{Veto: autoVeto}, wants: []string{"POST /v1/projects/prj_shop/rollback/dpl_good2 403"},
			play: func(s *shop) {
				s.fault(map[string]any{"path": post, "method": "POST", "kind": "revoked", "count": -1})
				s.breaks()
				s.waitIncident("INC-1", "asking what now", func(inc *console.Incident) bool { return stepOf(inc, "back").Ask != nil })
				s.stays(2 * time.Second)
			},
		},
		{
			name: "no safe target", o: shopOptions{Veto: autoVeto}, wants: nil,
			play: func(s *shop) {
				s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"projects": []map[string]any{{
					"id": "prj_shop", "name": "shop", "domains": []string{"shop.test", "www.shop.test", "seller.shop.test"},
					"deployments": []map[string]any{{"id": "dpl_good1", "deleted": true}, {"id": "dpl_good2", "deleted": true}, {"id": "dpl_first"}},
				}}})
				s.waitServing("dpl_first")
				s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_first", "commit": "f0"})
				s.fires("health")
				s.waitIncident("INC-1", "saying that there is no way back", func(inc *console.Incident) bool {
					return stepOf(inc, "impossible").Ask != nil || inc.Playbook == "respond"
				})
				s.stays(2 * time.Second)
			},
		},
		{
			name: "Vercel cannot be read while it is proven", o: shopOptions{Veto: autoVeto, ProvenEvery: "2s", ProvenWithin: "5s"}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("back", "done")
				s.fault(map[string]any{"path": "/", "method": "GET", "kind": "500_before", "count": -1})
				s.step("proven", "failed")
				s.says("INC-1", "errored")
				s.stays(2 * time.Second)
			},
		},
	})
}
