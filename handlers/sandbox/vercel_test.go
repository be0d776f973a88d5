package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

const (
	rollbackTo = "/v1/projects/prj_shop/rollback/"
	promoteTo  = "/v10/projects/prj_shop/promote/"
	theProject = "/v9/projects/prj_shop?rollbackInfo=true&teamId=team_aim"
)

// pushBad makes dpl_bad live and waits out its lag.
func (h *harness) pushBad() {
	h.Helper()
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_bad", "commit": "bad0", "bad": true})
	h.clock.forward(time.Minute)
}

func (h *harness) served() map[string]string {
	h.Helper()
	served := map[string]string{}
	for _, host := range []string{"shop.test", "www.shop.test", "seller.shop.test"} {
		version := h.want(200, "GET", h.urls.Shop+"/api/version?host="+host, nil)
		served[host], _ = version.at(h.T, "deployment_id").(string)
	}
	return served
}

func (h *harness) serves(id string) bool {
	h.Helper()
	for _, d := range h.served() {
		if d != id {
			return false
		}
	}
	return true
}

func TestVercel_jobRunsAsynchronously(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.pushBad()
	if r := h.vercel(201, "POST", rollbackTo+"dpl_good2"); len(r.body) != 0 {
		t.Errorf("rollback answered %q, want an empty body", r.body)
	}
	requested := h.clock.Now().UnixMilli()
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "pending"}, {500 * time.Millisecond, "in-progress"}, {500 * time.Millisecond, "succeeded"}} {
		h.clock.forward(step.after)
		p := h.vercel(200, "GET", theProject)
		job, _ := p.at(t, "lastAliasRequest").(map[string]any)
		if job["jobStatus"] != step.want || job["type"] != "rollback" || job["toDeploymentId"] != "dpl_good2" ||
			job["fromDeploymentId"] != "dpl_bad" || job["requestedAt"] != float64(requested) {
			t.Errorf("after %v: job %v, want %s", step.after, job, step.want)
		}
	}
	if live := h.vercel(200, "GET", theProject).at(t, "targets", "production", "id"); live != "dpl_good2" {
		t.Errorf("targets.production is %v after the job", live)
	}
}

func TestVercel_domainsLagBehindTheJob(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.pushBad()
	h.vercel(201, "POST", rollbackTo+"dpl_good2")
	h.clock.forward(time.Second)
	if got := h.vercel(200, "GET", theProject).at(t, "lastAliasRequest", "jobStatus"); got != "succeeded" {
		t.Fatalf("job is %v", got)
	}
	if h.serves("dpl_good2") {
		t.Error("every domain had switched when the job succeeded: no lag was seen with this seed")
	}
	h.clock.forward(2 * time.Second)
	if !h.serves("dpl_good2") {
		t.Errorf("2 s after the job the domains serve %v", h.served())
	}
}

func TestVercel_acceptsAllPathsBodiesAndScopes(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Kind = true })
	target := map[bool]string{true: "dpl_good1", false: "dpl_good2"}
	back := true
	for _, body := range []any{nil, "{}"} {
		for _, path := range []string{"/v1/projects/%s/rollback/", "/v9/projects/%s/rollback/", "/v1/projects/%s/promote/", "/v9/projects/%s/promote/", "/v10/projects/%s/promote/"} {
			for _, scope := range []string{"", "?teamId=team_aim", "?slug=aim"} {
				name := map[bool]string{true: "prj_shop", false: "shop"}[back]
				h.want(201, "POST", h.urls.Vercel+fmt.Sprintf(path, name)+target[back]+scope, body)
				h.clock.forward(time.Second)
				back = !back
			}
		}
	}
}

func TestVercel_rollbackSwitchesAutoAssignOff(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.pushBad()
	h.vercel(201, "POST", rollbackTo+"dpl_good2?description=checkout+broken")
	h.clock.forward(time.Minute)
	p := h.vercel(200, "GET", theProject)
	if p.at(t, "autoAssignCustomDomains") != false || p.at(t, "rollbackDescription", "description") != "checkout broken" {
		t.Errorf("after a rollback: %s", p.body)
	}
	pushed := h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_fix", "commit": "f1x"})
	if pushed.at(t, "readySubstate") != "STAGED" {
		t.Errorf("push while rolled back: %s", pushed.body)
	}
	h.clock.forward(time.Minute)
	if !h.serves("dpl_good2") {
		t.Errorf("a push went live while rolled back: %v", h.served())
	}
	h.vercel(201, "POST", promoteTo+"dpl_fix")
	h.clock.forward(time.Minute)
	if !h.serves("dpl_fix") || h.vercel(200, "GET", theProject).at(t, "autoAssignCustomDomains") != true {
		t.Error("a promote did not go live with auto-assign on again")
	}
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_next", "commit": "aaa"})
	h.clock.forward(time.Minute)
	if !h.serves("dpl_next") {
		t.Error("a push after the promote did not go live")
	}
}

