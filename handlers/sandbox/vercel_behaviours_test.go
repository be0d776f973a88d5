package sandbox_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// behaviour is a sentence of the reference with its section, shown on the sandbox.
type behaviour struct {
	name string
	show func(h *harness)
}

func (h *harness) setup(project obj, more ...obj) {
	h.Helper()
	body := obj{}
	if project != nil {
		project["id"] = "prj_shop"
		body["projects"] = []obj{project}
	}
	for _, m := range more {
		maps.Copy(body, m)
	}
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", body)
}

func (h *harness) project(path ...string) any {
	h.Helper()
	return h.vercel(200, "GET", theProject).at(h.T, path...)
}

// is fails unless the value is as said.
func (h *harness) is(what string, got, want any) {
	h.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.Errorf("%s is %v, want %v", what, got, want)
	}
}

// rolledBack is a world in which dpl_bad was rolled back to dpl_good2.
func (h *harness) rolledBack() {
	h.Helper()
	h.pushBad()
	h.vercel(201, "POST", rollbackTo+"dpl_good2")
	h.clock.forward(time.Minute)
}

func (h *harness) push(id string) reply {
	h.Helper()
	r := h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": id, "commit": "c0ffee"})
	h.clock.forward(time.Minute)
	return r
}

var fourBuilds = []obj{{"id": "dpl_old"}, {"id": "dpl_staged", "substate": "STAGED"}, {"id": "dpl_prev"}, {"id": "dpl_now"}}

const redeployBody = `{"deploymentId":"dpl_good2","name":"shop","target":"production","meta":{"action":"redeploy","op":"k1"}}`

// rollbackBehaviours are sections 1.1 and 1.2.
func rollbackBehaviours() []behaviour {
	return []behaviour{
		{"1.1 429 says Retry-After and error.limit, for as long as the storm lasts", func(h *harness) {
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/fault", obj{"kind": "429", "retry_after": 3, "count": 4})
			for range 4 {
				r := h.vercel(429, "GET", theProject)
				h.is("Retry-After", r.header.Get("Retry-After"), 3)
				h.is("code", r.at(h.T, "error", "code"), "rate_limited")
				h.is("total", r.at(h.T, "error", "limit", "total"), 6)
			}
			h.vercel(200, "GET", theProject)
		}},
		{"1.1 a token revoked in the middle: 401 from then on", func(h *harness) {
			h.setup(nil, obj{"token": obj{"revoked": 401, "after": 2}})
			h.vercel(200, "GET", theProject)
			h.vercel(201, "POST", rollbackTo+"dpl_good1")
			h.vercel(401, "GET", theProject)
			h.vercel(401, "POST", promoteTo+"dpl_good2")
		}},
		{"1.1 a token revoked in the middle: 403 invalidToken from then on", func(h *harness) {
			h.setup(nil, obj{"token": obj{"revoked": 403, "after": 1}})
			h.vercel(200, "GET", theProject)
			h.is("invalidToken", h.vercel(403, "GET", theProject).at(h.T, "error", "invalidToken"), true)
		}},
		{"1.2 201 with an empty body is accepted, not done", func(h *harness) {
			h.is("body", string(h.vercel(201, "POST", rollbackTo+"dpl_good1").body), "")
			h.is("live", h.project("targets", "production", "id"), "dpl_good2")
		}},
		{"1.2 402 on Hobby beyond the previous one", func(h *harness) {
			h.setup(obj{"plan": "hobby", "deployments": fourBuilds})
			h.is("message", h.vercel(402, "POST", rollbackTo+"dpl_old").at(h.T, "error", "message"), "To roll back further than the previous production deployment, upgrade to pro")
			h.vercel(201, "POST", rollbackTo+"dpl_prev")
		}},
		{"1.2 Pro goes back to any that was aliased", func(h *harness) {
			h.setup(obj{"deployments": fourBuilds})
			h.vercel(201, "POST", rollbackTo+"dpl_old")
		}},
		{"1.2 422 for what was never aliased to a production domain", func(h *harness) {
			h.setup(obj{"deployments": fourBuilds})
			h.vercel(422, "POST", rollbackTo+"dpl_staged")
		}},
		{"1.2 410 for a deleted deployment", func(h *harness) {
			h.pushBad()
			h.vercel(200, "DELETE", "/v13/deployments/dpl_good1")
			h.vercel(410, "POST", rollbackTo+"dpl_good1")
		}},
		{"1.2 auto-assignment goes off, and a hotfix stays STAGED", func(h *harness) {
			h.rolledBack()
			h.is("auto-assign", h.project("autoAssignCustomDomains"), false)
			h.is("hotfix", h.push("dpl_fix").at(h.T, "readySubstate"), "STAGED")
			h.is("live", h.project("targets", "production", "id"), "dpl_good2")
		}},
		{"1.2 auto-assignment by PATCH shows as on and releases nothing", func(h *harness) {
			h.rolledBack()
			h.is("auto-assign", h.want(200, "PATCH", h.urls.Vercel+"/v9/projects/prj_shop", obj{"autoAssignCustomDomains": true}).at(h.T, "autoAssignCustomDomains"), true)
			h.push("dpl_fix")
			h.is("live", h.project("targets", "production", "id"), "dpl_good2")
		}},
		{"1.2 undo is a promote of any deployment", func(h *harness) {
			h.rolledBack()
			h.vercel(201, "POST", promoteTo+"dpl_bad")
			h.clock.forward(time.Minute)
			h.is("auto-assign", h.project("autoAssignCustomDomains"), true)
			h.push("dpl_next")
			h.is("live", h.project("targets", "production", "id"), "dpl_next")
		}},
		{"1.2 crons revert with the deployment, variables do not", func(h *harness) {
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_bad", "crons": []obj{{"path": "/api/crons/new", "schedule": "* * * * *"}}})
			h.clock.forward(time.Minute)
			h.is("cron", h.project("crons", "definitions").([]any)[0].(obj)["path"], "/api/crons/new")
			h.vercel(201, "POST", rollbackTo+"dpl_good2")
			h.clock.forward(time.Minute)
			h.is("cron", h.project("crons", "definitions").([]any)[0].(obj)["path"], "/api/crons/settle")
			h.is("variables", len(h.vercel(200, "GET", "/v10/projects/prj_shop/env").at(h.T, "envs").([]any)), 3)
		}},
		{"1.2 what failed is listed domain by domain", func(h *harness) {
			h.pushBad()
			h.setup(nil, obj{"next_job": "failed"})
			h.vercel(201, "POST", rollbackTo+"dpl_good2")
			h.clock.forward(time.Minute)
			rows := h.vercel(200, "GET", "/v9/projects/prj_shop/rollback/aliases?failedOnly=true&limit=20").at(h.T, "aliases").([]any)
			h.is("failed", rows[0].(obj)["alias"].(obj)["alias"], "seller.shop.test")
		}},
	}
}

