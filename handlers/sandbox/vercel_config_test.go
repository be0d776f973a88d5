package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

// TestVercel_globalConfig holds items of a Global Config against Vercel's document, which
// has them under their old name. It escapes the pattern of a key twice, so that only w
// and - fit it.
func TestVercel_globalConfig(t *testing.T) {
	t.Parallel()
	checker := spectest.Vercel(t)
	h := start(t, func(o *sandbox.Options) { o.MaxLag = 2 * time.Second })
	h.setup(nil, obj{"configs": obj{"ecfg_shop": obj{"w": true}}, "config_writes": 2})
	const item, items = "/v1/edge-config/ecfg_shop/item/", "/v1/edge-config/ecfg_shop/items"
	write := func(operation, key string) string {
		return `{"items":[{"operation":"` + operation + `","key":"` + key + `","value":false}]}`
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", item + "w", "", 200},
		{"GET", item + "w-w", "", 404},
		{"PATCH", items, write("create", "w"), 409},
		{"PATCH", items, write("upsert", "w-w"), 404},
		{"PATCH", "/v1/edge-config/ecfg_gone/items", write("create", "w"), 404},
		{"PATCH", items, write("create", "w-w"), 200},
		{"PATCH", items + "?teamId=team_aim", write("update", "w"), 200},
		{"PATCH", items, write("update", "w"), 429},
	} {
		r := h.want(c.status, c.method, h.urls.Vercel+c.path, c.body)
		path, query, _ := strings.Cut(c.path, "?")
		if err := checker.Check(c.method, path, query, []byte(c.body)); err != nil {
			t.Errorf("request: %v", err)
		}
		if c.status < 300 {
			if err := checker.Response(c.method, path, r.status, r.body); err != nil {
				t.Errorf("answer: %v", err)
			}
		}
	}
	h.want(200, "GET", h.urls.Vercel+"/v1/global-config/ecfg_shop/item/w", nil)
	h.clock.forward(2 * time.Second)
	h.is("what visitors see", h.visit("shop.test", "/api/flags").at(t, "w"), false)
}
