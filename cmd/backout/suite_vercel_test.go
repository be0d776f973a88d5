package main

import (
	"fmt"
	"net/url"
	"strings"
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
			name: "the newest before it is known to be bad", o: shopOptions{Veto: autoVeto}, wants: []string{rolledBack, rolledBack},
			play: func(s *shop) {
				s.breaks()
				s.step("proven", "done")
				s.ends("health")
				s.over("INC-1")
				s.ship("dpl_bad2", "bad5eed2", true)
				s.dashboard("/v10/projects/prj_shop/promote/dpl_bad2")
				s.waitServing("dpl_bad2")
				s.fires("again")
				s.says("INC-2", "dpl_bad is not a target: known bad")
				s.waitIncident("INC-2", "proven", func(inc *console.Incident) bool { return stepOf(inc, "proven").State == "done" })
			},
		},
		{
			name: "Hobby goes one step back and no further", o: shopOptions{Veto: autoVeto}, wants: []string{
				rolledBack, "POST /v1/projects/prj_shop/rollback/dpl_good1 402",
			},
			play: func(s *shop) {
				s.setUp(map[string]any{"plan": "hobby"})
				s.breaks()
				s.step("proven", "done")
				s.ends("health")
				s.over("INC-1")
				s.mustSay(`rollback shop --reason "still bad"`)
				s.says("INC-2", "upgrade to pro")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "domains that lag", o: shopOptions{Veto: autoVeto}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"pace": map[string]int{"job_ms": 1000, "lag_ms": 2000}})
				s.breaks()
				s.step("proven", "done")
				for _, host := range benchHosts() {
					if got := (&demoWorld{urls: s.urls}).served(s.t.Context(), host); got != "dpl_good2" {
						s.t.Errorf("%s is proven and serves %s", host, got)
					}
				}
			},
		},
		{
			name: "one domain never moves", o: shopOptions{Veto: autoVeto, ProvenWithin: shortly}, wants: []string{rolledBack},
			play: func(s *shop) {
				s.badDeployment()
				s.setUp(map[string]any{"stuck": map[string]string{"seller.shop.test": "edge"}}, map[string]any{"id": "dpl_bad", "url": "shop-bad.vercel.test", "commit": "bad5eed", "bad": true, "created_at": time.Now()})
				s.waitServing("dpl_bad")
				s.fires("health")
				s.step("proven", "failed")
				s.says("INC-1", "not passed within")
				s.stays(2 * time.Second)
			},
		},
		{
			name: "a rolling release falls back to its base", wants: []string{rolledBack},
			play: func(s *shop) {
				s.waitServing("dpl_good2")
				s.setUp(map[string]any{"rolling": map[string]any{"stages": []int{10, 100}}})
				s.ship("dpl_canary", "bad5eed", true)
				s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_canary", "commit": "bad5eed"})
				var v verdictShown
				s.eventually(storyLimit, func() bool {
					return s.get("/api/v1/verdict", url.Values{"project": {"shop"}}, &v) == nil && strings.Contains(fmt.Sprint(v.Reasons), "rolling release")
				})
				s.fires("health")
				inc := s.waitsForYesToGoBack()
				if !strings.Contains(told(&inc), "a rolling release is active") {
					s.t.Errorf("the verdict does not know of the rolling release:\n%s", told(&inc))
				}
				s.approveAgain()
				s.step("back", "done")
				s.stays(time.Second)
			},
		},
		{
			name: "no safe target", o: shopOptions{Veto: autoVeto}, wants: nil,
			play: func(s *shop) {
				s.setUp(map[string]any{"deployments": []map[string]any{{"id": "dpl_good1", "deleted": true}, {"id": "dpl_good2", "deleted": true}, {"id": "dpl_first"}}})
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
				s.says("INC-1", "last: error")
				s.stays(2 * time.Second)
			},
		},
	})
}
