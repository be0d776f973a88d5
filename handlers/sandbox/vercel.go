package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// vercel is the stand-in for the Vercel REST API; the shop reads the same state.
type vercel struct {
	opts    Options
	dice    *dice
	courier *courier

	mu       sync.Mutex
	agenda   agenda
	projects []*project
	nextJob  string // fate of the next alias job; "" is succeeded
	// nextBuild is the state the next build ends in; "" is READY.
	nextBuild string
	slow      setupPace
	hookURL   string
	hookKey   string
	webhooks  []*webhook
	token     setupToken
	configs   configStore
}

func newVercel(o Options, c *courier) *vercel {
	v := &vercel{opts: o, dice: newDice(o.Seed, "vercel"), courier: c, hookURL: o.WebhookURL, hookKey: o.WebhookSecret}
	v.projects = []*project{defaultProject(o.Now())}
	return v
}

// defaultProject is the world at the start: two good deployments, the newer one live.
func defaultProject(now time.Time) *project {
	p := &project{
		ID: "prj_shop", Name: "shop", TeamID: "team_aim", TeamSlug: "aim", Plan: "pro",
		AutoAssign: true, Live: "dpl_good2", Created: now.Add(-400 * 24 * time.Hour),
	}
	for _, key := range []string{"DATABASE_URL", "STRIPE_SECRET_KEY", "TOSS_SECRET_KEY"} {
		p.Env = append(p.Env, variable{Key: key, Updated: p.Created})
	}
	for i, id := range []string{"dpl_good1", "dpl_good2"} {
		age := time.Duration(2-i) * 48 * time.Hour
		p.add(&deployment{
			ID: id, URL: "shop-" + id[4:] + ".vercel.test", Commit: fmt.Sprintf("%040x", 0xc0ffee0+i+1),
			Message: "Release " + id[4:], Target: targetProduction, State: stateReady, Substate: substatePromoted,
			Created: now.Add(-age), Assigned: now.Add(-age + time.Minute), Crons: []cron{{Path: "/api/crons/settle", Schedule: "0 3 * * *"}},
		})
	}
	for _, name := range []string{"shop.test", "www.shop.test", "seller.shop.test"} {
		p.Domains = append(p.Domains, &domain{Name: name, Record: p.Live, Serves: p.Live, RecordAt: now.Add(-48 * time.Hour)})
	}
	return p
}

func (v *vercel) name() string { return "vercel" }

func (v *vercel) redact(body []byte) string { return string(body) }

// at locks the world, brings it up to the present and lets do answer from it.
func (v *vercel) at(do func(now time.Time) answer) answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	v.agenda.advance(now)
	return do(now)
}

// inProject answers for the project named in the path, within the caller's team.
func (v *vercel) inProject(r *request, do func(p *project, now time.Time) answer) answer {
	return v.at(func(now time.Time) answer {
		p := v.find(r.PathValue("project"))
		if p == nil {
			return vercelError(http.StatusNotFound, "not_found", "Project not found.")
		}
		if !p.within(r) {
			return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
		}
		return do(p, now)
	})
}

func (v *vercel) find(idOrName string) *project {
	i := slices.IndexFunc(v.projects, func(p *project) bool { return p.ID == idOrName || p.Name == idOrName })
	if i < 0 {
		return nil
	}
	return v.projects[i]
}

// within tells whether the call's teamId or slug, if any, is the project's team.
func (p *project) within(r *request) bool {
	q := r.URL.Query()
	team, slug := q.Get("teamId"), q.Get("slug")
	return (team == "" || team == p.TeamID) && (slug == "" || slug == p.TeamSlug)
}

// admit refuses a missing or wrong token with 403, never 401.
func (v *vercel) admit(r *request) (answer, bool) {
	token := bearer(r.Request)
	if token == "" {
		return vercelFlag("The request is missing an authentication token", "missingToken"), false
	}
	if v.opts.Token != "" && token != v.opts.Token {
		return v.refuse(refuseRevoked), false
	}
	if no := v.tired(); no.status != 0 {
		return no, false
	}
	if !v.reaches(r) {
		return limited(r), false
	}
	return answer{}, true
}

