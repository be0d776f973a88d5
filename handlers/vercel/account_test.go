package vercel_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
	"github.com/aimarketplace/backout/handlers/vercel"
)

// TestAccount_saysWhatTheTokenReaches: the whole account, one team, or one project,
// which is told nothing of the rest.
func TestAccount_saysWhatTheTokenReaches(t *testing.T) {
	t.Parallel()
	n := start(t)
	expires := n.Now().Add(24 * time.Hour).UTC().Truncate(time.Millisecond)
	for _, tt := range []struct {
		token map[string]any
		want  vercel.Account
	}{
		{map[string]any{}, vercel.Account{Token: "backout", Reach: vercel.ReachAccount, User: "dev", Name: "Dev", Email: "dev@shop.test", TeamID: "team_aim", Team: "aim", Plan: "pro", Role: "MEMBER"}},
		{map[string]any{"team": "team_aim", "expires_at": expires}, vercel.Account{Token: "backout", Reach: vercel.ReachTeam, Expires: expires, User: "dev", Name: "Dev", Email: "dev@shop.test", TeamID: "team_aim", Team: "aim", Plan: "pro", Role: "MEMBER"}},
		{map[string]any{"project": "prj_shop"}, vercel.Account{Reach: vercel.ReachProject}},
	} {
		n.control(n.urls.Vercel, "setup", map[string]any{"token": tt.token})
		got, err := n.client.Account(t.Context())
		got.Expires = got.Expires.UTC()
		if err != nil || got != tt.want {
			t.Errorf("%v: %+v %v, want %+v", tt.token, got, err, tt.want)
		}
	}
	if _, err := n.client.Projects(t.Context()); !errors.Is(err, vercel.ErrDenied) {
		t.Errorf("a token of one project lists all: %v", err)
	}
	if p, err := n.client.Project(t.Context(), "shop"); err != nil || p.ID != "prj_shop" || p.Plan != "pro" {
		t.Errorf("its own project: %+v %v", p, err)
	}
	bad := start(t, func(o *vercel.Options) { o.Token = "revoked" })
	if _, err := bad.client.Account(t.Context()); err == nil || errors.Is(err, vercel.ErrDenied) {
		t.Errorf("a token that is no good: %v", err)
	}
	other := start(t, func(o *vercel.Options) { o.Team = "team_other" })
	if _, err := other.client.Account(t.Context()); err == nil || !strings.Contains(err.Error(), "its own teams") {
		t.Errorf("a team of others: %v", err)
	}
}

func TestProjectsAndDomains_areReadToTheEnd(t *testing.T) {
	t.Parallel()
	n := start(t)
	var many []map[string]any
	for i := range 120 {
		many = append(many, map[string]any{"id": fmt.Sprintf("prj_%d", i), "name": fmt.Sprintf("p%d", i), "domains": []string{fmt.Sprintf("p%d.test", i)}})
	}
	var hosts []string
	for i := range 130 {
		hosts = append(hosts, fmt.Sprintf("h%d.test", i))
	}
	many[0]["domains"], many[0]["redirects"], many[0]["branches"] = hosts, map[string]string{"h129.test": "h0.test"}, map[string]string{"h1.test": "next"}
	n.control(n.urls.Vercel, "setup", map[string]any{"projects": many})
	n.control(n.urls.Vercel, "fault", map[string]any{"kind": "429", "retry_after": 0, "path": "/v10/projects"})
	projects, err := n.client.Projects(t.Context())
	if err != nil || len(projects) != 121 {
		t.Errorf("%d projects, %v", len(projects), err)
	}
	domains, err := n.client.Domains(t.Context(), "prj_0")
	if err != nil || len(domains) != 130 || domains[129].Redirect != "h0.test" || domains[1].Production() || !domains[0].Production() {
		t.Errorf("%d domains, %v", len(domains), err)
	}
	n.control(n.urls.Vercel, "fault", map[string]any{"kind": "429", "retry_after": 60, "path": "/v10/projects"})
	if _, err := n.client.Projects(t.Context()); err == nil || !strings.Contains(err.Error(), "rate limit") {
		t.Errorf("a limit of a minute: %v", err)
	}
}

