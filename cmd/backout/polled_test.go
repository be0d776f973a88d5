package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// network is what the control probes reach; cut makes it answer as a proxy without a
// way out does.
type network struct {
	*httptest.Server
	cut atomic.Bool
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.cut.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(n.Close)
	return n
}

// waitWatch waits until what is known of a polled source is as wanted.
func (s *shop) waitWatch(name, what string, ok func(console.Watch) bool) {
	s.t.Helper()
	var all console.Watches
	if !s.eventually(storyLimit, func() bool {
		all = console.Watches{} // what is false is left out
		if s.get("/api/v1/watches", nil, &all) != nil {
			return false
		}
		for _, w := range all.Watches {
			if w.Name == name && ok(w) {
				return true
			}
		}
		return false
	}) {
		s.t.Fatalf("waited %s for %s to %s in vain: %+v\n%s", storyLimit, name, what, all, s.backout.said())
	}
}

// A probe that fails twice before Backout is killed and once after it is one incident,
// of the component that the probe covers.
func TestPolled_failuresAreCountedAcrossKill9(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Controls: newNetwork(t).URL})
	s.waitServing("dpl_good2")
	const home = "probe/shop/production/home"
	s.waitWatch(home, "pass", func(w console.Watch) bool { return w.Verdict == "ok" })
	s.order(s.urls.Shop+"/_sandbox/setup", map[string]any{"database_down": true})
	s.waitWatch(home, "have failed twice", func(w console.Watch) bool { return w.Fails == 2 })
	s.backout.kill9()
	if inc := s.incident("INC-1"); inc.ID != "" {
		t.Fatalf("two failures opened %s", inc.ID)
	}
	s.restart("")
	inc := s.waitIncident("INC-1", "opened by the probe", func(inc *console.Incident) bool { return inc.Firing == 1 })
	if inc.Component != "web" || inc.OpenedBy != "poll/probe" || len(inc.Signals) != 1 {
		t.Errorf("component %q, by %s, signals %+v", inc.Component, inc.OpenedBy, inc.Signals)
	}
	s.waitWatch(home, "fire with three failures", func(w console.Watch) bool { return w.Firing && w.Fails == 3 })
	s.order(s.urls.Shop+"/_sandbox/setup", map[string]any{"database_down": false})
	s.waitIncident("INC-1", "without a firing signal", func(inc *console.Incident) bool { return inc.Firing == 0 })
	if second := s.incident("INC-2"); second.ID != "" {
		t.Errorf("a second incident: %+v", second)
	}
	s.backout.stop(t)
}

// While the control probes fail, what a probe says counts for nothing: Backout says
// that it is the one who is cut off, and says when that is over.
func TestPolled_cutOffIsFindingAndNoIncidentOfTheShop(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	s := newShop(t, shopOptions{Kind: true, Controls: net.URL})
	s.waitServing("dpl_good2")
	const home = "probe/shop/production/home"
	s.waitWatch(home, "pass", func(w console.Watch) bool { return w.Verdict == "ok" })
	net.cut.Store(true)
	s.order(s.urls.Shop+"/_sandbox/setup", map[string]any{"database_down": true})
	inc := s.waitIncident("INC-1", "about Backout itself", func(inc *console.Incident) bool { return inc.Project == "backout" && len(inc.Signals) == 1 })
	if inc.Signals[0].Name != "blind" {
		t.Errorf("%+v", inc.Signals)
	}
	s.waitWatch(home, "be errored", func(w console.Watch) bool { return w.Verdict == "errored" && w.Fails == 0 })
	net.cut.Store(false)
	s.order(s.urls.Shop+"/_sandbox/setup", map[string]any{"database_down": false})
	s.waitWatch("control/control", "pass again", func(w console.Watch) bool { return w.Verdict == "ok" && !w.Firing })
	s.waitWatch(home, "pass again", func(w console.Watch) bool { return w.Verdict == "ok" })
	if second := s.incident("INC-2"); second.ID != "" {
		t.Errorf("an incident of the shop: %s", told(&second))
	}
	s.backout.stop(t)
}

// What a provider's status page says is an entry when it changes, and stands in the
// incident; a page that cannot be read is never "operational". An unhealthy service of
// Supabase fires after three readings.
func TestPolled_upstreamAndSupabase(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Upstreams: true})
	s.waitServing("dpl_good2")
	s.waitUpstream("operational", func(u console.Upstream) bool { return u.Indicator == "none" && u.Error == "" })
	const health = "supabase/shop/production/abcdefghijklmnopqrst"
	s.waitWatch(health, "be well", func(w console.Watch) bool { return w.Verdict == "ok" })
	s.order(s.urls.Supabase+"/_sandbox/setup", map[string]any{"unhealthy": []string{"db"}})
	inc := s.waitIncident("INC-1", "opened by Supabase's health", func(inc *console.Incident) bool { return inc.Firing == 1 })
	if inc.OpenedBy != "poll/supabase" || inc.Signals[0].Summary != "db is unhealthy (no answer from db)" {
		t.Errorf("by %s: %+v", inc.OpenedBy, inc.Signals)
	}
	s.order(s.urls.Status+"/_sandbox/setup", map[string]any{"indicator": "major", "incident": "Edge errors", "impact": "major", "components": []string{"Edge Network"}})
	s.waitUpstream("out", func(u console.Upstream) bool { return u.Out && u.Link == "https://stspg.io/inc1" })
	s.waitIncident("INC-1", "told of the outage", func(inc *console.Incident) bool {
		return slices.ContainsFunc(inc.Timeline, func(l console.Line) bool { return l.Actor == "statuspage/vercel" })
	})
	s.order(s.urls.Status+"/_sandbox/setup", map[string]any{"indicator": "none", "down": true})
	s.waitUpstream("unknown", func(u console.Upstream) bool {
		return !u.Out && u.Error != "" && strings.HasPrefix(u.Says, "cannot tell")
	})
	s.order(s.urls.Supabase+"/_sandbox/setup", map[string]any{"unhealthy": []string{}})
	s.waitIncident("INC-1", "without a firing signal", func(inc *console.Incident) bool { return inc.Firing == 0 })
	silent := s.waitIncident("INC-2", "about a source that is silent", func(inc *console.Incident) bool { return inc.Project == "backout" && len(inc.Signals) == 1 })
	if sig := silent.Signals[0]; sig.Name != "silent" || !strings.HasPrefix(sig.Summary, "nothing from alertmanager for 1m") {
		t.Errorf("%+v", sig)
	}
	said := s.doctor()
	for _, line := range []string{"source alertmanager is silent", "upstream vercel: cannot tell how Vercel is", "ok   " + health} {
		if !strings.Contains(said, line) {
			t.Errorf("doctor does not say %q:\n%s", line, said)
		}
	}
	s.backout.stop(t)
}

func (s *shop) waitUpstream(what string, ok func(console.Upstream) bool) {
	s.t.Helper()
	var all console.Watches
	if !s.eventually(storyLimit, func() bool {
		all = console.Watches{}
		return s.get("/api/v1/watches", nil, &all) == nil && len(all.Upstreams) == 2 && ok(all.Upstreams[0])
	}) {
		s.t.Fatalf("the status page is never %s: %+v\n%s", what, all.Upstreams, s.backout.said())
	}
}
