package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// poison are entries that no Backout of this version writes, with what quarantine
// must say of each.
func poison() []struct{ subject, body, reason string } {
	act := orchestrator.SubjectAct(0)
	return []struct{ subject, body, reason string }{
		{act, `{"id":"p1","r":[{"intent":`, "decoding an entry"},
		{act, strings.Repeat(`{"r":[`, 150_000), "decoding an entry"},
		{act, "\x00\xff\xfe", "decoding an entry"},
		{act, `{"id":"p2","at":1,"r":[{"merge":{"from":1,"into":2}}]}`, "a kind that this version does not know"},
		{act, `{"id":"p3","at":1,"r":[{"result":{"n":4711,"o":0,"attempt":"x","kind":"done"}}]}`, "a result of an incident that does not exist: INC-4711"},
		{act, `{"id":"p4","at":1,"r":[{"verified":{"n":1,"o":900,"attempt":"x","kind":"done"}}]}`, "a look of a step that INC-1 does not have"},
		{orchestrator.SubjectConfig, `{"id":"p5","at":1,"r":[{"doc":{"kind":"config","hash":"h5","body":["nobody"]}}]}`, "the document config cannot be read"},
		{orchestrator.SubjectConfig, `{"id":"p6","at":1,"r":[{"doc":{"kind":"playbook","name":"rollback","hash":"h6","body":{"playbook":"rollback","nodes":[{"ordinal":7,"id":"a","kind":"join"}]}}}]}`, "its ordinal is 7"},
		{orchestrator.SubjectEvents, `{"id":"p7","at":1,"r":[{"bad":{"origin":"log","reason":"` + strings.Repeat("long ", 180_000) + `"}}]}`, "long long"},
	}
}

// TestPressure_poison puts entries into the log that the fold cannot take, in the
// middle of a rollback: each is a line of quarantine, the rollback goes on, and a
// state folded anew from the log is the same.
func TestPressure_poison(t *testing.T) {
	t.Parallel()
	address, env := externalNATS(t)
	s := newShop(t, shopOptions{NATSURL: address, Env: env, Kind: true})
	s.breakOverHTTP()
	s.waitsForYes()
	nc := must(nats.Connect(address, nats.UserInfo("engine", natsPasswords()["BACKOUT_NATS_ENGINE_PASSWORD"])))(t)
	t.Cleanup(nc.Close)
	js := must(jetstream.New(nc))(t)
	var reasons []string
	for _, p := range poison() {
		must(js.Publish(t.Context(), p.subject, []byte(p.body)))(t)
		reasons = append(reasons, p.reason)
	}
	s.wantQuarantined(reasons)
	s.mustSay("approve INC-1 back")
	s.waitBack()
	s.signal("gone", "backout.alert.resolved", map[string]any{"environment": "production", "fingerprint": "health/shop.test"})
	s.waitCured()
	s.waitIncident("INC-2", "about Backout itself", func(inc *console.Incident) bool {
		return inc.Project == orchestrator.SelfProject && slices.ContainsFunc(inc.Timeline, func(l console.Line) bool { return strings.Contains(l.Text, "page:") })
	})
	before := s.inQuarantine()
	s.backout.stop(t)
	if err := os.Remove(s.path("data/state.db")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.restart("")
	if after := s.inQuarantine(); !slices.Equal(before, after) {
		t.Errorf("folded anew, quarantine has\n%s\ninstead of\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	inc := s.incident("INC-1")
	if stepOf(&inc, "cured").State != "done" {
		t.Errorf("folded anew, the incident is another one:\n%s", told(&inc))
	}
	t.Logf("%d lines in quarantine, the same after the state was folded anew in %s", len(before), time.Since(began).Round(10*time.Millisecond))
	s.wantOneRollback()
	s.backout.stop(t)
}

// inQuarantine lists the quarantine, one line of JSON each.
func (s *shop) inQuarantine() (lines []string) {
	s.t.Helper()
	var all []json.RawMessage
	if err := s.get("/api/v1/quarantine", nil, &all); err != nil {
		s.t.Fatal(err)
	}
	for _, one := range all {
		lines = append(lines, string(one))
	}
	return lines
}
