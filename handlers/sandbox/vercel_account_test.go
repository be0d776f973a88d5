package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

func TestVercel_accountPages(t *testing.T) {
	t.Parallel()
	h := start(t)
	var projects []obj
	for i := range 24 {
		projects = append(projects, obj{"id": fmt.Sprintf("prj_%d", i), "name": fmt.Sprintf("p%d", i), "domains": []string{fmt.Sprintf("p%d.test", i)}})
	}
	projects[0]["domains"] = []string{"p0.test", "www.p0.test", "next.p0.test"}
	projects[0]["redirects"] = obj{"www.p0.test": "p0.test"}
	projects[0]["branches"] = obj{"next.p0.test": "next"}
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"projects": projects})

	seen := map[any]bool{}
	for next, pages := "", 0; pages == 0 || next != ""; pages++ {
		r := h.vercel(200, "GET", "/v10/projects?teamId=team_aim&limit=10&from="+next)
		for _, p := range r.at(t, "projects").([]any) {
			seen[p.(obj)["id"]] = true
		}
		next, _ = r.at(t, "pagination", "next").(string)
	}
	if len(seen) != 25 {
		t.Errorf("the pages have %d projects", len(seen))
	}
	first := h.vercel(200, "GET", "/v9/projects/prj_0/domains?limit=2")
	until := first.at(t, "pagination", "next").(float64)
	second := h.vercel(200, "GET", fmt.Sprintf("/v9/projects/prj_0/domains?limit=2&until=%.0f", until))
	all := append(first.at(t, "domains").([]any), second.at(t, "domains").([]any)...)
	if len(all) != 3 || all[1].(obj)["redirect"] != "p0.test" || all[2].(obj)["gitBranch"] != "next" || second.at(t, "pagination", "next") != nil {
		t.Errorf("the domains are %v", all)
	}
	if plan := h.vercel(200, "GET", "/v2/teams/team_aim").at(t, "billing", "plan"); plan != "pro" {
		t.Errorf("the plan is %v", plan)
	}
	if name := h.vercel(200, "GET", "/v2/user").at(t, "user", "username"); name != "dev" {
		t.Errorf("the user is %v", name)
	}
	h.vercel(403, "GET", "/v2/teams/team_other")
	h.vercel(404, "GET", "/v5/user/tokens/tok_other")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.urls.Shop+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "www.p0.test"
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusPermanentRedirect || resp.Header.Get("Location") != "https://p0.test/" {
		t.Errorf("www answers %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

func TestVercel_tokenOfOneProject(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"projects": []obj{{"id": "prj_other", "name": "other", "domains": []string{"other.test"}}}})
	expires := h.clock.Now().Add(time.Hour)
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"token": obj{"team": "team_aim", "expires_at": expires}})
	token := h.vercel(200, "GET", "/v5/user/tokens/current")
	if token.at(t, "token", "expiresAt") != float64(expires.UnixMilli()) || !strings.Contains(string(token.body), `"teamId":"team_aim"`) {
		t.Errorf("the token is %s", token.body)
	}
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"token": obj{"project": "prj_shop"}})
	for path, status := range map[string]int{
		"/v9/projects/prj_shop": 200, "/v9/projects/shop/domains": 200, "/v6/deployments?projectId=prj_shop": 200, "/v4/aliases?projectId=prj_shop": 200,
		"/v13/deployments/dpl_good1": 200,
		"/v9/projects/prj_other":     403, "/v6/deployments?projectId=prj_other": 403, "/v10/projects": 403, "/v2/teams/team_aim": 403,
		"/v2/user": 403, "/v5/user/tokens/current": 403, "/v1/webhooks": 403, "/v6/deployments": 403,
	} {
		h.vercel(status, "GET", path)
	}
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/fault", obj{"kind": "429", "retry_after": 3, "path": "/v9/projects/prj_shop"})
	if r := h.vercel(429, "GET", "/v9/projects/prj_shop"); r.header.Get("Retry-After") != "3" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
}

func TestVercel_accountWebhookIsToldOfItsProject(t *testing.T) {
	t.Parallel()
	url, got := receiver(t, 0)
	h := start(t, func(o *sandbox.Options) { o.Kind = true })
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"projects": []obj{{"id": "prj_other", "name": "other", "domains": []string{"other.test"}}}})
	secret, _ := h.want(200, "POST", h.urls.Vercel+"/v1/webhooks", obj{"url": url, "events": []string{"deployment.rollback", "deployment.promoted"}, "projectIds": []string{"prj_shop"}}).at(t, "secret").(string)
	h.vercel(201, "POST", "/v1/projects/prj_other/rollback/dpl_good1")
	h.vercel(201, "POST", rollbackTo+"dpl_good1")
	d := next(t, got)
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(d.body)
	if d.header.Get("X-Vercel-Signature") != hex.EncodeToString(mac.Sum(nil)) || !strings.Contains(string(d.body), "prj_shop") {
		t.Errorf("wrong signature, or news of another project: %s", d.body)
	}
	h.clock.forward(time.Minute)
	h.vercel(201, "POST", promoteTo+"dpl_good2")
	h.clock.forward(time.Minute) // Nobody reads from here on: the webhook comes by itself.
	if d := next(t, got); !strings.Contains(string(d.body), "deployment.promoted") {
		t.Errorf("instead of the promotion came %s", d.body)
	}
}

func TestSlack_scopes(t *testing.T) {
	t.Parallel()
	h := start(t)
	if r := h.want(200, "POST", h.urls.Slack+"/api/auth.test", nil); !strings.Contains(r.header.Get("X-Oauth-Scopes"), "im:write") {
		t.Errorf("the scopes are %q", r.header.Get("X-Oauth-Scopes"))
	}
	h.want(200, "POST", h.urls.Slack+"/_sandbox/setup", obj{"scopes": "chat:write"})
	if r := h.want(200, "POST", h.urls.Slack+"/api/auth.test", nil); r.header.Get("X-Oauth-Scopes") != "chat:write" {
		t.Errorf("the scopes are %q", r.header.Get("X-Oauth-Scopes"))
	}
}
