package sandbox_test

import (
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

func TestSentry_whatIsKnownOfARelease(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.MaxLag = 2 * time.Second })
	org := h.urls.Sentry + "/api/0/organizations/aim"
	search := "?project=-1&start=2026-11-24T00:00:00&end=2026-11-24T03:00:00&query="
	h.want(404, "GET", org+"/releases/9f3c2e1/", nil)
	h.want(200, "POST", h.urls.Sentry+"/_sandbox/setup", obj{"release": "9f3c2e1", "events": 12, "new_issues": 120})
	h.want(404, "GET", org+"/releases/9f3c2e1/", nil) // it lags
	h.clock.forward(2 * time.Second)
	h.want(200, "GET", org+"/releases/9f3c2e1/", nil)
	h.want(400, "GET", org+"/events/"+search+"whatever&field=count()", nil)
	events := h.want(200, "GET", org+"/events/"+search+"release:%229f3c2e1%22&field=count()&dataset=errors", nil)
	var table struct{ Data []map[string]int }
	if events.into(t, &table); table.Data[0]["count()"] != 12 {
		t.Errorf("%s", events.body)
	}
	issues := h.want(200, "GET", org+"/issues/"+search+"firstRelease:%229f3c2e1%22", nil)
	var list []obj
	if issues.into(t, &list); len(list) != 100 || issues.header.Get("X-Hits") != "120" || issues.header.Get("X-Sentry-Rate-Limit-Remaining") == "" {
		t.Errorf("%d issues, %v", len(list), issues.header)
	}
}

func TestSentry_throttleSaysWhenItsLimitBegins(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Sentry+"/_sandbox/fault", obj{"kind": sandbox.FaultLimited, "count": 1})
	said := h.want(429, "GET", h.urls.Sentry+"/api/0/organizations/aim/releases/x/", nil)
	if said.header.Get("X-Sentry-Rate-Limit-Reset") == "" || said.header.Get("X-Sentry-Rate-Limit-Remaining") != "0" {
		t.Errorf("%v", said.header)
	}
}

func TestPrometheus_saysWhatItWasTold(t *testing.T) {
	t.Parallel()
	h := start(t)
	query := func(status int, form string) map[string]any {
		return h.want(status, "POST", h.urls.Prometheus+"/api/v1/query?"+form, nil).object(t)
	}
	results := func(said map[string]any) int { return len(said["data"].(map[string]any)["result"].([]any)) }
	if said := query(200, "query=up"); results(said) != 0 {
		t.Errorf("%v", said)
	}
	h.want(200, "POST", h.urls.Prometheus+"/_sandbox/setup", obj{"value": "0.5", "queries": obj{"requests": "12"}})
	if said := query(200, "query=sum(requests)"); results(said) != 1 {
		t.Errorf("%v", said)
	}
	if said := query(400, "query="); said["errorType"] != "bad_data" {
		t.Errorf("%v", said)
	}
	h.want(200, "POST", h.urls.Prometheus+"/_sandbox/setup", obj{"error": "query timed out"})
	if said := query(422, "query=up"); said["status"] != "error" {
		t.Errorf("%v", said)
	}
}
