package sentry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sentry"
	"github.com/aimarketplace/backout/orchestrator"
)

func world(t *testing.T) string {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Kind: true, Token: "zq-sentry"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s.URLs().Sentry
}

func order(t *testing.T, url string, body map[string]any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, resp.Status)
	}
}

func count(t *testing.T, url, token, release string) orchestrator.Output {
	t.Helper()
	s, err := sentry.New(sentry.Options{BaseURL: url, Token: token, Org: "aim", AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(map[string]any{"release": release, "since": time.Now().Add(-90 * 24 * time.Hour).UnixMilli(), "now": time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Do(t.Context(), orchestrator.Call{Step: "watch new", Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStats_eventsAndNewIssuesOfARelease(t *testing.T) {
	t.Parallel()
	url := world(t)
	if out := count(t, url, "zq-sentry", "shop@2.41.0"); !out.NoData || out.Errored || !strings.Contains(out.Text, "knows no release shop@2.41.0") {
		t.Errorf("a release nobody knows: %+v", out)
	}
	order(t, url+"/_sandbox/setup", map[string]any{"release": "shop@2.41.0"})
	if out := count(t, url, "zq-sentry", "shop@2.41.0"); out.NoData || string(out.Data) != `{"events":0,"new_issues":0,"value":0,"sample":1}` {
		t.Errorf("a release without errors: %+v %s", out, out.Data)
	}
	order(t, url+"/_sandbox/setup", map[string]any{"release": "shop@2.41.0", "events": 31, "new_issues": 120})
	if out := count(t, url, "zq-sentry", "shop@2.41.0"); string(out.Data) != `{"events":31,"new_issues":120,"value":120,"sample":1}` {
		t.Errorf("more than a page: %+v %s", out, out.Data)
	}
}

func TestStats_whatIsNoAnswerIsAnError(t *testing.T) {
	t.Parallel()
	url := world(t)
	order(t, url+"/_sandbox/setup", map[string]any{"release": "r1"})
	if out := count(t, url, "zq-wrong", "r1"); !out.Errored || out.NoData || !strings.Contains(out.Text, "401: Invalid token; the token needs org:read") || strings.Contains(out.Text, "zq") {
		t.Errorf("a token that is not good: %+v", out)
	}
	order(t, url+"/_sandbox/fault", map[string]any{"kind": sandbox.FaultLimited, "count": 9})
	if out := count(t, url, "zq-sentry", "r1"); !out.Errored || !strings.Contains(out.Text, "puts us off, 429; its limit begins anew at ") {
		t.Errorf("put off: %+v", out)
	}
	s, err := sentry.New(sentry.Options{Token: "t", Org: "aim"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Do(t.Context(), orchestrator.Call{Inputs: []byte(`{"release":"x\" OR release:\"y"}`)})
	if err == nil || !orchestrator.IsPermanent(err) {
		t.Errorf("a release that changes the search: %v", err)
	}
}
