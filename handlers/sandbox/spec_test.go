package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

// TestVercel_answersFitTheSpec holds each answer against Vercel's own document.
func TestVercel_answersFitTheSpec(t *testing.T) {
	t.Parallel()
	checker := spectest.Vercel(t)
	h := start(t)
	h.pushBad()
	tests := []struct {
		method, path string
		status       int
	}{
		{"GET", "/v9/projects/prj_shop", 200},
		{"GET", "/v6/deployments?projectId=prj_shop&target=production&state=READY&rollbackCandidate=true&limit=1", 200},
		{"POST", "/v1/projects/prj_shop/rollback/dpl_good2?description=why&teamId=team_aim", 201},
		{"GET", "/v9/projects/prj_shop?teamId=team_aim", 200},
		{"POST", "/v1/projects/prj_shop/rollback/dpl_good1", 409},
		{"GET", "/v13/deployments/dpl_good2", 200},
		{"GET", "/v13/deployments/shop-bad.vercel.test", 200},
		{"GET", "/v13/deployments/dpl_nope", 404},
		{"GET", "/v2/deployments/dpl_bad/aliases", 200},
		{"GET", "/v4/aliases?projectId=prj_shop", 200},
		{"GET", "/v1/projects/prj_shop/promote/aliases?limit=20", 200},
		{"GET", "/v1/projects/prj_shop/rolling-release", 200},
		{"POST", "/v10/projects/prj_shop/promote/dpl_bad", 201},
		{"GET", "/v1/projects/prj_shop/promote/aliases?limit=20", 200},
		{"GET", "/v9/projects/prj_shop", 200},
	}
	for _, tt := range tests {
		r := h.vercel(tt.status, tt.method, tt.path)
		path, query, _ := strings.Cut(tt.path, "?")
		if err := checker.Check(tt.method, path, query, nil); err != nil {
			t.Errorf("request: %v", err)
		}
		if err := checker.Response(tt.method, path, r.status, r.body); err != nil {
			t.Errorf("answer: %v", err)
		}
		h.clock.forward(400 * time.Millisecond)
	}
}
