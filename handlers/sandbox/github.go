package sandbox

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gitHub is the stand-in for GitHub Actions, under / and under /api/v3/ as a
// client made for GitHub Enterprise asks.
type gitHub struct {
	opts Options
	base string
	dice *dice
	// push tells Vercel of a build that a workflow ends with.
	push func(at time.Time, commit, message string)

	mu        sync.Mutex
	workflows map[string]workflow // by file name; others follow the defaults
	refs      map[string]string   // branch or tag -> commit; empty: any ref exists
	heads     map[string]string   // branches that were made here, before refs
	runs      []*run              // oldest first
	world     gitHubWorld
}

// workflow is what a dispatch of a file leads to; the body of POST
// /_sandbox/setup has a list of them.
type workflow struct {
	File string `json:"file"`
	// Conclusion of its next runs; empty is success.
	Conclusion string `json:"conclusion"`
	// TakesMS is from dispatch to completed; 0 is Options.JobDelay.
	TakesMS int64 `json:"takes_ms"`
	// Deploys: a successful run ends with a push to Vercel of its commit.
	Deploys bool `json:"deploys"`
	// PlainTitle: the file has no run-name, so display_title lacks the op_id.
	PlainTitle bool `json:"plain_title"`
}

type gitHubSetup struct {
	Workflows []workflow        `json:"workflows"` // replace those of the same file
	Refs      map[string]string `json:"refs"`
}

func newGitHub(o Options, base string, push func(time.Time, string, string)) *gitHub {
	return &gitHub{
		opts: o, base: base, dice: newDice(o.Seed, "github"), push: push,
		workflows: map[string]workflow{"stage.yml": {File: "stage.yml", Deploys: true}},
	}
}

func (g *gitHub) name() string { return "github" }

func (g *gitHub) redact(body []byte) string { return string(body) }

func (g *gitHub) routes() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/api/v3"} {
		repo := prefix + "/repos/{owner}/{repo}"
		mux.Handle("GET "+prefix+"/user", endpoint(func(*request) answer { return asJSON(http.StatusOK, gitHubActor()) }))
		mux.Handle("GET "+repo, endpoint(g.getRepo))
		mux.Handle("GET "+repo+"/actions/workflows/{file}", endpoint(g.getWorkflow))
		mux.Handle("POST "+repo+"/actions/workflows/{file}/dispatches", endpoint(g.dispatch))
		mux.Handle("GET "+repo+"/actions/workflows/{file}/runs", endpoint(g.listRuns))
		mux.Handle("GET "+repo+"/actions/runs", endpoint(g.listRuns))
		mux.Handle("GET "+repo+"/actions/runs/{run}", endpoint(g.getRun))
		g.reads(mux, repo)
		g.pulls(mux, prefix, repo)
	}
	return mux
}

func (g *gitHub) admit(r *request) (answer, bool) {
	switch token := bearer(r.Request); {
	case token == "":
		return gitHubError(http.StatusUnauthorized, "Requires authentication"), false
	case g.opts.Token != "" && token != g.opts.Token:
		return g.refuse(refuseRevoked), false
	}
	return answer{}, true
}

func gitHubError(status int, message string) answer {
	return gitHubErrorAt(status, message, "https://docs.github.com/rest")
}

func gitHubErrorAt(status int, message, page string) answer {
	return asJSON(status, object{"message": message, "documentation_url": page, "status": strconv.Itoa(status)})
}

func (g *gitHub) refuse(why refusal) answer {
	switch why {
	case refuseLimited: // The page's name is how go-github tells a secondary limit.
		return gitHubErrorAt(http.StatusTooManyRequests,
			"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
			"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits")
	case refuseRevoked:
		return gitHubError(http.StatusUnauthorized, "Bad credentials")
	case refuseUnknown:
		return gitHubError(http.StatusNotFound, "Not Found")
	case refuseTooBig:
		return gitHubError(http.StatusRequestEntityTooLarge, "Payload too big")
	case refuseBroken:
	}
	return gitHubError(http.StatusInternalServerError, "Server Error")
}

func gitHubActor() object { return object{"login": "sandbox", "id": 1, "type": "User"} }

func (g *gitHub) getRepo(r *request) answer { return asJSON(http.StatusOK, g.repo(r)) }

func (g *gitHub) repo(r *request) object {
	owner, name := r.PathValue("owner"), r.PathValue("repo")
	return object{
		"id": 1, "name": name, "full_name": owner + "/" + name, "private": true, "default_branch": "main",
		"owner":       object{"login": owner, "id": 2, "type": "Organization"},
		"permissions": object{"pull": true, "push": true, "admin": false},
		"html_url":    g.base + "/" + owner + "/" + name, "url": g.base + "/repos/" + owner + "/" + name,
	}
}

func (g *gitHub) getWorkflow(r *request) answer {
	file := r.PathValue("file")
	if !isWorkflow(file) {
		return g.refuse(refuseUnknown)
	}
	return asJSON(http.StatusOK, object{"id": workflowID(file), "name": title(file), "path": ".github/workflows/" + file, "state": "active"})
}

// isWorkflow: any file name a workflow could have exists.
func isWorkflow(file string) bool {
	return strings.HasSuffix(file, ".yml") || strings.HasSuffix(file, ".yaml")
}

func title(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(file, ".yaml"), ".yml")
}

// workflowID is stable for a file name.
func workflowID(file string) int64 {
	var id int64 = 1000
	for _, c := range file {
		id = (id*31 + int64(c)) % 1_000_000_007
	}
	return id
}

func (g *gitHub) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/world", g.setWorld)
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in gitHubSetup) (any, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			for _, wf := range in.Workflows {
				g.workflows[wf.File] = wf
			}
			g.refs = in.Refs
			return in, nil
		})
	})
}

func (g *gitHub) state() any {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.opts.Now()
	runs := []object{}
	for _, r := range g.runs {
		status, conclusion := r.status(now)
		runs = append(runs, object{
			"id": r.ID, "file": r.File, "ref": r.Ref, "sha": r.SHA, "inputs": r.Inputs, "title": r.Title,
			"status": status, "conclusion": conclusion,
		})
	}
	return object{"runs": runs}
}

// takes is how long a run of this workflow lasts.
func (w workflow) takes(standard time.Duration) time.Duration {
	return cmp.Or(time.Duration(w.TakesMS)*time.Millisecond, standard)
}
