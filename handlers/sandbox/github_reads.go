package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// gitHubWorld is what a repository has besides runs of workflows that Backout
// dispatched; POST /_sandbox/world replaces it. Rows are in GitHub's shape, newest
// first, and every repository has the same.
type gitHubWorld struct {
	Deployments []object `json:"deployments"`
	// Statuses are by the id of their deployment.
	Statuses map[string][]object `json:"statuses"`
	// Runs stand before those that were dispatched.
	Runs []object `json:"runs"`
	// Secrets are alerts of secret scanning.
	Secrets []object `json:"secrets"`
	// Trees are the migrations (folders of prisma/migrations) of each commit; null is a
	// commit without prisma.
	Trees map[string][]string `json:"trees"`
	// Scripts are the migration.sql of migrations, by name, the same in every commit.
	Scripts map[string]string `json:"scripts"`
	// Pulls are pull requests; a revert adds one.
	Pulls []pull `json:"pulls"`
	// Refuse answers a kind of read (deployments, runs, secrets, trees, contents, compare, commits, pulls) with this
	// status, as for a token without the permission.
	Refuse map[string]int `json:"refuse"`
	// Limited answers the next so many of a kind with 403 and Retry-After, GitHub's other
	// form of a secondary rate limit.
	Limited map[string]int `json:"limited"`
}

// reads are the lists a poll looks at.
func (g *gitHub) reads(mux *http.ServeMux, repo string) {
	mux.Handle("GET "+repo+"/deployments", endpoint(func(*request) answer {
		return g.rows("deployments", func(w *gitHubWorld) []object { return w.Deployments })
	}))
	mux.Handle("GET "+repo+"/deployments/{deployment}/statuses", endpoint(func(r *request) answer {
		return g.rows("deployments", func(w *gitHubWorld) []object { return w.Statuses[r.PathValue("deployment")] })
	}))
	mux.Handle("GET "+repo+"/git/trees/{sha}", endpoint(g.getTree))
	mux.Handle("GET "+repo+"/contents/{path...}", endpoint(g.getContents))
	mux.Handle("GET "+repo+"/commits/{ref...}", endpoint(g.getCommit))
	mux.Handle("GET "+repo+"/compare/{basehead}", endpoint(g.compare))
	mux.Handle("GET "+repo+"/secret-scanning/alerts", endpoint(func(r *request) answer {
		return g.rows("secrets", func(w *gitHubWorld) []object {
			state := r.URL.Query().Get("state")
			return slices.DeleteFunc(slices.Clone(w.Secrets), func(row object) bool { return state != "" && row["state"] != state })
		})
	}))
}

// rows answers a bare list, or the refusal that was asked for.
func (g *gitHub) rows(kind string, pick func(*gitHubWorld) []object) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a, refused := g.refusedRead(kind); refused {
		return a
	}
	rows := pick(&g.world)
	if rows == nil {
		rows = []object{}
	}
	return asJSON(http.StatusOK, rows)
}

func (g *gitHub) refusedRead(kind string) (answer, bool) {
	if g.world.Limited[kind] > 0 {
		g.world.Limited[kind]--
		return gitHubErrorAt(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
			"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits").with("Retry-After", "2"), true
	}
	status, refused := g.world.Refuse[kind]
	if !refused {
		return answer{}, false
	}
	return gitHubError(status, "Resource not accessible by personal access token"), true
}

// worldRuns are the rows of the world that the query asks for.
func (g *gitHub) worldRuns(r *request) []object {
	q := r.URL.Query()
	var out []object
	for _, row := range g.world.Runs {
		is := func(key, member string) bool { return q.Get(key) == "" || row[member] == q.Get(key) }
		created, _ := row["created_at"].(string)
		at, err := time.Parse(time.RFC3339, created)
		file := r.PathValue("file")
		if is("branch", "head_branch") && is("event", "event") && (is("status", "status") || is("status", "conclusion")) &&
			(err != nil || inRange(at, q.Get("created"))) && (file == "" || row["path"] == ".github/workflows/"+file) {
			one := maps.Clone(row)
			one["repository"] = g.repo(r)
			out = append(out, one)
		}
	}
	return out
}

func (g *gitHub) setWorld(w http.ResponseWriter, r *http.Request) {
	ask(w, r, func(in gitHubWorld) (any, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.world = in
		return map[string]string{"runs": strconv.Itoa(len(in.Runs)), "secrets": strconv.Itoa(len(in.Secrets))}, nil
	})
}
