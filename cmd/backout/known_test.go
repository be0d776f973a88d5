package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// asks runs a command that reads, in text and in JSON.
func (s *shop) asks(v any, args ...string) (text string) {
	s.t.Helper()
	args = append(args, "--server", s.at("admin"), "--token", s.token)
	if out := s.cli(append(args, "-o", "json")...); json.Unmarshal([]byte(out), v) != nil {
		s.t.Fatalf("%v: no JSON: %s", args, out)
	}
	return s.cli(args...)
}

// wantTold fails for each part that a text does not have.
func (s *shop) wantTold(text string, parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// TestKnown_silencesChangesPlaces: what the fold keeps back, and what it knows beside
// the steps, can be read by people and programs.
func TestKnown_silencesChangesPlaces(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Upstreams: true})
	s.waitServing("dpl_good2")
	say := func(args ...string) string {
		return s.cli(append(args, "--server", s.at("admin"), "--token", s.token)...)
	}
	if said := s.cliFails("silence", "add", "shop", "1h", "--server", s.at("admin"), "--token", s.token); !strings.Contains(said, "say why with --reason") {
		t.Errorf("without a reason: %s", said)
	}
	say("silence", "add", "shop", "1h", "--name", "Health*", "--reason", "moving the database")
	s.publish("alert", "backout.alert.firing", alert("held", "critical"))
	var held []orchestrator.Held
	if !s.eventually(storyLimit, func() bool { return s.get("/api/v1/held", nil, &held) == nil && len(held) == 1 }) {
		t.Fatal("nothing is held back")
	}
	s.wantTold(s.asks(&held, "silence", "held"), "HealthCheckFailed", "moving the database")
	var silences []console.Silence
	s.wantTold(s.asks(&silences, "silence", "list"), "holds", "project shop, name Health*", "by ann: moving the database")
	if len(silences) != 1 || !silences[0].Active || s.incident("INC-1").ID != "" {
		t.Fatalf("%+v", silences)
	}
	s.publish("deploy", orchestrator.DeployChanged, map[string]any{"title": "pay_toss on", "kind": "flag", "by": "bob"})
	say("silence", "end", "1")
	s.wantTold(s.asks(&silences, "silence", "list"), "ended by ann")
	s.waitIncident("INC-1", "opened when the silence ended", func(inc *console.Incident) bool { return inc.Firing == 1 && len(inc.Changes) > 0 })

	s.publishFor("noise", "Down")
	s.waitIncident("INC-2", "open", func(*console.Incident) bool { return true })
	say("merge", "INC-2", "INC-1")
	say("snooze", "INC-1", "1h")
	var inc console.Incident
	s.wantTold(s.asks(&inc, "incident", "show", "INC-1"), "Also noise/production", "Snoozed until", "flag         pay_toss on  by bob")
	if len(inc.Also) != 1 || inc.SnoozedUntil.IsZero() || inc.Changes[0].Title != "pay_toss on" {
		t.Errorf("%+v", inc)
	}
	var changes []orchestrator.Change
	s.wantTold(s.asks(&changes, "changes", "shop", "--since", "24h"), "pay_toss on")
	if said := s.cliFails("changes", "nowhere", "--server", s.at("admin"), "--token", s.token); !strings.Contains(said, "there is no project") {
		t.Errorf("of no project: %s", said)
	}
	s.waitUpstream("read", func(u console.Upstream) bool { return u.Error == "" && u.Indicator != "" })
	var ups []console.Upstream
	s.wantTold(s.asks(&ups, "upstreams"), "vercel", "Vercel says: ")
	s.backout.stop(t)
}

// publishFor has something critical fire in another project.
func (s *shop) publishFor(project, name string) {
	s.t.Helper()
	data := map[string]any{"project": project, "name": name, "severity": "critical"}
	if _, err := s.dial().Publish(s.t.Context(), "backout.event.alert."+project, cloudEvent("other", "backout.alert.firing", data)); err != nil {
		s.t.Fatal(err)
	}
}
