package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// getTree is GET .../git/trees/{sha} of a commit of the world, or of a folder in it:
// prisma, and migrations in that. Folders with the same migrations have the same sha,
// as Git's have.
func (g *gitHub) getTree(r *request) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a, refused := g.refusedRead("trees"); refused {
		return a
	}
	sha := r.PathValue("sha")
	folder := func(path, id string) object { return object{"path": path, "mode": "040000", "type": "tree", "sha": id} }
	entries := []object{}
	if names, ok := g.world.Trees[sha]; ok {
		entries = append(entries, object{"path": "README.md", "mode": "100644", "type": "blob", "sha": "b1"})
		if names != nil {
			entries = append(entries, folder("prisma", "p-"+strings.Join(names, "+")))
		}
	} else if list, ok := strings.CutPrefix(sha, "p-"); ok {
		entries = append(entries, folder("migrations", "m-"+list))
	} else if list, ok := strings.CutPrefix(sha, "m-"); ok {
		for _, name := range slices.DeleteFunc(strings.Split(list, "+"), func(s string) bool { return s == "" }) {
			entries = append(entries, folder(name, "f-"+name))
		}
	} else if g.world.Trees == nil && isCommit.MatchString(sha) { // a world without prisma
		entries = append(entries, object{"path": "README.md", "mode": "100644", "type": "blob", "sha": "b1"})
	} else {
		return gitHubError(http.StatusNotFound, "Not Found")
	}
	return asJSON(http.StatusOK, object{"sha": sha, "url": "", "tree": entries, "truncated": false})
}

// getCommit is GET .../commits/{ref}: the commit of a branch or a tag, as text when
// asked for it that way.
func (g *gitHub) getCommit(r *request) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a, refused := g.refusedRead("commits"); refused {
		return a
	}
	ref := r.PathValue("ref")
	sha, known := g.commit(ref)
	if _, named := g.world.Trees[ref]; named {
		sha, known = ref, true
	}
	if !known {
		return gitHubError(http.StatusUnprocessableEntity, "No commit found for SHA: "+ref)
	}
	if strings.Contains(r.Header.Get("Accept"), ".sha") {
		return asText(http.StatusOK, sha)
	}
	return asJSON(http.StatusOK, object{"sha": sha, "commit": object{"message": "", "tree": object{"sha": sha}}, "parents": []object{}})
}
