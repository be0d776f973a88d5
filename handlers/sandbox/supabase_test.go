package sandbox_test

import (
	"testing"

	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

// TestSupabase_fitsTheSpec holds what is asked and answered against Supabase's document.
func TestSupabase_fitsTheSpec(t *testing.T) {
	t.Parallel()
	checker := spectest.Supabase(t)
	h := start(t)
	const project = "/v1/projects/abcdefghijklmnopqrst"
	h.want(200, "POST", h.urls.Supabase+"/_sandbox/setup", obj{"pitr": true, "earliest": 1_795_000_000, "latest": 1_795_600_000})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", project + "/database/backups", "", 200},
		{"GET", project, "", 200},
		{"POST", project + "/database/backups/restore-pitr", `{"recovery_time_target_unix":1795400000}`, 201},
		{"GET", project, "", 200},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		r := h.want(c.status, c.method, h.urls.Supabase+c.path, body)
		if err := checker.Check(c.method, c.path, "", []byte(c.body)); err != nil {
			t.Errorf("request: %v", err)
		}
		if err := checker.Response(c.method, c.path, r.status, r.body); err != nil {
			t.Errorf("answer: %v", err)
		}
	}
}