// promoteBehaviours are sections 1.3 and 1.4.
func promoteBehaviours() []behaviour {
	return []behaviour{
		{"1.3 202 while a rolling release is active, and it goes next", func(h *harness) {
			h.setup(obj{"deployments": fourBuilds, "serving": "dpl_prev", "rolling": obj{"stages": []int{10, 100}, "canary": "dpl_now"}})
			h.vercel(202, "POST", promoteTo+"dpl_staged")
			h.want(200, "POST", h.urls.Vercel+"/v1/projects/prj_shop/rolling-release/complete", obj{"canaryDeploymentId": "dpl_now"})
			h.clock.forward(time.Minute)
			h.is("live", h.project("targets", "production", "id"), "dpl_staged")
		}},
		{"1.3 409 when it is live already, in the known words", func(h *harness) {
			h.is("message", h.vercel(409, "POST", promoteTo+"dpl_good2").at(h.T, "error", "message"), "The provided deploymentId (dpl_good2) is already the current production deployment.")
		}},
		{"1.3 promote does not rebuild a preview", func(h *harness) {
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_branch", "target": "preview"})
			h.vercel(422, "POST", promoteTo+"dpl_branch")
		}},
		{"1.4 the last request stays, also somebody else's, with type and time", func(h *harness) {
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/alias", obj{"type": "rollback", "to": "dpl_good1"})
			at := h.clock.Now().UnixMilli()
			h.vercel(409, "POST", promoteTo+"dpl_good2")
			h.clock.forward(time.Minute)
			h.push("dpl_later")
			h.is("type", h.project("lastAliasRequest", "type"), "rollback")
			h.is("time", int64(h.project("lastAliasRequest", "requestedAt").(float64)), at)
		}},
		{"1.4 a job may be pending for long", func(h *harness) {
			h.setup(nil, obj{"pace": obj{"job_ms": 4 * 3_600_000}})
			h.vercel(201, "POST", rollbackTo+"dpl_good1")
			h.clock.forward(30 * time.Minute)
			h.is("status", h.project("lastAliasRequest", "jobStatus"), "pending")
			h.clock.forward(4 * time.Hour)
			h.is("status", h.project("lastAliasRequest", "jobStatus"), "succeeded")
		}},
		{"1.4 the job succeeds while domains lag", func(h *harness) {
			h.setup(nil, obj{"pace": obj{"lag_ms": 600_000}})
			h.vercel(201, "POST", rollbackTo+"dpl_good1")
			h.clock.forward(2 * time.Second)
			h.is("status", h.project("lastAliasRequest", "jobStatus"), "succeeded")
			h.is("all moved", h.serves("dpl_good1"), false)
			h.clock.forward(11 * time.Minute)
			h.is("all moved", h.serves("dpl_good1"), true)
		}},
		{"1.4 the job succeeds and one domain never moves", func(h *harness) {
			h.setup(obj{"stuck": obj{"www.shop.test": "record", "seller.shop.test": "edge"}})
			h.vercel(201, "POST", rollbackTo+"dpl_good1")
			h.clock.forward(time.Hour)
			h.is("status", h.project("lastAliasRequest", "jobStatus"), "succeeded")
			h.is("visitors", h.served(), map[string]string{"shop.test": "dpl_good1", "www.shop.test": "dpl_good2", "seller.shop.test": "dpl_good2"})
			h.is("records", len(h.vercel(200, "GET", "/v2/deployments/dpl_good1/aliases").at(h.T, "aliases").([]any)), 2)
		}},
	}
}

