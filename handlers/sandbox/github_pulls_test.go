package sandbox_test

import (
	"strings"
	"testing"
)

// TestGitHub_pulls: the members that GitHub documents of pull requests and Git objects,
// and GraphQL, which answers 200 for what it refuses.
func TestGitHub_pulls(t *testing.T) {
	t.Parallel()
	h := start(t)
	main := strings.Repeat("b", 40)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/world", obj{"trees": obj{main: []string{"1_init", "2_pay"}}, "pulls": []obj{
		{"number": 41, "title": "Pay", "merge_commit": main, "adds": []string{"2_pay"}}, {"number": 40, "title": "Open"}, {"number": 39, "merge_commit": "x", "conflict": true},
	}})
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/setup", obj{"refs": obj{"main": main}})
	repo := h.urls.GitHub + "/api/v3/repos/aim/shop"
	one := h.want(200, "GET", repo+"/pulls/41", nil)
	for _, member := range []string{"id", "node_id", "number", "title", "state", "html_url", "user", "base", "head", "merged_at", "merge_commit_sha"} {
		if one.at(t, member) == nil {
			t.Errorf("no %s", member)
		}
	}
	h.want(404, "GET", repo+"/pulls/1", nil)
	revert := func(id string) reply {
		return h.want(200, "POST", h.urls.GitHub+"/api/graphql", obj{"query": "mutation { revertPullRequest }", "variables": obj{"input": obj{"pullRequestId": id, "title": "Revert", "body": "b"}}})
	}
	for id, kind := range map[string]string{"PR_40": "UNPROCESSABLE", "PR_39": "UNPROCESSABLE", "PR_7": "NOT_FOUND"} {
		h.is(id, revert(id).at(t, "errors").([]any)[0].(obj)["type"], kind)
	}
	made := revert("PR_41")
	h.is("the original", made.at(t, "data", "revertPullRequest", "pullRequest", "number"), 41)
	h.is("the new one", made.at(t, "data", "revertPullRequest", "revertPullRequest", "number"), 42)
	h.is("its branch", made.at(t, "data", "revertPullRequest", "revertPullRequest", "headRefName"), "revert-41-main")
	h.want(422, "PATCH", repo+"/git/refs/heads/gone", obj{"sha": main})
	h.want(422, "POST", repo+"/git/trees", obj{"base_tree": main, "tree": []obj{{"path": "prisma/migrations/9_x", "mode": "040000", "type": "tree", "sha": "nope"}}})
}
