package github_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestEvidence_whatLiesBetweenTwoCommits also meets GitHub's 403 with Retry-After, its
// other form of a rate limit.
func TestEvidence_whatLiesBetweenTwoCommits(t *testing.T) {
	t.Parallel()
	var kept string
	h := start(t, func(o *github.Options) {
		o.Keep = func(_ context.Context, data []byte) (string, int, error) {
			kept = string(data)
			return "h1", len(data), nil
		}
	})
	h.action = h.client.Actions()["github.evidence"]
	h.send("POST", "world", map[string]any{"trees": map[string]any{"c1": []string{"1_init"}, "c2": []string{"1_init", "2_toss"}}})
	h.call.Inputs = json.RawMessage(`{"repo":"aim/shop","base":"c1","head":"c2"}`)
	got, err := h.action.Do(t.Context(), h.call)
	var out orchestrator.EvidenceOutput
	if err != nil || json.Unmarshal(got.Data, &out) != nil || len(out.Evidence) != 1 || out.Evidence[0].Name != "compare.json" {
		t.Fatalf("%+v %v", got, err)
	}
	for _, part := range []string{`"name": "prisma/migrations/2_toss/migration.sql"`, `"status": "added"`, `"message": "Show the receipt (#41)"`, `receipt.url`} {
		if !strings.Contains(kept, part) {
			t.Errorf("%s is not in %s", part, kept)
		}
	}
	h.send("POST", "world", map[string]any{"refuse": map[string]int{"compare": 404}})
	if _, err := h.action.Do(t.Context(), h.call); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "compare c1 with c2 of aim/shop: ") {
		t.Errorf("commits that are not there: %v", err)
	}
	h.send("POST", "world", map[string]any{"limited": map[string]int{"compare": 1}})
	if _, err := h.action.Do(t.Context(), h.call); orchestrator.RetryDelay(err) < time.Second {
		t.Fatalf("a secondary limit is waited out: %v", err)
	}
}
