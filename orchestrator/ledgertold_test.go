package orchestrator_test

import (
	"fmt"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestLedger_hearsayDoesNotChangeWhatTheProviderListed: the address of a target is called
// with a secret, and its commit decides what a rollback brings back.
func TestLedger_hearsayDoesNotChangeWhatTheProviderListed(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	ds := b.twoBuilds()
	ds.List[1].URL = "shop-old.vercel.app"
	b.act(orchestrator.Record{Deploys: ds})
	b.observed("dpl_new")
	b.event(orchestrator.Event{Type: orchestrator.DeploySucceeded, Project: "shop", DeploymentID: "dpl_old", URL: "evil.example", Commit: "evil", Release: "shop@2", Time: b.now})
	b.event(orchestrator.Event{Type: orchestrator.DeployCreated, Project: "shop", DeploymentID: "dpl_next", URL: "shop-next.vercel.app", Commit: "c4", Time: b.now})
	v := b.state.VerdictNow("shop", "production")
	if v.Target.ID != "dpl_old" || v.Target.URL != "shop-old.vercel.app" || v.Target.Commit != "c2" {
		t.Errorf("target %+v", v.Target)
	}
	for _, d := range b.state.Deployments("shop", "production") {
		if d.ID == "dpl_old" && d.Release != "shop@2" || d.ID == "dpl_next" && (d.Commit != "c4" || d.URL != "shop-next.vercel.app") {
			t.Errorf("what the provider does not say is not taken: %+v", d)
		}
	}
	b.wantSameEverywhere()
}

// TestLedger_hearsayPushesOutNoTarget: a sender of events may name any deployment.
func TestLedger_hearsayPushesOutNoTarget(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	b.act(orchestrator.Record{Deploys: b.twoBuilds()})
	b.observed("dpl_new")
	for i := range 400 {
		b.event(orchestrator.Event{Type: orchestrator.DeploySucceeded, Project: "shop", DeploymentID: fmt.Sprint("dpl_fake", i), Time: b.now})
	}
	b.act(orchestrator.Record{Deploys: b.twoBuilds()})
	if v := b.state.VerdictNow("shop", "production"); v.Target.ID != "dpl_old" {
		t.Errorf("%s: %v, target %+v", v.Answer, v.Reasons, v.Target)
	}
	if kept := b.state.Deployments("shop", "production"); len(kept) != 200 {
		t.Errorf("%d deployments are kept", len(kept))
	}
	b.wantSameEverywhere()
}
