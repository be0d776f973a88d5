package main

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestFlag_besideARollbackAndOnAgainAtItsEnd: a person switches the broken component off
// while the rollback goes its way; neither waits for the other. When the fix has been
// watched, the plan asks to switch it on again.
func TestFlag_besideARollbackAndOnAgainAtItsEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Veto: autoVeto, Switch: true})
	s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"configs": map[string]any{"ecfg_shop": map[string]any{"checkout": true}}})
	s.waitServing("dpl_good2")
	s.breaks()
	s.waitIncident("INC-1", "rolling back", func(inc *console.Incident) bool { return stepOf(inc, "back").ID != "" })
	if text, ok := s.say("flag off INC-1 web"); ok || !strings.Contains(text, `"web" has no switch. Those of shop that have one: checkout`) {
		t.Errorf("a component without a switch: %s", text)
	}
	s.mustSay("flag off INC-1 checkout")
	s.mustApprove("INC-1", "flag_off_checkout")
	inc := s.waitIncident("INC-1", "switched off", func(inc *console.Incident) bool { return len(inc.SwitchedOff) == 1 })
	s.wantTold(told(&inc), "`flag off INC-1 checkout` switches checkout off (key checkout of ecfg_shop at Vercel)", "Switch checkout off: done (checkout is off (key checkout of ecfg_shop), and https://shop.test/api/flags shows it)")
	s.wantTold(s.asks(&inc, "incident", "show", "INC-1"), "Switched off by this incident: checkout, since ", "`flag on INC-1 checkout` switches it on again")
	s.ends("health")
	s.fixForward("INC-1")
	inc = s.waitIncident("INC-1", "asking to switch on again", func(inc *console.Incident) bool {
		st := stepOf(inc, "switch_on")
		return st.Preview != nil && strings.HasPrefix(st.Preview.Text, "Switch on checkout (key checkout of ecfg_shop, now off)")
	})
	s.mustApprove("INC-1", "switch_on")
	inc = s.waitIncident("INC-1", "switched on again", func(inc *console.Incident) bool { return stepOf(inc, "switch_on").State == "done" })
	if len(inc.SwitchedOff) != 0 {
		t.Errorf("still off: %+v", inc.SwitchedOff)
	}
	var writes []string
	for _, call := range s.changes() {
		if strings.Contains(call, "edge-config") {
			writes = append(writes, call)
		}
	}
	if got := strings.Join(writes, "; "); got != "PATCH /v1/edge-config/ecfg_shop/items 200; PATCH /v1/edge-config/ecfg_shop/items 200" {
		t.Errorf("at Vercel: %s", got)
	}
	s.backout.stop(t)
}

// After `stop` what was switched off can still be switched on.
func TestFlag_onAgainAfterStop(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Switch: true})
	s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"configs": map[string]any{"ecfg_shop": map[string]any{"checkout": true}}})
	s.waitServing("dpl_good2")
	s.breaks()
	s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "back").Preview != nil })
	s.mustSay("flag off INC-1 checkout")
	s.mustApprove("INC-1", "flag_off_checkout")
	s.waitIncident("INC-1", "switched off", func(inc *console.Incident) bool { return len(inc.SwitchedOff) == 1 })
	text, ok := s.say("stop INC-1")
	if !ok || !strings.Contains(text, "Switched off by this incident: checkout; `flag on INC-1 COMPONENT` switches on again") {
		t.Errorf("stop says %s", text)
	}
	s.mustSay("flag on INC-1")
	s.mustApprove("INC-1", "flag_on_checkout")
	s.waitIncident("INC-1", "switched on again", func(inc *console.Incident) bool {
		return len(inc.SwitchedOff) == 0 && stepOf(inc, "flag_on_checkout").State == "done"
	})
	if text, ok := s.say("flag sideways INC-1"); ok || !strings.Contains(text, "say off or on") {
		t.Errorf("neither off nor on: %s", text)
	}
	s.backout.stop(t)
}

// mustApprove waits until a step shows what it would do, and approves it as Ann.
func (s *shop) mustApprove(id, step string) {
	s.t.Helper()
	s.waitIncident(id, "asking about "+step, func(inc *console.Incident) bool {
		st := stepOf(inc, step)
		return st.State == "awaiting" && st.Preview != nil && !strings.HasPrefix(st.WaitingOn, "a preview")
	})
	s.mustSay("approve " + id + " " + step)
}

// fixForward answers what the plan asks of people after a rollback, until the fix is
// promoted.
func (s *shop) fixForward(id string) {
	s.t.Helper()
	waits := func(step string) {
		s.t.Helper()
		s.waitIncident(id, "asking "+step, func(inc *console.Incident) bool { return stepOf(inc, step).State == "awaiting" })
	}
	waits("database")
	s.mustSay("choose " + id + " database leave")
	waits("investigate")
	s.mustSay("answer " + id + " investigate root_cause='a receipt without an address' fix_ref=hotfix checked=all")
	s.mustApprove(id, "promote")
}
