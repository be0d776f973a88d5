package probe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aimarketplace/backout/handlers/probe"
	"github.com/aimarketplace/backout/orchestrator"
)

func poll(t *testing.T, s orchestrator.Source) orchestrator.Reading {
	t.Helper()
	records, err := s.Poll(t.Context())
	if err != nil || len(records) != 1 || records[0].Reading == nil {
		t.Fatalf("%+v %v", records, err)
	}
	return *records[0].Reading
}

func TestWatch_failedIsNotErrored(t *testing.T) {
	t.Parallel()
	url := site(t)
	h, err := probe.New(probe.Options{AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, c := range []struct{ name, url, verdict, text string }{
		{"good", url + "/", "ok", ""},
		{"wrong answer", url + "/down", "failed", "answered 500"},
		{"nobody there", closed.URL, "failed", "connection refused"},
		{"no such name", "http://nowhere.invalid/", "errored", ""},
	} {
		r := poll(t, h.Watch("shop", "production", orchestrator.Probe{ID: "home", URL: c.url}, nil))
		if r.Verdict != c.verdict || !strings.Contains(r.Text, c.text) || r.Project != "shop" || r.At == 0 {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	strict, err := probe.New(probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := poll(t, strict.Watch("shop", "production", orchestrator.Probe{ID: "home", URL: url}, nil)); r.Verdict != "errored" {
		t.Errorf("a refusal to go there speaks about the site: %+v", r)
	}
}

func TestWatch_failureWhileCutOffSaysNothing(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(http.StatusBadGateway)
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	t.Cleanup(control.Close)
	h, err := probe.New(probe.Options{Base: site(t), AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	if h.Controls(nil) != nil {
		t.Fatal("controls of nothing")
	}
	bad := orchestrator.Probe{ID: "home", URL: "https://bad.test/"}
	cut := h.Controls([]string{control.URL, control.URL + "/2"})
	if r := poll(t, h.Watch("shop", "production", bad, cut)); r.Verdict != "errored" || !strings.Contains(r.Text, "cut off") {
		t.Errorf("%+v", r)
	}
	if r := poll(t, cut); r.Verdict != "failed" || r.Kind != "control" {
		t.Errorf("%+v", r)
	}
	status.Store(http.StatusForbidden)
	well := h.Controls([]string{control.URL, "http://nowhere.invalid/"})
	if r := poll(t, well); r.Verdict != "ok" {
		t.Errorf("an answer of any kind shows that the network works: %+v", r)
	}
	if r := poll(t, h.Watch("shop", "production", bad, well)); r.Verdict != "failed" {
		t.Errorf("%+v", r)
	}
}
