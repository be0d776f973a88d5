package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A card from the running Backout has the target of this moment; without one the
// target is left to be written in, and all else is there.
func TestPlanCard(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "backout.yaml")
	const file = `version: 1
instance: {public_url: https://ops.example.com/}
providers: {vercel: {token: env:NOT_NEEDED, team: team_aim}}
people: [{id: ann, name: Ann, email: ann@example.com, slack: U01, roles: [on-call]}]
projects: [{id: shop, vercel_project: prj_shop, environments: {production: {kind: production, domains: [shop.test]}}}]
`
	if err := os.WriteFile(config, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"project":"shop","serving":"dpl_bad","answer":"safe","target":{"id":"dpl_good2"},"reasons":["dpl_good2 served production for 48h0m0s"]}`))
	}))
	t.Cleanup(server.Close)
	card := func(wantCode int, args ...string) string {
		t.Helper()
		var out, said strings.Builder
		if code := run(t.Context(), append([]string{"plan", "card", "--config", config}, args...), stdio{strings.NewReader(""), &out, &said}); code != wantCode {
			t.Fatalf("%v: exit %d: %s", args, code, said.String())
		}
		return out.String() + said.String()
	}
	live := card(0, "shop", "--server", server.URL)
	for _, want := range []string{
		"vercel rollback dpl_good2 --scope team_aim", "vercel rollback status prj_shop --scope team_aim", "vercel promote dpl___", "Served then: dpl_bad. Going back was SAFE",
		"https://ops.example.com/status", "Ann", "ann@example.com  U01", "on-call", "backout hold set shop",
	} {
		if !strings.Contains(live, want) {
			t.Errorf("want %q in\n%s", want, live)
		}
	}
	if lines := strings.Count(live, "\n"); lines > 50 {
		t.Errorf("%d lines are more than a page", lines)
	}
	if down := card(0, "shop", "--server", "http://127.0.0.1:1"); !strings.Contains(down, "vercel rollback dpl____") || !strings.Contains(down, "the target is left open") {
		t.Errorf("without a Backout:\n%s", down)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(card(0, "shop", "--server", server.URL, "-o", "json")), &v); err != nil || v["serving"] != "dpl_bad" {
		t.Errorf("as JSON: %v %v", v, err)
	}
	if said := card(exitUsage, "other", "--server", server.URL); !strings.Contains(said, `no project "other"`) {
		t.Errorf("another project: %s", said)
	}
}
