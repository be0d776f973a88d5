package gateway

import (
	"context"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestATokenOfOneProjectSpeaksForThatProjectAlone: what it says of another is
// refused, and its ids are its own.
func TestATokenOfOneProjectSpeaksForThatProjectAlone(t *testing.T) {
	t.Parallel()
	shop := orchestrator.Token{Scope: "publish", Project: "shop"}
	open := func(project string) *desk {
		return newDesk(t, func(o *Options) {
			o.Sources = []Source{{Name: "events", Auth: AuthHMAC, Secrets: []string{"s1"}, Project: project}, {Name: "grafana", Auth: AuthBearer, Secrets: []string{"g"}}}
			o.Tokens = func(_ context.Context, hash string) (orchestrator.Token, bool) {
				return shop, hash == TokenHash("bko_shop")
			}
		})
	}
	d := open("")
	own, other := cloudEvent(nil, nil), cloudEvent(nil, map[string]any{"project": "blog"})
	for _, c := range []struct {
		name, path, body, token string
		status                  int
		reason                  string
	}{
		{"its own project", "/hooks/events", own, "bko_shop", 200, ""},
		{"another project", "/hooks/events", other, "bko_shop", 200, "may only speak for shop"},
		{"both, in a batch", "/hooks/events", "[" + other + "]", "bko_shop", 200, "may only speak for shop"},
		{"another token", "/hooks/events", own, "bko_other", 401, ""},
		{"another source", "/hooks/grafana", grafanaSample, "bko_shop", 401, ""},
	} {
		status, answer, _ := d.post(t, c.path, c.body, "Authorization", "Bearer "+c.token)
		rs := d.wants(t, status, answer, c.status, "")
		switch {
		case c.status != 200:
			if len(rs) != 0 {
				t.Errorf("%s: %+v", c.name, rs)
			}
		case len(rs) != 1:
			t.Errorf("%s: %d records", c.name, len(rs))
		case c.reason == "":
			if ev := rs[0].Event; ev == nil || ev.Project != "shop" || ev.Origin != "http/events/shop" || ev.Unsigned {
				t.Errorf("%s: %+v", c.name, rs[0])
			}
		case rs[0].Bad == nil || !strings.Contains(rs[0].Bad.Reason, c.reason):
			t.Errorf("%s: %+v", c.name, rs[0])
		}
	}
	d = open("blog")
	status, answer, _ := d.post(t, "/hooks/events", own, "Authorization", "Bearer bko_shop")
	if rs := d.wants(t, status, answer, 401, ""); len(rs) != 0 {
		t.Errorf("a token of another project than the source's is let in: %+v", rs)
	}
}