// TestMakeWebhook_knowsItsSecretWhateverTheNight: the secret comes once, so a webhook
// whose answer was lost is deleted and made anew, and exactly one is left.
func TestMakeWebhook_knowsItsSecretWhateverTheNight(t *testing.T) {
	t.Parallel()
	checker := spectest.Vercel(t)
	want := vercel.Webhook{URL: "https://ops.example.com/hooks/vercel", Events: []string{"deployment.promoted", "project.rolling-release.started"}, Projects: []string{"prj_shop"}}
	for _, fault := range []string{"", "500_after", "drop_after", "500_before"} {
		n := startIn(t, sandbox.Options{Seed: 7, ErrorRate: -1})
		if fault != "" {
			n.control(n.urls.Vercel, "fault", map[string]any{"kind": fault, "method": "POST", "path": "/v1/webhooks", "count": 2})
		}
		made, err := n.client.MakeWebhook(t.Context(), want)
		if err != nil || len(made.Secret) < 20 {
			t.Fatalf("%s: %+v %v", fault, made, err)
		}
		there, err := n.client.WebhooksAt(t.Context(), want.URL)
		if err != nil || len(there) != 1 || there[0].ID != made.ID || !there[0].Covers("prj_shop", want.Events) || there[0].Covers("prj_other", want.Events) {
			t.Errorf("%s: there are %+v, %v", fault, there, err)
		}
		for _, c := range n.calls() {
			if strings.HasPrefix(c.Path, "/v1/webhooks") && c.Method != http.MethodDelete {
				if err := checker.Check(c.Method, c.Path, c.Query, []byte(c.Body)); err != nil {
					t.Error(err)
				}
			}
		}
		if err := errors.Join(n.client.DeleteWebhook(t.Context(), made.ID), n.client.DeleteWebhook(t.Context(), made.ID)); err != nil {
			t.Errorf("deleting: %v", err)
		}
	}
}

func TestMakeWebhook_refusals(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.control(n.urls.Vercel, "setup", map[string]any{"projects": []map[string]any{{"id": "prj_shop", "plan": "hobby"}}})
	_, err := n.client.MakeWebhook(t.Context(), vercel.Webhook{URL: "https://ops.example.com/hooks/vercel", Events: []string{"deployment.promoted"}})
	if !errors.Is(err, vercel.ErrDenied) || !strings.Contains(err.Error(), "Pro and Enterprise") {
		t.Errorf("on Hobby: %v", err)
	}
}

func TestReach_tellsWhatAVisitorMeets(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.control(n.urls.Vercel, "setup", map[string]any{"projects": []map[string]any{{
		"id": "prj_shop", "domains": []string{"shop.test", "www.shop.test"}, "redirects": map[string]string{"www.shop.test": "shop.test"},
	}}})
	for _, tt := range []struct {
		host, path string
		want       vercel.Reached
	}{
		{"shop.test", "", vercel.Reached{Status: 200}},
		{"shop.test", "/api/version", vercel.Reached{Status: 200, Deployment: "dpl_good2"}},
		{"shop.test", "/api/nothing", vercel.Reached{Status: 404}},
		{"www.shop.test", "", vercel.Reached{Status: 308, Redirect: "shop.test"}},
		{"gone.test", "", vercel.Reached{Status: 404, Failed: "DEPLOYMENT_NOT_FOUND"}},
	} {
		got, err := n.client.Reach(t.Context(), tt.host, tt.path, "deployment_id")
		if err != nil || got != tt.want {
			t.Errorf("%s%s: %+v %v, want %+v", tt.host, tt.path, got, err, tt.want)
		}
	}
}
