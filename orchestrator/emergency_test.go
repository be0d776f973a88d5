package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// emergency is a shop with a DBA who is not on call.
func emergency(t *testing.T) *book {
	t.Helper()
	page := orchestrator.Node{ID: "wake", Kind: orchestrator.NodeAction, Action: orchestrator.PageAction, With: map[string]any{"text": "wrong", "roles": []any{"dba"}}, Spec: orchestrator.Spec{Name: orchestrator.PageAction, Safety: orchestrator.Repeatable, CallTimeout: 10_000}}
	plan := onePlan(page)
	plan.Playbook, plan.NeedsSuspect = orchestrator.EmergencyPlaybook, false
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	b.doc(orchestrator.DocPlaybook, plan.Playbook, plan)
	c := testConfig(orchestrator.Live)
	c.People = append(c.People, orchestrator.Person{ID: "dan", Name: "Dan", Roles: []string{"dba"}})
	b.config(c)
	b.promoted("dpl_bad")
	return b
}

func TestEmergency(t *testing.T) {
	t.Parallel()
	b := emergency(t)
	for _, words := range [][]string{{"emergency", "#shop"}, {"open", "#shop", "playbook=" + orchestrator.EmergencyPlaybook}} {
		if r := b.say("bob", words[0], words[1:]...); r.OK || !strings.Contains(r.Text, "none of the roles dba or devops-lead") {
			t.Errorf("%v: %+v", words, r)
		}
	}
	b.wait(2 * 24 * 60 * minute) // its age keeps nothing from being looked at
	if r := b.say("dan", "emergency", "#shop", ":payouts are wrong", "component=checkout"); !r.OK || r.Incident != "INC-1" {
		t.Fatalf("%+v", r)
	}
	inc, _ := b.state.Incident(1)
	if inc.Run().Playbook != orchestrator.EmergencyPlaybook || inc.Suspect == nil || inc.Suspect.DeploymentID != "dpl_bad" || inc.Component != "checkout" || inc.Requester != "" {
		t.Errorf("%+v", inc)
	}
	paged := string(b.step("wake").Inputs)
	if !strings.Contains(paged, `"dan"`) || !strings.Contains(paged, `"bob"`) || strings.Contains(paged, `"cat"`) {
		t.Errorf("paged: %s", paged)
	}
	if r := b.say("ann", "emergency", "#shop"); !r.OK || !strings.Contains(r.Text, "leads already") {
		t.Errorf("%+v", r)
	}
	if inc, _ = b.state.Incident(1); len(inc.Runs) != 1 {
		t.Errorf("%d plans", len(inc.Runs))
	}
}

// An incident that is open is joined: what led it ends, and when it began is what the
// person knows better.
func TestEmergency_joins(t *testing.T) {
	t.Parallel()
	b := emergency(t)
	b.wait(10 * minute)
	b.alert("5xx")
	before, _ := b.state.Incident(1)
	began := before.StartedAt
	b.promoted("dpl_bad")
	if r := b.say("dan", "emergency", "#shop", "since_ms=1700000000500"); !r.OK || r.Incident != "INC-1" {
		t.Fatalf("%+v\n%s", r, b.story())
	}
	inc, _ := b.state.Incident(1)
	if inc.StartedAt != 1_700_000_000_500 || began <= inc.StartedAt || inc.Run().Playbook != orchestrator.EmergencyPlaybook {
		t.Errorf("began %d, was %d, %s", inc.StartedAt, began, inc.Run().Playbook)
	}
	if st := b.step("rollback"); st.State != orchestrator.StepCancelled {
		t.Errorf("the rollback is %s\n%s", st.State, b.story())
	}
}

// Whoever stops a plan is told what it leaves behind.
func TestStop_saysReadOnly(t *testing.T) {
	t.Parallel()
	b := contained(t)
	if r := b.say("ann", "stop", "INC-1"); !r.OK || !strings.Contains(r.Text, "Still so: the database of shop/production is read-only for app since ") {
		t.Errorf("%+v", r)
	}
}

// What was gone back to did not spoil the data: the suspect stays who it was.
func TestEmergency_afterGoingBack(t *testing.T) {
	t.Parallel()
	b := emergency(t)
	b.wait(10 * minute)
	b.alert("5xx")
	if inc, _ := b.state.Incident(1); inc.Suspect == nil || inc.Suspect.DeploymentID != "dpl_bad" {
		t.Fatalf("%+v", inc)
	}
	b.event(orchestrator.Event{Type: orchestrator.DeployRolledBack, Project: "shop", DeploymentID: "dpl_old", Commit: "c-dpl_old", Time: b.now})
	if r := b.say("dan", "emergency", "#shop", ":payouts are wrong"); !r.OK {
		t.Fatalf("%+v", r)
	}
	if inc, _ := b.state.Incident(1); inc.Suspect == nil || inc.Suspect.DeploymentID != "dpl_bad" {
		t.Errorf("the suspect is %+v", inc.Suspect)
	}
}
