package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestHold_list: people can ask what is held, by whom and why, before and after.
func TestHold_list(t *testing.T) {
	t.Parallel()
	b := newRespondBook(t, nil)
	if r := b.say("ann", "hold", "action=list"); !r.OK || r.Text != "nothing is held" {
		t.Errorf("%+v", r)
	}
	b.say("ann", "hold", "#shop", "action=set", ":migration tonight")
	if r := b.say("bob", "hold", "action=list"); !r.OK || !strings.Contains(r.Text, "shop/production is held by ann since ") || !strings.HasSuffix(r.Text, " (migration tonight)") {
		t.Errorf("%+v", r)
	}
	if held := b.state.Holds(b.now); len(held) != 1 || held[0].Project != "shop" || held[0].By != "ann" {
		t.Errorf("%+v", held)
	}
	b.say("ann", "hold", "#shop", "action=lift")
	if held := b.state.Holds(b.now); len(held) != 0 {
		t.Errorf("%+v", held)
	}
}

// TestAuto_nowIsNotAnybodys: where policy acts alone and names no role, whoever says `now`
// says yes to it, and must be one who could.
func TestAuto_nowIsNotAnybodys(t *testing.T) {
	t.Parallel()
	node := rollbackNode()
	node.Approve = &orchestrator.Approve{Policy: true}
	b := newBook(t, onePlan(node), orchestrator.Live)
	cfg := testConfig(orchestrator.Live)
	cfg.People = append(cfg.People, orchestrator.Person{ID: "eve", Roles: []string{"viewer"}})
	cfg.Policies.Autonomy = []orchestrator.Autonomy{{Action: "*", Do: orchestrator.DoAuto, Veto: minute}}
	b.config(cfg)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	if st := b.step("rollback"); st.Approval == nil || !st.Approval.Auto {
		t.Fatalf("policy does not act alone: %+v\n%s", st.Approval, b.story())
	}
	if r := b.say("eve", "now", "INC-1", "rollback"); r.OK || !strings.Contains(r.Text, "role") {
		t.Errorf("eve said now: %+v", r)
	}
	if r := b.say("ann", "now", "INC-1", "rollback"); !r.OK {
		t.Errorf("ann said now: %+v", r)
	}
}

// TestHold_anEnvironmentThatIsNotThere: whoever mistypes it must not believe that it is
// held, or silent, when it is not.
func TestHold_anEnvironmentThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := newRespondBook(t, nil)
	for _, action := range []string{"set", "lift"} {
		if r := b.say("ann", "hold", "#shop", "action="+action, "environment=prodution"); r.OK || !strings.Contains(r.Text, `no environment "prodution"`) {
			t.Errorf("%s: %+v", action, r)
		}
	}
	if r := b.say("ann", "silence", "#shop", "for=1h", "environment=prodution", ":a move"); r.OK || !strings.Contains(r.Text, `no environment "prodution"`) {
		t.Errorf("%+v", r)
	}
	if held := b.state.Holds(b.now); len(held) != 0 {
		t.Errorf("%+v", held)
	}
}
