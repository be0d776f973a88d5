package sandbox_test

import (
	"testing"
)

// TestGitHub_compare: what GitHub documents of GET /repos/{owner}/{repo}/compare/{basehead}.
func TestGitHub_compare(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/world", obj{"trees": obj{"c1": []string{"1_init", "2_pay"}, "c2": []string{"1_init"}}, "limited": obj{"compare": 1}})
	const path = "/api/v3/repos/aim/shop/compare/"
	limited := h.want(403, "GET", h.urls.GitHub+path+"c1...c2", nil)
	h.is("a secondary limit", limited.at(t, "message"), "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	got := h.want(200, "GET", h.urls.GitHub+path+"c1...c2", nil)
	for _, member := range []string{"url", "html_url", "permalink_url", "diff_url", "patch_url", "base_commit", "merge_base_commit", "status", "ahead_by", "behind_by", "total_commits"} {
		if got.at(t, member) == nil {
			t.Errorf("no %s", member)
		}
	}
	h.is("commit", got.at(t, "commits").([]any)[0].(obj)["sha"], "c2")
	file := got.at(t, "files").([]any)[1].(obj)
	h.is("file", file["filename"], "prisma/migrations/2_pay/migration.sql")
	h.is("status", file["status"], "removed")
	h.want(404, "GET", h.urls.GitHub+path+"c1", nil)
}
