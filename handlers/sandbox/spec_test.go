package sandbox_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

// TestVercel_answersFitTheSpec holds each answer against Vercel's own document.
func TestVercel_answersFitTheSpec(t *testing.T) {
	t.Parallel()
	checker := spectest.Vercel(t)
	h := start(t)
	h.pushBad()
	tests := []struct {
		method, path string
		status       int
	}{
		{"GET", "/v9/projects/prj_shop", 200},
		{"GET", "/v6/deployments?projectId=prj_shop&target=production&state=READY&rollbackCandidate=true&limit=1", 200},
		{"POST", "/v1/projects/prj_shop/rollback/dpl_good2?description=why&teamId=team_aim", 201},
		{"GET", "/v9/projects/prj_shop?teamId=team_aim", 200},
		{"POST", "/v1/projects/prj_shop/rollback/dpl_good1", 409},
		{"GET", "/v13/deployments/dpl_good2", 200},
		{"GET", "/v13/deployments/shop-bad.vercel.test", 200},
		{"GET", "/v13/deployments/dpl_nope", 404},
		{"GET", "/v2/deployments/dpl_bad/aliases", 200},
		{"GET", "/v4/aliases?projectId=prj_shop", 200},
		{"GET", "/v1/projects/prj_shop/promote/aliases?limit=20", 200},
		{"GET", "/v1/projects/prj_shop/rolling-release", 200},
		{"POST", "/v10/projects/prj_shop/promote/dpl_bad", 201},
		{"GET", "/v1/projects/prj_shop/promote/aliases?limit=20", 200},
		{"GET", "/v9/projects/prj_shop", 200},
		{"GET", "/v1/webhooks?teamId=team_aim", 200},
	}
	for _, tt := range tests {
		r := h.vercel(tt.status, tt.method, tt.path)
		path, query, _ := strings.Cut(tt.path, "?")
		if err := checker.Check(tt.method, path, query, nil); err != nil {
			t.Errorf("request: %v", err)
		}
		if err := checker.Response(tt.method, path, r.status, r.body); err != nil {
			t.Errorf("answer: %v", err)
		}
		h.clock.forward(400 * time.Millisecond)
	}
}

// TestVercel_accountWebhooks makes webhooks as Vercel's document says, and as it does
// not say: the secret comes once, an address may come twice, and not on every plan.
func TestVercel_accountWebhooks(t *testing.T) {
	t.Parallel()
	checker := spectest.Vercel(t)
	h := start(t)
	make := func(status int, body obj) reply {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r := h.want(status, "POST", h.urls.Vercel+"/v1/webhooks?teamId=team_aim", body)
		if status == 200 {
			if err := errors.Join(checker.Check("POST", "/v1/webhooks", "teamId=team_aim", raw), checker.Response("POST", "/v1/webhooks", 200, r.body)); err != nil {
				t.Error(err)
			}
		}
		return r
	}
	hook := obj{"url": "https://ops.example.com/hooks/vercel", "events": []string{"deployment.promoted", "deployment.rollback"}, "projectIds": []string{"prj_shop"}}
	first := make(200, hook)
	if secret, _ := first.at(t, "secret").(string); len(secret) < 20 {
		t.Errorf("the answer has no secret: %s", first.body)
	}
	make(200, hook)
	list := h.vercel(200, "GET", "/v1/webhooks?projectId=prj_shop")
	if err := checker.Response("GET", "/v1/webhooks", 200, list.body); err != nil {
		t.Error(err)
	}
	var rows []obj
	list.into(t, &rows)
	if len(rows) != 2 || strings.Contains(string(list.body), "secret") {
		t.Errorf("the list is %s", list.body)
	}
	id, _ := first.at(t, "id").(string)
	h.vercel(204, "DELETE", "/v1/webhooks/"+id)
	h.vercel(404, "DELETE", "/v1/webhooks/"+id)
	make(400, obj{"url": "ops", "events": []string{"deployment.promoted"}})
	make(400, obj{"url": "https://ops.example.com", "events": []string{}})
	make(400, obj{"url": "https://ops.example.com", "events": []string{"everything"}})
	make(400, obj{"url": "https://ops.example.com", "events": []string{"deployment.promoted"}, "projectIds": []string{"prj_nobody"}})
	for range 19 {
		make(200, hook)
	}
	make(400, hook)
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"projects": []obj{{"id": "prj_shop", "plan": "hobby"}}})
	make(403, hook)
}
