package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// compare is GET .../compare/{base}...{head}: one commit lies between, which changed
// the checkout, and the migrations that only one of the two has.
func (g *gitHub) compare(r *request) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a, refused := g.refusedRead("compare"); refused {
		return a
	}
	base, head, ok := strings.Cut(r.PathValue("basehead"), "...")
	if !ok || base == "" || head == "" {
		return g.refuse(refuseUnknown)
	}
	files := []object{g.file("modified", "app/api/checkout/route.ts", 12, 3, "@@ -40,3 +40,12 @@\n-  return pay(order)\n+  return pay(order, receipt.url)")}
	was, is := g.world.Trees[base], g.world.Trees[head]
	for _, name := range is {
		if !slices.Contains(was, name) {
			files = append(files, g.file("added", migration(name), 2, 0, "@@ -0,0 +1,2 @@\n+-- "+name))
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			files = append(files, g.file("removed", migration(name), 0, 2, "@@ -1,2 +0,0 @@\n--- "+name))
		}
	}
	commit := func(sha, message string) object {
		return object{
			"sha": sha, "node_id": "C_" + sha, "html_url": g.base + "/commit/" + sha, "author": gitHubActor(), "committer": gitHubActor(), "parents": []object{},
			"commit": object{"message": message, "author": object{"name": "Bora", "email": "bora@example.com", "date": g.opts.Now().UTC().Format(time.RFC3339)}},
		}
	}
	url := g.base + "/" + r.PathValue("owner") + "/" + r.PathValue("repo") + "/compare/" + base + "..." + head
	return asJSON(http.StatusOK, object{
		"url": url, "html_url": url, "permalink_url": url, "diff_url": url + ".diff", "patch_url": url + ".patch",
		"base_commit": commit(base, "Release before"), "merge_base_commit": commit(base, "Release before"),
		"status": "ahead", "ahead_by": 1, "behind_by": 0, "total_commits": 1,
		"commits": []object{commit(head, "Show the receipt (#41)")}, "files": files,
	})
}

func migration(name string) string { return "prisma/migrations/" + name + "/migration.sql" }

func (g *gitHub) file(status, name string, added, deleted int, patch string) object {
	return object{
		"sha": "b-" + name, "filename": name, "status": status, "additions": added, "deletions": deleted, "changes": added + deleted,
		"blob_url": g.base + "/blob/" + name, "raw_url": g.base + "/raw/" + name, "contents_url": g.base + "/contents/" + name, "patch": patch,
	}
}
