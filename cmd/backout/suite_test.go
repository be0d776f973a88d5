package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// The suite is the nights a rollback can have, each against the sandbox over real
// HTTP, with the exact calls that may have changed something at Vercel.

// night is one of them. play returns when nothing more is to come; wants are the
// calls, in order, as `POST /v1/projects/prj_shop/rollback/dpl_good2 201`.
type night struct {
	name  string
	o     shopOptions
	play  func(*shop)
	wants []string
}

const (
	rolledBack  = "POST /v1/projects/prj_shop/rollback/dpl_good2 201"
	autoVeto    = "150ms"
	shortly     = "3s"
	byDashboard = "by=dashboard"
)

func playAll(t *testing.T, nights []night) {
	t.Helper()
	for _, n := range nights {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			o := n.o
			o.Kind = true // what goes wrong is what the night says, and nothing else
			s := newShop(t, o)
			n.play(s)
			if got := s.changes(); !slices.Equal(got, n.wants) {
				t.Errorf("at Vercel\n%s\nwanted\n%s\n%s", strings.Join(got, "\n"), strings.Join(n.wants, "\n"), s.toldAll())
			}
			s.backout.stop(t)
		})
	}
}

// changes are the calls of Backout's that could change something at Vercel.
func (s *shop) changes() []string {
	s.t.Helper()
	var out []string
	for _, c := range s.calls() {
		if c.Server == "vercel" && c.Method != http.MethodGet && !strings.Contains(c.Path, "_sandbox") && !strings.Contains(c.Query, byDashboard) {
			out = append(out, fmt.Sprintf("%s %s %d", c.Method, c.Path, c.Status))
		}
	}
	return out
}

func (s *shop) toldAll() string {
	text := ""
	for n := range 3 {
		if inc := s.incident(fmt.Sprint("INC-", n+1)); inc.ID != "" {
			text += told(&inc)
		}
	}
	return text
}

// fires publishes a critical alert, ends ends it.
func (s *shop) fires(fingerprint string) {
	s.t.Helper()
	s.publish("alert", "backout.alert.firing", alert(fingerprint, "critical"))
}

func (s *shop) ends(fingerprint string) {
	s.t.Helper()
	s.publish("alert", "backout.alert.resolved", map[string]any{"environment": "production", "fingerprint": fingerprint})
}

// breaks ships a bad deployment, waits until it serves everywhere, and fires.
func (s *shop) breaks() {
	s.t.Helper()
	s.badDeployment()
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	s.waitServing("dpl_bad")
	s.fires("health")
}

// setUp replaces the project at Vercel: the default one, with what is given, and with
// more deployments, of which the last serves.
func (s *shop) setUp(with map[string]any, more ...map[string]any) {
	s.t.Helper()
	project := map[string]any{
		"id": "prj_shop", "name": "shop", "domains": benchHosts(),
		"deployments": append([]map[string]any{{"id": "dpl_good1", "url": "shop-good1.vercel.test"}, {"id": "dpl_good2", "url": "shop-good2.vercel.test"}}, more...),
	}
	maps.Copy(project, with)
	s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"projects": []any{project}})
}

// over ends an incident and lifts the hold it left.
func (s *shop) over(id string) {
	s.t.Helper()
	for _, words := range []string{"stop " + id, "resolve " + id, "close " + id, "hold lift shop"} {
		s.say(words)
	}
	s.waitIncident(id, "closed", func(inc *console.Incident) bool { return inc.State == "closed" })
}

// dashboard makes a change at Vercel as a person would, past Backout.
func (s *shop) dashboard(path string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	req := must(http.NewRequestWithContext(ctx, http.MethodPost, s.urls.Vercel+path+"?"+byDashboard, strings.NewReader("{}")))(s.t)
	req.Header.Set("Authorization", "Bearer of-a-person")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s answered %s", path, resp.Status)
	}
	s.waitSettled()
}

// fault arms a fault of the stand-in for Vercel.
func (s *shop) fault(f map[string]any) {
	s.t.Helper()
	s.order(s.urls.Vercel+"/_sandbox/fault", f)
}

// disarm takes every fault back.
func (s *shop) disarm() {
	s.t.Helper()
	if err := request(s.t.Context(), http.MethodDelete, s.urls.Vercel+"/_sandbox/fault", nil, nil); err != nil {
		s.t.Fatal(err)
	}
}

// step waits until a step of INC-1 is in one of the states.
func (s *shop) step(id string, states ...string) console.Incident {
	s.t.Helper()
	return s.waitIncident("INC-1", "with "+id+" "+strings.Join(states, " or "), func(inc *console.Incident) bool {
		return slices.Contains(states, stepOf(inc, id).State)
	})
}

// says waits until the timeline of an incident has a text.
func (s *shop) says(id, text string) {
	s.t.Helper()
	s.waitIncident(id, "saying "+text, func(inc *console.Incident) bool { return strings.Contains(told(inc), text) })
}

// stays checks for a while that no further change is made at Vercel.
func (s *shop) stays(d time.Duration) {
	s.t.Helper()
	before := s.changes()
	if s.eventually(d, func() bool { return !slices.Equal(before, s.changes()) }) {
		s.t.Errorf("it went on: %v, then %v\n%s", before, s.changes(), s.toldAll())
	}
}
