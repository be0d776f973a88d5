package statuspage_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/aimarketplace/backout/handlers/statuspage"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	calm = `{"page":{"id":"lvglq8h0mdyh","name":"Vercel","url":"https://www.vercel-status.com","time_zone":"Etc/UTC","updated_at":"2026-11-27T10:00:00Z"},
"status":{"indicator":"none","description":"All Systems Operational"},"components":[{"id":"a","name":"Edge Network","status":"operational","group":false}],
"incidents":[{"id":"0","name":"Old","status":"resolved","impact":"critical","shortlink":"https://stspg.io/0"}],"scheduled_maintenances":[]}`
	storm = `{"page":{"id":"lvglq8h0mdyh"},"status":{"indicator":"major","description":"Partial System Outage"},
"components":[{"id":"a","name":"Edge Network","status":"major_outage"},{"id":"b","name":"Functions","status":"operational"}],
"incidents":[{"id":"1","name":"Slow dashboard","status":"monitoring","impact":"minor","shortlink":"https://stspg.io/1","components":[{"name":"Dashboard","status":"degraded_performance"}]},
{"id":"2","name":"Elevated errors at the edge","status":"investigating","impact":"major","shortlink":"https://stspg.io/2","incident_updates":[{"id":"u","body":"…","status":"investigating","affected_components":[{"code":"a","name":"Edge Network","old_status":"operational","new_status":"major_outage"}]}]}]}`
)

func TestDecodeSummary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		want orchestrator.Upstream
		ok   bool
	}{
		{calm, orchestrator.Upstream{Indicator: "none"}, true},
		{storm, orchestrator.Upstream{Indicator: "major", Text: "Elevated errors at the edge", Link: "https://stspg.io/2", Affected: []string{"Dashboard", "Edge Network"}}, true},
		{`{"status":{"indicator":"minor"},"components":[{"name":"API","status":"partial_outage"},{"name":"Docs","status":"operational"}],"incidents":[{"name":"x","status":"identified","impact":"minor","shortlink":"javascript:x"}]}`, orchestrator.Upstream{Indicator: "minor", Text: "x", Affected: []string{"API"}}, true},
		{`{"status":{"indicator":"maintenance"}}`, orchestrator.Upstream{Indicator: "minor"}, true},
		{`{"status":{"indicator":"fine"}}`, orchestrator.Upstream{}, false},
		{`{"status":{}}`, orchestrator.Upstream{}, false},
		{`{}`, orchestrator.Upstream{}, false},
		{`<html>`, orchestrator.Upstream{}, false},
		{`[]`, orchestrator.Upstream{}, false},
	} {
		got, err := statuspage.DecodeSummary([]byte(c.body))
		if (err == nil) != c.ok || got.Indicator != c.want.Indicator || got.Text != c.want.Text || got.Link != c.want.Link || !slices.Equal(got.Affected, c.want.Affected) {
			t.Errorf("%.60s: %+v %v", c.body, got, err)
		}
	}
}

// A page that has not changed is asked for by its tag and gives the same reading; one
// that cannot be read says nothing.
func TestPage_asksByItsTag(t *testing.T) {
	t.Parallel()
	var served, unchanged atomic.Int32
	var broken atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `W/"1"`)
		switch {
		case broken.Load():
			w.WriteHeader(http.StatusForbidden)
		case r.Header.Get("If-None-Match") == `W/"1"`:
			unchanged.Add(1)
			w.WriteHeader(http.StatusNotModified)
		default:
			served.Add(1)
			_, _ = w.Write([]byte(storm))
		}
	}))
	t.Cleanup(s.Close)
	p, err := statuspage.New(statuspage.Options{ID: "vercel", URL: s.URL, AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	poll := func() orchestrator.Upstream {
		t.Helper()
		records, err := p.Poll(t.Context())
		if err != nil || len(records) != 1 || records[0].Upstream == nil {
			t.Fatalf("%+v %v", records, err)
		}
		return *records[0].Upstream
	}
	for range 3 {
		if u := poll(); u.ID != "vercel" || u.Indicator != "major" || u.Error != "" || u.At == 0 {
			t.Errorf("%+v", u)
		}
	}
	if served.Load() != 1 || unchanged.Load() != 2 {
		t.Errorf("%d bodies, %d times unchanged", served.Load(), unchanged.Load())
	}
	broken.Store(true)
	if u := poll(); u.Indicator != "" || !strings.Contains(u.Error, "403") {
		t.Errorf("%+v", u)
	}
}

func FuzzDecodeSummary(f *testing.F) {
	for _, body := range []string{calm, storm, `{"status":{"indicator":"minor"},"incidents":[{"name":"\u0000\ud800","components":[{"name":"가나다"}]}]}`, `{"incidents":null}`, `[`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		u, err := statuspage.DecodeSummary(body)
		if err != nil {
			if u.Indicator != "" {
				t.Fatalf("an error with an indicator: %+v", u)
			}
			return
		}
		if !slices.Contains([]string{"none", "minor", "major", "critical"}, u.Indicator) || len(u.Affected) > 50 || !slices.IsSorted(u.Affected) {
			t.Fatalf("%+v", u)
		}
		for _, text := range append([]string{u.Text, u.Link}, u.Affected...) {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n\x1b") || len(text) > 300 {
				t.Fatalf("%q", text)
			}
		}
	})
}
