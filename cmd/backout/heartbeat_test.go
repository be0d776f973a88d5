package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator/engine"
)

// TestHeartbeat_fallsSilentWhenPagesCannotGoOut: somebody outside is told while
// everything works, and no more when a provider cannot be read.
func TestHeartbeat_fallsSilentWhenBlind(t *testing.T) {
	t.Parallel()
	var beats atomic.Int64
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	t.Cleanup(outside.Close)
	s := newShop(t, shopOptions{Kind: true, Heartbeat: true, Env: []string{"E2E_HEARTBEAT=" + outside.URL + "/zq-heartbeat-1c"}})
	if !s.eventually(storyLimit, func() bool { return beats.Load() >= 3 }) {
		t.Fatal("nobody outside was told that Backout works")
	}
	s.order(s.urls.Vercel+"/_sandbox/fault", map[string]any{"kind": "revoked", "count": -1})
	if !s.eventually(storyLimit, func() bool { return strings.Contains(s.backout.said(), "heartbeat_out is not told") }) {
		t.Fatalf("it is told although Vercel cannot be read:\n%s", s.backout.said())
	}
	if strings.Contains(s.backout.said(), "zq-heartbeat") {
		t.Error("the address of the heartbeat is in the log")
	}
}

func TestUnwell(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for want, h := range map[string]engine.Health{
		"":                     {LogAnswered: now},
		"the log has not":      {LogAnswered: now.Add(-time.Minute)},
		"9000 entries are not": {LogAnswered: now, Behind: 9000},
		"vercel cannot be":     {LogAnswered: now, Blind: map[string]string{"vercel": "401"}},
		"the last page was":    {LogAnswered: now, Page: "Slack answered 500"},
		"the clock jumped":     {LogAnswered: now, Halted: true},
	} {
		if got := unwell(h, now); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
}

// TestUnwell_saysTheSameOfTheSame: what has not changed is told in the same words, or the
// log would have a line for it at every beat.
func TestUnwell_saysTheSameOfTheSame(t *testing.T) {
	t.Parallel()
	now := time.Now()
	blind := map[string]string{}
	for _, name := range []string{"vercel", "github", "stripe", "toss", "sentry", "supabase"} {
		blind[name] = "no answer"
	}
	h := engine.Health{LogAnswered: now, Blind: blind}
	said := unwell(h, now)
	for range 50 {
		if again := unwell(h, now); again != said {
			t.Fatalf("first %q, then %q", said, again)
		}
	}
}
