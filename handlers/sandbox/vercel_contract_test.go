package sandbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

// TestVercel_cliCallByCall replays what Vercel's own CLI sends, in its order, with
// its paths, bodies and polling.
func TestVercel_cliCallByCall(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.pushBad()
	cli := func(verb, target string) string {
		h.is("version", h.vercel(200, "GET", "/v2/user").at(t, "user", "version"), "northstar")
		h.vercel(200, "GET", "/teams/team_aim?teamId=team_aim")
		h.is("id", h.vercel(200, "GET", "/v13/deployments/"+target+"?teamId=team_aim").at(t, "id"), target)
		h.is("name", h.vercel(200, "GET", "/v9/projects/prj_shop?teamId=team_aim").at(t, "name"), "shop")
		version := map[string]string{"rollback": "v9", "promote": "v10"}[verb]
		h.want(201, "POST", h.urls.Vercel+"/"+version+"/projects/prj_shop/"+verb+"/"+target+"?teamId=team_aim", "{}")
		for range 40 {
			status, _ := h.project("lastAliasRequest", "jobStatus").(string)
			if status != "pending" && status != "in-progress" {
				return status
			}
			h.clock.forward(250 * time.Millisecond)
		}
		return "still running"
	}
	h.is("rollback", cli("rollback", "dpl_good2"), "succeeded")
	h.is("to", h.vercel(200, "GET", "/v13/deployments/dpl_good2?teamId=team_aim").at(t, "readyState"), "READY")
	h.clock.forward(time.Minute)
	h.setup(nil, obj{"next_job": "failed"})
	h.is("failed rollback", cli("rollback", "dpl_good1"), "failed")
	failed := h.vercel(200, "GET", "/v9/projects/prj_shop/rollback/aliases?failedOnly=true&limit=20&teamId=team_aim").at(t, "aliases").([]any)
	h.is("failed aliases", len(failed), 1)
	h.clock.forward(time.Minute)
	h.is("promote", cli("promote", "dpl_bad"), "succeeded")
	made := h.want(200, "POST", h.urls.Vercel+"/v13/deployments?forceNew=1&teamId=team_aim", strings.Replace(redeployBody, `,"op":"k1"`, "", 1))
	h.is("address", strings.HasSuffix(made.at(t, "url").(string), ".vercel.test"), true)
	// Promoting a preview, the CLI rebuilds it.
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_branch", "target": "preview"})
	h.want(200, "POST", h.urls.Vercel+"/v13/deployments?teamId=team_aim", `{"deploymentId":"dpl_branch","name":"shop","target":"production","meta":{"action":"promote"}}`)
	// Status of a project without a request of its own, and a promote under rolling releases.
	h.setup(obj{"deployments": fourBuilds, "serving": "dpl_prev", "rolling": obj{"stages": []int{10, 100}, "canary": "dpl_now"}})
	h.vercel(202, "POST", promoteTo+"dpl_staged?teamId=team_aim")
	h.is("stage", h.vercel(200, "GET", "/v1/projects/prj_shop/rolling-release?teamId=team_aim").at(t, "rollingRelease", "activeStage", "targetPercentage"), 10)
}

// TestVercel_newAnswersFitTheSpec holds builds, variables and rolling releases against
// Vercel's document.
func TestVercel_newAnswersFitTheSpec(t *testing.T) {
	t.Parallel()
	checker := spectest.Vercel(t)
	h := start(t)
	h.setup(obj{"deployments": fourBuilds, "serving": "dpl_prev", "retention_days": 30, "rolling": obj{"stages": []int{10, 50, 100}, "canary": "dpl_now"}})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v9/projects/prj_shop", "", 200},
		{"GET", "/v10/projects/prj_shop/env?teamId=team_aim", "", 200},
		{"GET", "/v1/projects/prj_shop/rolling-release?state=ACTIVE", "", 200},
		{"POST", "/v1/projects/prj_shop/rolling-release/approve-stage", `{"nextStageIndex":1,"canaryDeploymentId":"dpl_now"}`, 200},
		{"POST", "/v10/projects/prj_shop/promote/dpl_staged", "", 202},
		{"POST", "/v1/projects/prj_shop/rolling-release/complete", `{"canaryDeploymentId":"dpl_now"}`, 200},
		{"GET", "/v1/projects/prj_shop/rolling-release", "", 200},
		{"POST", "/v13/deployments?forceNew=1", `{"deploymentId":"dpl_prev","name":"shop","target":"production","meta":{"action":"redeploy"}}`, 200},
		{"GET", "/v6/deployments?projectId=prj_shop", "", 200},
		{"PATCH", "/v9/projects/prj_shop", `{"autoAssignCustomDomains":true}`, 200},
		{"GET", "/v13/deployments/dpl_prev", "", 200},
		{"GET", "/v3/deployments/dpl_prev/events", "", 200},
		{"POST", "/v2/deployments/dpl_old/aliases", `{"alias":"shop.test"}`, 200},
		{"DELETE", "/v13/deployments/dpl_staged", "", 200},
	} {
		r := h.want(c.status, c.method, h.urls.Vercel+c.path, c.body)
		path, query, _ := strings.Cut(c.path, "?")
		if err := checker.Check(c.method, path, query, []byte(c.body)); err != nil {
			t.Errorf("request: %v", err)
		}
		if err := checker.Response(c.method, path, r.status, r.body); err != nil {
			t.Errorf("answer: %v", err)
		}
	}
}

// visit asks the shop as a browser does, by host.
func (h *harness) visit(host, path string) reply {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.urls.Shop+path, nil)
	if err != nil {
		h.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body}
}

// TestShop_anotherCacheInFront keeps what the first visitor got; a new address passes
// one kind of it.
func TestShop_anotherCacheInFront(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.setup(obj{"cdn": obj{"shop.test": "query", "www.shop.test": "everything"}})
	visit := func(host, query string) (deployment any, age string) {
		r := h.visit(host, "/api/version"+query)
		return r.at(t, "deployment_id"), r.header.Get("Age")
	}
	visit("shop.test", "")
	visit("www.shop.test", "")
	h.vercel(201, "POST", rollbackTo+"dpl_good1")
	h.clock.forward(time.Minute)
	for _, c := range []struct{ host, query, want, age string }{
		{"shop.test", "", "dpl_good2", "3600"}, {"shop.test", "?x=1", "dpl_good1", ""}, {"www.shop.test", "?x=1", "dpl_good2", "3600"}, {"seller.shop.test", "", "dpl_good1", ""},
	} {
		if id, age := visit(c.host, c.query); id != c.want || age != c.age {
			t.Errorf("%s%s: %v age %q", c.host, c.query, id, age)
		}
	}
}
