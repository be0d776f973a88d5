package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// breakShop ships a bad deployment and fires an alert.
func (s *shop) breakShop() {
	s.t.Helper()
	s.waitServing("dpl_good2")
	s.ship("dpl_bad", "bad5eed", true)
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	s.waitServing("dpl_bad")
	s.waitSettled()
	s.publish("alert", "backout.alert.firing", alert("health/shop.test", "critical"))
}

// waitSettled waits until nothing moves at Vercel: a monitor sees a bad deployment
// only where it serves.
func (s *shop) waitSettled() {
	s.t.Helper()
	var state struct{ Settled bool }
	if !s.eventually(storyLimit, func() bool {
		return fetch(s.t.Context(), s.urls.Vercel+"/_sandbox/state", &state) == nil && state.Settled
	}) {
		s.t.Fatal("the sandbox's domains never came to rest")
	}
}

// waitsForYes waits until the rollback has been looked at and waits for a person.
func (s *shop) waitsForYes() {
	s.t.Helper()
	s.waitIncident("INC-1", "waiting for a yes to the rollback", func(inc *console.Incident) bool {
		st := stepOf(inc, "back")
		return st.State == "awaiting" && st.Preview != nil
	})
}

// waitTold waits until the chat shows what there is to show, so that what comes next
// is not its message.
func (s *shop) waitTold() {
	s.t.Helper()
	s.waitIncident("INC-1", "shown in the chat", func(inc *console.Incident) bool {
		return !slices.ContainsFunc(inc.WaitingOn, func(w string) bool { return strings.HasPrefix(w, "chat:") })
	})
}

// wellAgain waits until every domain is proven and ends the alert, as a monitor would.
func (s *shop) wellAgain() {
	s.t.Helper()
	s.waitIncident("INC-1", "proven on every domain", func(inc *console.Incident) bool { return stepOf(inc, "proven").State == "done" })
	s.publish("alert", "backout.alert.resolved", map[string]any{"environment": "production", "fingerprint": "health/shop.test"})
}

func (s *shop) waitCured() console.Incident {
	s.t.Helper()
	return s.waitIncident("INC-1", "cured", func(inc *console.Incident) bool { return stepOf(inc, "cured").State == "done" })
}

// TestKill_atNamedPoints kills Backout with SIGKILL at every point where the
// bookkeeping and the world can part, and starts it again: the incident goes on,
// and the sandbox saw exactly one rollback.
func TestKill_atNamedPoints(t *testing.T) {
	t.Parallel()
	// After these nobody can know whether the call was made; they wait longest.
	doubts := []string{"after-intent", "before-call", "after-call", "before-result"}
	for _, point := range append(doubts,
		"before-claim", "after-claim", "before-intent", "after-result",
		"before-timer", "after-timer", "before-verified", "after-verified",
		"before-commit:3", "before-commit:6", "after-commit:2", "after-commit:4",
	) {
		t.Run(strings.ReplaceAll(point, ":", "_"), func(t *testing.T) {
			t.Parallel()
			inc := killDuringRollback(t, point)
			restarted := strings.Contains(told(&inc), "Backout was restarted before the answer came")
			if want := slices.Contains(doubts, point); restarted != want && !strings.Contains(point, ":") {
				t.Errorf("in doubt after the restart: got %t, want %t:\n%s", restarted, want, told(&inc))
			}
		})
	}
	for _, point := range []string{"before-inbox", "after-inbox"} {
		for nth := range 2 {
			t.Run(fmt.Sprintf("%s_%d", point, nth+1), func(t *testing.T) {
				t.Parallel()
				killAtPump(t, point, nth+1)
			})
		}
	}
}

func cutShop(t *testing.T) *shop {
	t.Helper()
	return newShop(t, shopOptions{Crash: true, Workflows: must(filepath.Abs("testdata/kill"))(t)})
}

// killDuringRollback arms the point when only the approval is missing, so that
// the first intent, call, result and timer are those of the rollback.
func killDuringRollback(t *testing.T, point string) console.Incident {
	t.Helper()
	s := cutShop(t)
	s.breakShop()
	s.waitsForYes()
	s.waitTold()
	s.backout.stop(t)
	if err := s.tryRestart(point); err == nil {
		s.say("approve INC-1 back") // the answer may be lost in the crash
	}
	s.crashed(point)
	s.restart("")
	s.approveAgain()
	s.wellAgain()
	inc := s.waitCured()
	if inc.State != "monitoring" {
		t.Errorf("the incident is %s, want monitoring", inc.State)
	}
	s.wantOneRollback()
	return inc
}

// killAtPump arms the point before anything was published: what was acknowledged
// must come through, and a publisher that got no answer sends the same again.
func killAtPump(t *testing.T, point string, nth int) {
	t.Helper()
	s := cutShop(t)
	s.waitServing("dpl_good2")
	s.backout.stop(t)
	s.restart(fmt.Sprintf("%s:%d", point, nth))
	s.ship("dpl_bad", "bad5eed", true)
	for i, ev := range []struct{ id, kind, typ string }{
		{"e1", "deploy", "backout.deploy.promoted"}, {"e2", "alert", "backout.alert.firing"},
	} {
		data := alert("health/shop.test", "critical")
		if ev.kind == "deploy" {
			data = map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"}
		}
		body := cloudEvent(ev.id, ev.typ, data)
		_, err := s.dial().Publish(t.Context(), "backout.event."+ev.kind+".shop", body)
		if nth == i+1 {
			s.crashed(point)
			s.restart("")
		}
		if err != nil {
			must(s.dial().Publish(t.Context(), "backout.event."+ev.kind+".shop", body))(t)
		}
		s.waitKnown("nats/shop", "e2e/"+ev.id)
		s.waitServing("dpl_bad")
	}
	s.approveAgain()
	s.wellAgain()
	s.waitCured()
	s.wantOneRollback()
}

// waitKnown waits until an event's fate can be asked for.
func (s *shop) waitKnown(origin, id string) orchestrator.WhyLine {
	s.t.Helper()
	var why []orchestrator.WhyLine
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/why", url.Values{"origin": {origin}, "id": {id}}, &why) == nil && len(why) == 1
	}) {
		s.t.Fatalf("the event %s of %s is not known", id, origin)
	}
	return why[0]
}

// approveAgain says yes for as long as Backout asks, and returns when it went on.
func (s *shop) approveAgain() {
	s.t.Helper()
	s.waitIncident("INC-1", "past the approval", func(inc *console.Incident) bool {
		st := stepOf(inc, "back")
		if st.State == "awaiting" && st.Preview != nil {
			s.say("approve INC-1 back preview=" + st.Preview.Hash)
		}
		return slices.Contains([]string{"running", "accepted", "unknown", "done"}, st.State)
	})
}

// crashed waits until the child has killed itself at the point.
func (s *shop) crashed(point string) {
	s.t.Helper()
	select {
	case <-s.backout.ended:
	case <-time.After(storyLimit):
		inc := s.incident("INC-1")
		s.t.Fatalf("the point %s was never reached:\n%s", point, told(&inc))
	}
	name, _, _ := strings.Cut(point, ":")
	if !s.backout.killed() || !strings.Contains(s.backout.said(), "crash point "+name) {
		s.t.Fatalf("Backout did not end by the crash point %s: %v: %s", point, s.backout.err, s.backout.said())
	}
}
