package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// payload is a recorded request of a real Alertmanager.
type payload struct {
	name    string
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// payloads reads the recorded requests in the order they were sent; they lie
// beside the repository and are not part of it.
func payloads(t *testing.T) []payload {
	t.Helper()
	dir := os.Getenv("BACKOUT_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	files := must(filepath.Glob(filepath.Join(dir, "payloads", "alertmanager-*.json")))(t)
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("the recorded requests of Alertmanager are missing; set BACKOUT_SHARED")
		}
		t.Skip("skipped: the recorded requests of Alertmanager are not here; set BACKOUT_SHARED")
	}
	slices.Sort(files)
	out := make([]payload, len(files))
	for i, f := range files {
		out[i].name = filepath.Base(f)
		if err := json.Unmarshal(must(os.ReadFile(f))(t), &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestPayloads_realAlertmanager posts what a real Alertmanager sent: one incident
// opens, its alerts end as it says, and the same requests once more change nothing.
func TestPayloads_realAlertmanager(t *testing.T) {
	t.Parallel()
	all := payloads(t)
	s := newShop(t, shopOptions{})
	s.waitServing("dpl_good2")
	post := func() {
		for _, p := range all {
			header := http.Header{"Authorization": {p.Headers["authorization"]}, "Content-Type": {p.Headers["content-type"]}}
			if status, said, err := s.hook("/hooks/alertmanager", p.Body, header); err != nil || status != http.StatusOK {
				t.Fatalf("%s: %d %s %v", p.name, status, said, err)
			}
		}
	}
	post()
	inc := s.waitIncident("INC-1", "without a firing alert, waiting for a person", func(inc *console.Incident) bool {
		return inc.Firing == 0 && stepOf(inc, "decide").State == "awaiting"
	})
	if inc.Playbook != "respond" || inc.Component != "checkout" || inc.Severity != "critical" || inc.OpenedBy != "http/alertmanager" {
		t.Errorf("playbook %s, component %s, severity %s, by %s", inc.Playbook, inc.Component, inc.Severity, inc.OpenedBy)
	}
	if len(inc.Signals) != 2 {
		t.Errorf("%d signals, want the 2 alerts: %+v", len(inc.Signals), inc.Signals)
	}
	post()
	again := s.incident("INC-1")
	if slices.ContainsFunc(again.Timeline[len(inc.Timeline):], func(l console.Line) bool { return l.Actor == "http/alertmanager" }) || again.Firing != 0 {
		t.Errorf("the same requests changed the incident:\n%s", told(&again))
	}
	if s.incident("INC-2").ID != "" {
		t.Error("a second incident opened")
	}
	for i := range inc.Signals {
		if again.Signals[i].Count != inc.Signals[i].Count {
			t.Errorf("signal %s was counted again: %d, then %d", again.Signals[i].Fingerprint, inc.Signals[i].Count, again.Signals[i].Count)
		}
	}
}
