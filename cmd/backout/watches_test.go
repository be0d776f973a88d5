package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// waitPromotion waits until a watch of a deployment is as wanted.
func (s *shop) waitPromotion(deployment, id, what string, ok func(*console.Promotion) bool) console.Promotion {
	s.t.Helper()
	var all []console.Promotion
	var found console.Promotion
	if !s.eventually(storyLimit, func() bool {
		all = nil
		if s.get("/api/v1/watches/promotions", url.Values{"project": {"shop"}}, &all) != nil {
			return false
		}
		i := slices.IndexFunc(all, func(p console.Promotion) bool { return p.Deployment == deployment && p.Spec.ID == id })
		if i < 0 {
			return false
		}
		found = all[i]
		return ok(&found)
	}) {
		s.t.Fatalf("waited %s for watch %s of %s to %s in vain: %+v\n%s", storyLimit, id, deployment, what, all, s.backout.said())
	}
	return found
}

func (s *shop) measures(errors string) {
	s.t.Helper()
	s.order(s.urls.Prometheus+"/_sandbox/setup", map[string]any{"value": errors, "queries": map[string]string{"requests": "5000"}})
}

// A promotion is watched by Prometheus, Sentry, its probe and its signals, over a kill -9:
// when all of it passes the deployment is proven. A watch that fails, with a kill -9
// between its first failure and its last, opens one incident that names the deployment.
func TestWatches_aPromotionIsProvenOrOpensTheIncident(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Watches: true})
	s.waitServing("dpl_good2")
	s.measures("0.001")
	for _, commit := range []string{"900d001", "900d002"} {
		s.order(s.urls.Sentry+"/_sandbox/setup", map[string]any{"release": commit})
	}
	s.ship("dpl_w1", "900d001", false)
	s.waitPromotion("dpl_w1", "errors", "pass three times", func(p *console.Promotion) bool { return p.Passes >= 3 })
	s.backout.kill9()
	s.restart("")
	for _, id := range []string{"errors", "issues", "home", orchestrator.KnownGoodWatch} {
		p := s.waitPromotion("dpl_w1", id, "pass", func(p *console.Promotion) bool { return p.State == orchestrator.GatePass })
		if p.Fails+p.Errors > 0 {
			t.Errorf("%s: %+v", id, p)
		}
	}
	s.waitPromotion("dpl_w1", "errors", "prove it", func(p *console.Promotion) bool { return p.Proven })
	if old := s.waitPromotion("dpl_good2", "errors", "be over", func(p *console.Promotion) bool { return !p.Active() }); old.Proven || old.State != orchestrator.WatchSuperseded {
		t.Errorf("%+v", old)
	}
	if inc := s.incident("INC-1"); inc.ID != "" {
		t.Fatal(told(&inc))
	}

	s.ship("dpl_w2", "900d002", false)
	s.waitPromotion("dpl_w2", "errors", "be measured", func(p *console.Promotion) bool { return p.Passes >= 1 })
	s.measures("0.055")
	s.waitPromotion("dpl_w2", "errors", "fail once", func(p *console.Promotion) bool { return p.Fails >= 1 })
	s.backout.kill9()
	s.restart("")
	inc := s.waitIncident("INC-1", "opened by the watch", func(inc *console.Incident) bool { return inc.Firing == 1 && inc.Suspect != nil })
	if inc.OpenedBy != "watch/errors" || inc.Component != "web" || inc.Suspect.DeploymentID != "dpl_w2" || !slices.Contains(inc.Suspect.Reasons, "the signal names this release") {
		t.Errorf("by %s on %s: %+v", inc.OpenedBy, inc.Component, inc.Suspect)
	}
	if failed := s.waitPromotion("dpl_w2", "errors", "fail", func(p *console.Promotion) bool { return p.State == orchestrator.GateFail }); failed.Proven || !failed.Firing {
		t.Errorf("%+v", failed)
	}
	var v console.Verdict
	if err := s.get("/api/v1/verdict", url.Values{"project": {"shop"}}, &v); err != nil || v.Target.ID != "dpl_w1" || v.Target.Grade != "proven" {
		t.Errorf("the verdict: %+v %v", v, err)
	}
	if metrics := string(s.read("admin", "/metrics")); !strings.Contains(metrics, `backout_watch_state{deployment="dpl_w2",environment="production",project="shop",state="fail",watch="errors"} 1`) {
		t.Errorf("no backout_watch_state:\n%s", metrics)
	}
	s.measures("0.001")
	s.waitIncident("INC-1", "without a firing signal", func(inc *console.Incident) bool { return inc.Firing == 0 })
	s.backout.stop(t)
}
