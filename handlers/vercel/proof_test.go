package vercel_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

func (n *night) shop(more map[string]any) {
	n.Helper()
	more["id"] = "prj_shop"
	n.control(n.urls.Vercel, "setup", map[string]any{"projects": []map[string]any{more}})
	n.began = n.Now()
}

// TestServing_redirectsAreFollowed: a domain that leads elsewhere is proven by the one
// that visitors come to.
func TestServing_redirectsAreFollowed(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.shop(map[string]any{"redirects": map[string]string{"www.shop.test": "shop.test"}})
	out := n.serving(markers)
	if field(t, out.Data, "by", "www.shop.test") != "marker" || field(t, out.Data, "via", "www.shop.test") != "shop.test" ||
		field(t, out.Data, "proven") != true || !strings.Contains(out.Text, "www.shop.test leads to shop.test") {
		t.Errorf("%s: %s", out.Text, out.Data)
	}
	n.shop(map[string]any{"redirects": map[string]string{"www.shop.test": "shop.test", "shop.test": "www.shop.test"}})
	if out := n.serving(markers); field(t, out.Data, "proven") != false {
		t.Errorf("in a circle: %s", out.Data)
	}
}

// TestServing_pastAnotherCache: what a cache remembers is no word of the deployment.
func TestServing_pastAnotherCache(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.shop(map[string]any{"cdn": map[string]string{"shop.test": "query", "www.shop.test": "everything"}})
	for _, host := range []string{"shop.test", "www.shop.test"} {
		n.visit(host)
	}
	n.person("/v1/projects/prj_shop/rollback/dpl_good1")
	n.forward(time.Minute)
	out := n.serving(markers)
	if field(t, out.Data, "by", "shop.test") != "marker" || field(t, out.Data, "domains", "shop.test") != "dpl_good1" {
		t.Errorf("a cache that goes by addresses: %s", out.Data)
	}
	if field(t, out.Data, "by", "www.shop.test") != "alias" || field(t, out.Data, "cached", "www.shop.test") != "X-Cache: HIT" ||
		field(t, out.Data, "proven") != false || !strings.Contains(out.Text, "www.shop.test answers from another cache (X-Cache: HIT)") {
		t.Errorf("a cache that keeps everything: %s %s", out.Text, out.Data)
	}
}

// visit lets a cache in front of a domain remember what it serves.
func (n *night) visit(host string) {
	n.Helper()
	r, err := http.NewRequestWithContext(n.Context(), http.MethodGet, n.urls.Shop+"/api/version", nil)
	if err != nil {
		n.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		n.Fatal(err)
	}
	resp.Body.Close()
}

// TestServing_stuckDomains: the job succeeded, and nobody believes it of a domain that
// did not move.
func TestServing_stuckDomains(t *testing.T) {
	t.Parallel()
	for stuck, by := range map[string]string{"record": "alias", "edge": "marker"} {
		n := start(t)
		n.shop(map[string]any{"stuck": map[string]string{"seller.shop.test": stuck}})
		n.person("/v1/projects/prj_shop/rollback/dpl_good1")
		n.forward(time.Hour)
		with := markers
		if by == "alias" {
			with = map[string]any{}
		}
		out := n.serving(with)
		if field(t, out.Data, "deployment") != "" || field(t, out.Data, "domains", "seller.shop.test") != "dpl_good2" {
			t.Errorf("%s: %s", stuck, out.Data)
		}
	}
}

// TestRollback_tokenRevokedMidway: after the request was taken nobody can look any more.
func TestRollback_tokenRevokedMidway(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		n := start(t)
		a, c := n.rollback()
		out, err := n.do(a, c)
		if err != nil || out.Accepted == nil {
			t.Fatalf("%+v %v", out, err)
		}
		n.control(n.urls.Vercel, "setup", map[string]any{"token": map[string]any{"revoked": status}})
		if look, err := a.Verify(t.Context(), c, out.Accepted.Token); err != nil || look.Kind != orchestrator.OutcomeCannotTell || !strings.Contains(look.Text, "make a new one if it was revoked") {
			t.Errorf("%d: %+v %v", status, look, err)
		}
		if _, err := n.do(a, c); !orchestrator.IsPermanent(err) || len(n.effects()) != 1 {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestRollback_storm: while Vercel puts off, nothing is done, and its wait is kept to.
func TestRollback_storm(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	n.fault("429", "", 12)
	for range 12 {
		if _, err := n.do(a, c); err == nil {
			break
		} else if orchestrator.RetryDelay(err) != 7*time.Second || orchestrator.IsInDoubt(err) {
			t.Fatalf("%v, again after %v", err, orchestrator.RetryDelay(err))
		}
	}
	if out, err := n.do(a, c); err != nil || out.Accepted == nil || len(n.effects()) != 1 {
		t.Errorf("after the storm: %+v %v", out, err)
	}
}

func TestPoll_settings(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.shop(map[string]any{
		"plan": "hobby", "retention_days": 30,
		"env": []map[string]any{{"key": "B", "updated_at": "2026-11-24T01:00:00Z"}, {"key": "A"}, {"key": "ONLY_PREVIEW", "target": "preview"}},
	})
	records, err := n.client.Poll(t.Context(), vercel.PollTarget{Project: "shop", Environment: "production", VercelProject: "prj_shop", Domains: domains})
	if err != nil || len(records) != 2 {
		t.Fatalf("%+v %v", records, err)
	}
	d := records[1].Deploys
	if d.Plan != "hobby" || d.RetentionDays != 30 || len(d.Variables) != 2 || d.Variables[0].Key != "A" || d.Variables[1].At != time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC).UnixMilli() ||
		d.Crons == nil || d.Crons.Deployment != "dpl_good2" || len(d.Crons.List) != 1 || d.Crons.List[0] != "0 3 * * * /api/crons/settle" {
		t.Errorf("%+v %+v", d, d.Crons)
	}
	n.fits()
}