// buildBehaviours are section 1.5.
func buildBehaviours() []behaviour {
	return []behaviour{
		{"1.5 redeploy builds anew, keeps meta, and repeats build twice", func(h *harness) {
			first := h.want(200, "POST", h.urls.Vercel+"/v13/deployments?forceNew=1", redeployBody).at(h.T, "id")
			second := h.want(200, "POST", h.urls.Vercel+"/v13/deployments?forceNew=1", redeployBody).at(h.T, "id")
			h.is("the same", first == second, false)
			d := h.vercel(200, "GET", fmt.Sprintf("/v13/deployments/%s", first))
			h.is("state", d.at(h.T, "readyState"), "BUILDING")
			h.is("meta", d.at(h.T, "meta", "op"), "k1")
			h.clock.forward(time.Minute)
			h.is("state", h.vercel(200, "GET", fmt.Sprintf("/v13/deployments/%s", second)).at(h.T, "readyState"), "READY")
			h.is("live", h.project("targets", "production", "id"), second)
		}},
		{"1.5 a redeploy while rolled back stays STAGED", func(h *harness) {
			h.rolledBack()
			id := h.want(200, "POST", h.urls.Vercel+"/v13/deployments", redeployBody).at(h.T, "id")
			h.clock.forward(time.Minute)
			h.is("substate", h.vercel(200, "GET", fmt.Sprintf("/v13/deployments/%s", id)).at(h.T, "readySubstate"), "STAGED")
		}},
		{"1.5 400 and 404 of a redeploy; a build that fails", func(h *harness) {
			h.want(400, "POST", h.urls.Vercel+"/v13/deployments", obj{"name": "shop"})
			h.want(404, "POST", h.urls.Vercel+"/v13/deployments", obj{"name": "shop", "deploymentId": "dpl_nope"})
			h.setup(nil, obj{"next_build": "ERROR"})
			id := h.want(200, "POST", h.urls.Vercel+"/v13/deployments", redeployBody).at(h.T, "id")
			h.clock.forward(time.Minute)
			h.is("state", h.vercel(200, "GET", fmt.Sprintf("/v13/deployments/%s", id)).at(h.T, "readyState"), "ERROR")
			h.is("live", h.project("targets", "production", "id"), "dpl_good2")
		}},
		{"1.5 a build is cancelled while it builds, and not later", func(h *harness) {
			id := h.want(200, "POST", h.urls.Vercel+"/v13/deployments", redeployBody).at(h.T, "id")
			h.want(200, "PATCH", h.urls.Vercel+fmt.Sprintf("/v12/deployments/%s/cancel", id), nil)
			h.clock.forward(time.Minute)
			h.is("live", h.project("targets", "production", "id"), "dpl_good2")
			h.want(400, "PATCH", h.urls.Vercel+"/v12/deployments/dpl_good1/cancel", nil)
		}},
		{"1.5 one alias assigned by hand, 409 when it is there already", func(h *harness) {
			h.want(200, "POST", h.urls.Vercel+"/v2/deployments/dpl_good1/aliases", obj{"alias": "www.shop.test"})
			h.want(409, "POST", h.urls.Vercel+"/v2/deployments/dpl_good1/aliases", obj{"alias": "www.shop.test"})
			h.is("last request", h.project("lastAliasRequest"), nil)
			h.is("www", h.served()["www.shop.test"], "dpl_good1")
		}},
		{"1.5 a deploy hook needs no token's team, and builds STAGED while rolled back", func(h *harness) {
			h.rolledBack()
			h.is("job", h.vercel(200, "POST", "/v1/integrations/deploy/prj_shop/h00k").at(h.T, "job", "state"), "PENDING")
			h.clock.forward(time.Minute)
			h.is("live", h.project("targets", "production", "id"), "dpl_good2")
		}},
		{"1.5 build and runtime logs", func(h *harness) {
			h.vercel(200, "GET", "/v3/deployments/dpl_good2/events?limit=-1")
			r := h.vercel(200, "GET", "/v1/projects/prj_shop/deployments/dpl_good2/runtime-logs")
			h.is("type", r.header.Get("Content-Type"), "application/stream+json")
			h.is("line", r.at(h.T, "source"), "serverless")
		}},
	}
}

