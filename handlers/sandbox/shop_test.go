package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestShop_healthFollowsTheServingDeployment(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "GET", h.urls.Shop+"/api/health?host=shop.test", nil)
	h.pushBad()
	if r := h.want(500, "GET", h.urls.Shop+"/api/health?host=shop.test", nil); r.at(t, "ok") != false {
		t.Errorf("bad health: %s", r.body)
	}
	h.want(500, "GET", h.urls.Shop+"/api/health/toss?host=www.shop.test", nil)
	if r := h.want(200, "GET", h.urls.Shop+"/?host=shop.test", nil); !strings.Contains(string(r.body), "dpl_bad") {
		t.Errorf("home page: %s", r.body)
	}
	h.want(200, "GET", h.urls.Shop+"/_d/dpl_good2/api/health", nil)
	h.want(500, "GET", h.urls.Shop+"/_d/dpl_bad/api/health", nil)
	h.vercel(201, "POST", rollbackTo+"dpl_good2")
	h.clock.forward(time.Minute)
	h.want(200, "GET", h.urls.Shop+"/api/health?host=shop.test", nil)
}

func TestShop_hostChoosesDomainOrDeployment(t *testing.T) {
	t.Parallel()
	h := start(t)
	for host, want := range map[string]int{"shop.test": 200, "WWW.shop.test:443": 200, "shop-good1.vercel.test": 200, "other.test": 404, "127.0.0.1": 200} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.urls.Shop+"/api/version", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("host %s: %d, want %d", host, resp.StatusCode, want)
		}
	}
	h.want(404, "GET", h.urls.Shop+"/nowhere?host=shop.test", nil)
}

func TestShop_someTroublesNoRollbackCures(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Shop+"/_sandbox/setup", obj{"toss_down": true})
	h.want(200, "GET", h.urls.Shop+"/api/health", nil)
	for _, path := range []string{"/api/health/toss", "/_d/dpl_good1/api/health/toss"} {
		h.want(500, "GET", h.urls.Shop+path, nil)
	}
	h.want(200, "POST", h.urls.Shop+"/_sandbox/setup", obj{"database_down": true})
	h.want(500, "GET", h.urls.Shop+"/_d/dpl_good1/api/health", nil)
}

func TestShop_pausedProject(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/setup", obj{"projects": []obj{{"id": "prj_shop", "paused": true}}})
	if r := h.want(503, "GET", h.urls.Shop+"/?host=shop.test", nil); r.header.Get("x-vercel-error") != "DEPLOYMENT_PAUSED" {
		t.Errorf("paused: %v", r.header)
	}
}
