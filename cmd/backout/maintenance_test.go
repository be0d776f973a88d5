package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestMaintenance_inAnEmergency: data is wrong and nothing smaller helps, so people put
// the maintenance page up. Everybody gets 503, payment providers among them, which makes
// them send again; what proves the deployment still answers. Once people say that the
// data is right, the plan asks to take the page down.
func TestMaintenance_inAnEmergency(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Maintenance: true})
	s.order(s.urls.Vercel+"/_sandbox/setup", map[string]any{"configs": map[string]any{"ecfg_shop": map[string]any{"site": true}}})
	s.waitServing("dpl_good2")
	s.cli("emergency", "shop", "payouts 100x too small", "--component", "checkout", "--server", s.at("admin"), "--token", s.token)
	s.waitIncident("INC-1", "asking how to stop the writes", func(inc *console.Incident) bool { return stepOf(inc, "contain").State == "awaiting" })
	s.mustSay("choose INC-1 contain maintenance")
	inc := s.waitIncident("INC-1", "asking for the page", func(inc *console.Incident) bool { return stepOf(inc, "contain_maintenance").Preview != nil })
	s.wantTold(stepOf(&inc, "contain_maintenance").Preview.Text, "Switch off site (key site of ecfg_shop, now on)")
	s.mustApprove("INC-1", "contain_maintenance")
	inc = s.waitIncident("INC-1", "behind the page", func(inc *console.Incident) bool { return len(inc.SwitchedOff) == 1 })
	s.wantTold(told(&inc), "site is off (key site of ecfg_shop), and https://shop.test/ shows it")
	for path, want := range map[string]int{"/": http.StatusServiceUnavailable, "/api/health": http.StatusServiceUnavailable, "/api/version": http.StatusOK} {
		if got := s.visit(path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	s.waitIncident("INC-1", "asking how it is put right", func(inc *console.Incident) bool { return stepOf(inc, "ways").State == "awaiting" })
	s.mustSay("choose INC-1 ways leave")
	s.waitIncident("INC-1", "asking to take the page down", func(inc *console.Incident) bool {
		st := stepOf(inc, "switch_on")
		return st.Preview != nil && strings.HasPrefix(st.Preview.Text, "Switch on site (key site of ecfg_shop, now off)")
	})
	s.mustApprove("INC-1", "switch_on")
	s.waitIncident("INC-1", "open again", func(inc *console.Incident) bool { return len(inc.SwitchedOff) == 0 })
	if got := s.visit("/"); got != http.StatusOK {
		t.Errorf("the site answers %d after the page was taken down", got)
	}
	s.backout.stop(t)
}

// visit asks the shop for a page and gives the status of its answer.
func (s *shop) visit(path string) int {
	s.t.Helper()
	req := must(http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.urls.Shop+path+"?host=shop.test", http.NoBody))(s.t)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