// rollingBehaviours are section 1.6.
func rollingBehaviours() []behaviour {
	return []behaviour{
		{"1.6 during a canary the base is what serves, whatever the project says", func(h *harness) {
			h.setup(obj{"deployments": fourBuilds, "serving": "dpl_prev", "rolling": obj{"stages": []int{10, 50, 100}, "canary": "dpl_now"}})
			h.is("target", h.project("targets", "production", "id"), "dpl_now")
			r := h.vercel(200, "GET", "/v1/projects/prj_shop/rolling-release?state=ACTIVE")
			h.is("base", r.at(h.T, "rollingRelease", "currentDeployment", "id"), "dpl_prev")
			canary := 0
			for range 100 {
				if h.want(200, "GET", h.urls.Shop+"/api/version?host=shop.test", nil).at(h.T, "deployment_id") == "dpl_now" {
					canary++
				}
			}
			h.is("share", canary, 10)
		}},
		{"1.6 stages are approved one by one, the last completes it", func(h *harness) {
			h.setup(obj{"deployments": fourBuilds, "serving": "dpl_prev", "rolling": obj{"stages": []int{10, 50, 100}, "canary": "dpl_now"}})
			stage := h.urls.Vercel + "/v1/projects/prj_shop/rolling-release/approve-stage"
			h.want(400, "POST", stage, obj{"nextStageIndex": 2, "canaryDeploymentId": "dpl_now"})
			h.want(200, "POST", stage, obj{"nextStageIndex": 1, "canaryDeploymentId": "dpl_now"})
			h.want(200, "POST", stage, obj{"nextStageIndex": 2, "canaryDeploymentId": "dpl_now"})
			h.clock.forward(time.Minute)
			h.is("active", string(h.vercel(200, "GET", "/v1/projects/prj_shop/rolling-release?state=ACTIVE").body), `{"rollingRelease":null}`)
			h.is("all moved", h.serves("dpl_now"), true)
		}},
		{"1.6 a push under rolling releases begins one", func(h *harness) {
			h.setup(obj{"rolling": obj{"stages": []int{10, 100}}})
			h.push("dpl_canary")
			h.is("canary", h.vercel(200, "GET", "/v1/projects/prj_shop/rolling-release").at(h.T, "rollingRelease", "canaryDeployment", "id"), "dpl_canary")
			h.want(409, "POST", h.urls.Vercel+"/v1/projects/prj_shop/rolling-release/start", obj{"canaryDeploymentId": "dpl_good1"})
		}},
		{"1.6 abort is a rollback to the base, and switches auto-assignment off", func(h *harness) {
			h.setup(obj{"deployments": fourBuilds, "serving": "dpl_prev", "rolling": obj{"stages": []int{10, 100}, "canary": "dpl_now"}})
			h.want(404, "POST", h.urls.Vercel+"/v1/projects/prj_shop/rolling-release/abort", nil)
			h.vercel(201, "POST", rollbackTo+"dpl_prev")
			h.clock.forward(time.Minute)
			h.is("state", h.vercel(200, "GET", "/v1/projects/prj_shop/rolling-release").at(h.T, "rollingRelease", "state"), "ABORTED")
			h.is("auto-assign", h.project("autoAssignCustomDomains"), false)
			h.is("all", h.serves("dpl_prev"), true)
		}},
	}
}

// TestVercel_behaviours shows the sections 1.1 to 1.6 of the reference, sentence by sentence.
func TestVercel_behaviours(t *testing.T) {
	t.Parallel()
	for _, b := range slices.Concat(rollbackBehaviours(), promoteBehaviours(), buildBehaviours(), rollingBehaviours()) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.show(start(t))
		})
	}
}