func TestVercel_oldJobStaysVisible(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.vercel(201, "POST", rollbackTo+"dpl_good1")
	h.clock.forward(time.Minute)
	h.vercel(201, "POST", promoteTo+"dpl_good2")
	h.clock.forward(time.Minute)
	h.pushBad()
	job, _ := h.vercel(200, "GET", theProject).at(t, "lastAliasRequest").(map[string]any)
	if job["type"] != "promote" || job["toDeploymentId"] != "dpl_good2" || job["jobStatus"] != "succeeded" {
		t.Errorf("an automatic assignment replaced the last request: %v", job)
	}
}

func TestVercel_refusals(t *testing.T) {
	t.Parallel()
	deployments := []obj{
		{"id": "dpl_old"},
		{"id": "dpl_gone", "deleted": true},
		{"id": "dpl_staged", "substate": "STAGED"},
		{"id": "dpl_preview", "target": "preview"},
		{"id": "dpl_broken", "state": "ERROR"},
		{"id": "dpl_prev"},
		{"id": "dpl_now"},
	}
	tests := []struct {
		name, plan, path string
		status           int
		code, message    string
	}{
		{"wrong team", "pro", rollbackTo + "dpl_prev?teamId=team_other", 403, "forbidden", "Not authorized"},
		{"wrong slug", "pro", rollbackTo + "dpl_prev?slug=other", 403, "forbidden", ""},
		{"no project", "pro", "/v1/projects/prj_nope/rollback/dpl_prev", 404, "not_found", ""},
		{"no deployment", "pro", rollbackTo + "dpl_nope", 404, "not_found", ""},
		{"not an id", "pro", rollbackTo + "main", 400, "bad_request", ""},
		{"deleted", "pro", rollbackTo + "dpl_gone", 410, "gone", ""},
		{"never live", "pro", rollbackTo + "dpl_staged", 422, "invalid_deployment", ""},
		{"preview", "pro", rollbackTo + "dpl_preview", 422, "invalid_deployment", ""},
		{"promote preview", "pro", promoteTo + "dpl_preview", 422, "invalid_deployment", ""},
		{"failed build", "pro", promoteTo + "dpl_broken", 422, "invalid_deployment", ""},
		{"already live", "pro", promoteTo + "dpl_now", 409, "conflict", "The provided deploymentId (dpl_now) is already the current production deployment."},
		{"hobby, two back", "hobby", rollbackTo + "dpl_old", 402, "payment_required", "To roll back further than the previous production deployment, upgrade to pro"},
		{"long description", "pro", rollbackTo + "dpl_prev?description=" + strings.Repeat("x", 251), 400, "bad_request", ""},
		{"hobby, one back", "hobby", rollbackTo + "dpl_prev", 201, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"projects": []obj{{"id": "prj_shop", "plan": tt.plan, "deployments": deployments}}})
			r := h.vercel(tt.status, "POST", tt.path)
			if tt.code == "" {
				return
			}
			if r.at(t, "error", "code") != tt.code || (tt.message != "" && r.at(t, "error", "message") != tt.message) {
				t.Errorf("answered %s", r.body)
			}
			if calls := h.calls(h.urls.Vercel); calls[0].Effect || calls[0].Status != tt.status {
				t.Errorf("call log has %+v", calls[0])
			}
		})
	}
}

func TestVercel_secondJobWhileOneRuns(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.pushBad()
	h.vercel(201, "POST", rollbackTo+"dpl_good2")
	if r := h.vercel(409, "POST", rollbackTo+"dpl_good1"); r.at(t, "error", "code") != "conflict" {
		t.Errorf("answered %s", r.body)
	}
	h.clock.forward(time.Second)
	h.vercel(201, "POST", rollbackTo+"dpl_good1")
}

func TestVercel_failedAndSkippedJobs(t *testing.T) {
	t.Parallel()
	for fate, moved := range map[string]int{"failed": 2, "skipped": 0} {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.pushBad()
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"next_job": fate})
			h.vercel(201, "POST", rollbackTo+"dpl_good2")
			h.clock.forward(time.Minute)
			p := h.vercel(200, "GET", theProject)
			if p.at(t, "lastAliasRequest", "jobStatus") != fate || p.at(t, "targets", "production", "id") != "dpl_bad" {
				t.Errorf("project: %s", p.body)
			}
			got := 0
			for _, d := range h.served() {
				if d == "dpl_good2" {
					got++
				}
			}
			if got != moved {
				t.Errorf("%d domains moved, want %d", got, moved)
			}
			aliases, _ := h.vercel(200, "GET", "/v9/projects/prj_shop/rollback/aliases?failedOnly=true&limit=20").at(t, "aliases").([]any)
			if (fate == "failed") != (len(aliases) == 1) {
				t.Errorf("failed aliases: %v", aliases)
			}
		})
	}
}

