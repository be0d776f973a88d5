package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// getContents is GET .../contents/{path}?ref= of a migration's script, raw as it is
// asked for: of a commit of the world that has the folder, and a script that is known.
func (g *gitHub) getContents(r *request) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a, refused := g.refusedRead("contents"); refused {
		return a
	}
	name, isScript := strings.CutSuffix(strings.TrimPrefix(r.PathValue("path"), "prisma/migrations/"), "/migration.sql")
	body, known := g.world.Scripts[name]
	if !isScript || !known || !slices.Contains(g.world.Trees[r.URL.Query().Get("ref")], name) {
		return gitHubError(http.StatusNotFound, "Not Found")
	}
	if !strings.Contains(r.Header.Get("Accept"), "raw") {
		return gitHubError(http.StatusUnsupportedMediaType, "the sandbox gives contents as application/vnd.github.raw+json only")
	}
	return asText(http.StatusOK, body)
}
