package sandbox_test

import (
	"testing"
)

func TestGitHub_trees(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/world", obj{"trees": obj{"c1": []string{"1_init", "2_pay"}, "c2": nil, "c3": []string{}}})
	walk := func(sha string, parts ...string) (found []string) {
		for i := 0; ; i++ {
			tree := h.want(200, "GET", h.urls.GitHub+"/repos/aim/shop/git/trees/"+sha, nil).at(t, "tree").([]any)
			sha = ""
			for _, e := range tree {
				row := e.(obj)
				if i == len(parts) {
					found = append(found, row["path"].(string))
				} else if row["path"] == parts[i] {
					sha = row["sha"].(string)
				}
			}
			if sha == "" {
				return found
			}
		}
	}
	h.is("c1", walk("c1", "prisma", "migrations"), []string{"1_init", "2_pay"})
	h.is("c2", walk("c2", "prisma", "migrations"), []string{})
	h.is("c3", walk("c3", "prisma", "migrations"), []string{})
	h.want(404, "GET", h.urls.GitHub+"/repos/aim/shop/git/trees/c4", nil)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/world", obj{"refuse": obj{"trees": 403}})
	h.want(403, "GET", h.urls.GitHub+"/repos/aim/shop/git/trees/c1", nil)
}