func TestVercel_authentication(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Token = "right" })
	for auth, flag := range map[string]string{"": "missingToken", "Bearer ": "missingToken", "Bearer wrong": "invalidToken"} {
		r, err := h.try("GET", h.urls.Vercel+theProject, nil, auth)
		if err != nil || r.status != http.StatusForbidden || r.at(t, "error", flag) != true {
			t.Errorf("%q: %d %s %v", auth, r.status, r.body, err)
		}
	}
	if r, err := h.try("GET", h.urls.Vercel+theProject, nil, "Bearer right"); err != nil || r.status != 200 {
		t.Errorf("right token: %d %v", r.status, err)
	}
}

func TestVercel_listPagesAndFilters(t *testing.T) {
	t.Parallel()
	h := start(t)
	for i := range 5 {
		h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": fmt.Sprintf("dpl_p%d", i), "commit": fmt.Sprint("c", i)})
	}
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_failed", "state": "ERROR"})
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/deploy", obj{"id": "dpl_branch", "target": "preview"})
	h.clock.forward(time.Minute)
	var ids []string
	for until := ""; ; {
		page := h.vercel(200, "GET", "/v6/deployments?projectId=prj_shop&limit=3"+until)
		for _, d := range page.at(t, "deployments").([]any) {
			ids = append(ids, d.(map[string]any)["uid"].(string))
		}
		next := page.at(t, "pagination", "next")
		if next == nil {
			break
		}
		until = fmt.Sprintf("&until=%.0f", next)
	}
	want := "dpl_branch dpl_failed dpl_p4 dpl_p3 dpl_p2 dpl_p1 dpl_p0 dpl_good2 dpl_good1"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("pages gave %s\nwant %s", got, want)
	}
	for query, want := range map[string]string{
		"target=production&state=READY&rollbackCandidate=true": "dpl_p3 dpl_p2 dpl_p1 dpl_p0 dpl_good2 dpl_good1",
		"state=ERROR,BUILDING":                                 "dpl_failed",
		"sha=c2":                                               "dpl_p2",
		"projectId=prj_other":                                  "",
	} {
		ids = nil
		for _, d := range h.vercel(200, "GET", "/v7/deployments?"+query).at(t, "deployments").([]any) {
			ids = append(ids, d.(map[string]any)["uid"].(string))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s gave %q, want %q", query, got, want)
		}
	}
}

func TestVercel_readsShowRecordsNotTheEdge(t *testing.T) {
	t.Parallel()
	h := start(t)
	d := h.vercel(200, "GET", "/v13/deployments/shop-good2.vercel.test")
	if d.at(t, "id") != "dpl_good2" || len(d.at(t, "alias").([]any)) != 3 {
		t.Errorf("by URL: %s", d.body)
	}
	domains := h.vercel(200, "GET", "/v9/projects/shop/domains").at(t, "domains").([]any)
	aliases := h.vercel(200, "GET", "/v4/aliases?projectId=prj_shop").at(t, "aliases").([]any)
	of := h.vercel(200, "GET", "/v2/deployments/dpl_good2/aliases").at(t, "aliases").([]any)
	if len(domains) != 3 || len(aliases) != 3 || len(of) != 3 {
		t.Errorf("%d domains, %d aliases, %d of the deployment", len(domains), len(aliases), len(of))
	}
	names := []string{}
	for _, a := range aliases {
		names = append(names, a.(map[string]any)["deploymentId"].(string))
	}
	if slices.ContainsFunc(names, func(id string) bool { return id != "dpl_good2" }) {
		t.Errorf("aliases point to %v", names)
	}
	h.vercel(404, "GET", "/v13/deployments/dpl_nope")
	h.vercel(404, "GET", "/v3/projects/prj_shop")
	if r := h.vercel(200, "GET", "/v1/projects/prj_shop/rolling-release"); string(r.body) != `{"rollingRelease":null}` {
		t.Errorf("rolling release: %s", r.body)
	}
}

func TestVercel_updateDescription(t *testing.T) {
	t.Parallel()
	h := start(t)
	path := h.urls.Vercel + "/v1/projects/prj_shop/rollback/dpl_good1/update-description"
	h.want(409, "PATCH", path, obj{"description": "why"})
	h.vercel(201, "POST", rollbackTo+"dpl_good1")
	if r := h.want(200, "PATCH", path, obj{"description": "why"}); len(r.body) != 0 {
		t.Errorf("answered %q", r.body)
	}
	h.want(400, "PATCH", path, obj{"description": strings.Repeat("x", 251)})
	if got := h.vercel(200, "GET", theProject).at(t, "rollbackDescription", "description"); got != "why" {
		t.Errorf("description is %v", got)
	}
}