func vercelError(status int, code, message string) answer {
	return asJSON(status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func vercelFlag(message, flag string) answer {
	return asJSON(http.StatusForbidden, map[string]any{
		"error": map[string]any{"code": "forbidden", "message": message, flag: true},
	})
}

func (v *vercel) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		reset := v.opts.Now().Add(time.Minute)
		return asJSON(http.StatusTooManyRequests, map[string]any{"error": map[string]any{
			"code": "rate_limited", "message": "The rate limit of 6 exceeded for 'api-projects'. Try again in 1 minute",
			"limit": map[string]any{"remaining": 0, "reset": reset.Unix(), "resetMs": reset.UnixMilli(), "total": 6},
		}})
	case refuseRevoked:
		return vercelFlag("Not authorized", "invalidToken")
	case refuseUnknown:
		return vercelError(http.StatusNotFound, "not_found", "The requested API endpoint was not found.")
	case refuseTooBig:
		return vercelError(http.StatusRequestEntityTooLarge, "bad_request", "Request body too large.")
	case refuseBroken:
	}
	return vercelError(http.StatusInternalServerError, "internal_server_error", "An unexpected internal error occurred.")
}

// routes names each path once for every version the real API or its clients use.
func (v *vercel) routes() http.Handler {
	mux := http.NewServeMux()
	add := func(method, path string, e endpoint, versions ...string) {
		for _, version := range versions {
			mux.Handle(method+" /"+version+path, e)
		}
	}
	add("GET", "/projects", v.listProjects, "v9", "v10")
	add("GET", "/projects/{project}", v.getProject, "v9")
	add("PATCH", "/projects/{project}", v.patchProject, "v9")
	add("GET", "/projects/{project}/env", v.listEnv, "v9", "v10")
	add("GET", "/projects/{project}/domains", v.listDomains, "v9")
	add("GET", "/projects/{project}/rolling-release", v.getRollingRelease, "v1")
	add("POST", "/projects/{project}/rolling-release/approve-stage", v.approveStage, "v1")
	add("POST", "/projects/{project}/rolling-release/complete", v.completeRolling, "v1")
	add("POST", "/projects/{project}/rolling-release/start", v.startRolling, "v1")
	add("GET", "/projects/{project}/deployments/{deployment}/runtime-logs", v.runtimeLogs, "v1")
	add("GET", "/integrations/deploy/{project}/{hook}", v.deployHook, "v1")
	add("POST", "/integrations/deploy/{project}/{hook}", v.deployHook, "v1")
	add("POST", "/projects/{project}/rollback/{deployment}", v.rollback, "v1", "v9")
	add("PATCH", "/projects/{project}/rollback/{deployment}/update-description", v.describe, "v1", "v9")
	add("POST", "/projects/{project}/promote/{deployment}", v.promote, "v1", "v9", "v10")
	add("GET", "/projects/{project}/rollback/aliases", v.rollbackAliases, "v1", "v9")
	add("GET", "/projects/{project}/promote/aliases", v.promoteAliases, "v1", "v9")
	add("GET", "/deployments", v.listDeployments, "v6", "v7")
	add("POST", "/deployments", v.newDeployment, "v13")
	add("GET", "/deployments/{deployment}", v.getDeployment, "v13")
	add("DELETE", "/deployments/{deployment}", v.remove, "v13")
	add("PATCH", "/deployments/{deployment}/cancel", v.cancel, "v12")
	add("GET", "/deployments/{deployment}/events", v.buildEvents, "v2", "v3")
	add("POST", "/deployments/{deployment}/aliases", v.assignAlias, "v2")
	add("GET", "/deployments/{deployment}/aliases", v.deploymentAliases, "v2")
	add("GET", "/aliases", v.listAliases, "v4")
	add("GET", "/teams/{team}", v.getTeam, "v2")
	mux.Handle("GET /teams/{team}", endpoint(v.getTeam)) // as Vercel's CLI asks
	add("GET", "/edge-config/{config}/item/{key}", v.configItem, "v1")
	add("PATCH", "/edge-config/{config}/items", v.patchConfig, "v1")
	add("GET", "/global-config/{config}/item/{key}", v.configItem, "v1")
	add("PATCH", "/global-config/{config}/items", v.patchConfig, "v1")
	add("GET", "/user", v.getUser, "v2")
	add("GET", "/user/tokens/{token}", v.getToken, "v5")
	add("GET", "/webhooks", v.listWebhooks, "v1")
	add("POST", "/webhooks", v.makeWebhook, "v1")
	add("DELETE", "/webhooks/{webhook}", v.deleteWebhook, "v1")
	return mux
}
