package sandbox

import (
	"crypto/sha1" // Only to make a plausible commit id.
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pull is a pull request of the world, or one that was opened to revert another.
type pull struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	// Commit is what it was merged as; empty: it is open.
	Commit string `json:"merge_commit"`
	// Base and Head are its branches; empty: main and pull-NUMBER.
	Base string `json:"base"`
	Head string `json:"head"`
	// Adds are the migration folders it added.
	Adds []string `json:"adds"`
	// Conflict: reverting it does not merge by itself.
	Conflict bool `json:"conflict"`
}

func (g *gitHub) pulls(mux *http.ServeMux, prefix, repo string) {
	mux.Handle("GET "+repo+"/commits/{sha}/pulls", g.guardedPulls(func(r *request) answer {
		return g.pullRows(r, func(p *pull) bool { return p.Commit == r.PathValue("sha") })
	}))
	mux.Handle("GET "+repo+"/pulls", g.guardedPulls(func(r *request) answer { return g.pullRows(r, func(*pull) bool { return true }) }))
	mux.Handle("GET "+repo+"/pulls/{number}", g.guardedPulls(g.getPull))
	mux.Handle("GET "+repo+"/pulls/{number}/files", g.guardedPulls(g.pullFiles))
	mux.Handle("GET "+repo+"/git/commits/{sha}", g.guardedPulls(func(r *request) answer {
		return asJSON(http.StatusOK, object{"sha": r.PathValue("sha"), "tree": object{"sha": r.PathValue("sha")}, "message": "", "parents": []object{}})
	}))
	mux.Handle("POST "+repo+"/git/trees", g.guardedPulls(g.makeTree))
	mux.Handle("POST "+repo+"/git/commits", g.guardedPulls(g.makeCommit))
	mux.Handle("PATCH "+repo+"/git/refs/heads/{branch...}", g.guardedPulls(g.moveBranch))
	path := "/graphql"
	if prefix != "" {
		path = "/api/graphql"
	}
	mux.Handle("POST "+path, g.guardedPulls(g.graphQL))
}

// guardedPulls locks the world, and refuses when the world says so.
func (g *gitHub) guardedPulls(do endpoint) endpoint {
	return func(r *request) answer {
		g.mu.Lock()
		defer g.mu.Unlock()
		if a, refused := g.refusedRead("pulls"); refused {
			return a
		}
		return do(r)
	}
}

// allPulls are newest first.
func (g *gitHub) allPulls() []*pull {
	var out []*pull
	for i := range g.world.Pulls {
		out = append(out, &g.world.Pulls[i])
	}
	slices.SortFunc(out, func(a, b *pull) int { return b.Number - a.Number })
	return out
}

func (g *gitHub) pullRows(r *request, pick func(*pull) bool) answer {
	rows := []object{}
	for _, p := range g.allPulls() {
		if pick(p) {
			rows = append(rows, g.pullRow(r, p))
		}
	}
	return asJSON(http.StatusOK, rows)
}

func (p *pull) branches() (base, head string) {
	base, head = p.Base, p.Head
	if base == "" {
		base = "main"
	}
	if head == "" {
		head = "pull-" + strconv.Itoa(p.Number)
	}
	return base, head
}

func (g *gitHub) pullRow(r *request, p *pull) object {
	base, head := p.branches()
	side := func(branch string) object {
		sha, _ := g.commit(branch)
		return object{"ref": branch, "sha": sha, "label": "aim:" + branch, "repo": g.repo(r)}
	}
	row := object{
		"id": 7000 + p.Number, "node_id": "PR_" + strconv.Itoa(p.Number), "number": p.Number, "title": p.Title, "body": p.Body, "state": "open", "draft": false,
		"html_url": g.base + "/" + r.PathValue("owner") + "/" + r.PathValue("repo") + "/pull/" + strconv.Itoa(p.Number), "user": gitHubActor(),
		"base": side(base), "head": side(head), "merged_at": nil, "merge_commit_sha": nil,
	}
	if p.Commit != "" {
		row["state"], row["merge_commit_sha"], row["merged_at"] = "closed", p.Commit, g.opts.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	}
	return row
}

func (g *gitHub) numbered(r *request) *pull {
	for _, p := range g.allPulls() {
		if strconv.Itoa(p.Number) == r.PathValue("number") {
			return p
		}
	}
	return nil
}

func (g *gitHub) getPull(r *request) answer {
	p := g.numbered(r)
	if p == nil {
		return g.refuse(refuseUnknown)
	}
	return asJSON(http.StatusOK, g.pullRow(r, p))
}

func (g *gitHub) pullFiles(r *request) answer {
	p := g.numbered(r)
	if p == nil {
		return g.refuse(refuseUnknown)
	}
	files := []object{g.file("modified", "app/api/checkout/route.ts", 12, 3, "")}
	for _, name := range p.Adds {
		files = append(files, g.file("added", migration(name), 2, 0, ""))
	}
	return asJSON(http.StatusOK, files)
}

// graphQL knows one mutation, revertPullRequest. What it refuses it answers with 200.
func (g *gitHub) graphQL(r *request) answer {
	var in struct {
		Query     string `json:"query"`
		Variables struct {
			Input struct {
				ID    string `json:"pullRequestId"`
				Title string `json:"title"`
				Body  string `json:"body"`
			} `json:"input"`
		} `json:"variables"`
	}
	if json.Unmarshal(r.body, &in) != nil || !strings.Contains(in.Query, "revertPullRequest") {
		return gitHubError(http.StatusBadRequest, "Problems parsing JSON")
	}
	refuse := func(kind, message string) answer {
		return asJSON(http.StatusOK, object{
			"data":   object{"revertPullRequest": nil},
			"errors": []object{{"type": kind, "path": []string{"revertPullRequest"}, "message": message, "locations": []object{{"line": 2, "column": 3}}}},
		})
	}
	all := g.allPulls()
	i := slices.IndexFunc(all, func(p *pull) bool { return "PR_"+strconv.Itoa(p.Number) == in.Variables.Input.ID })
	switch {
	case g.world.Limited["graphql"] > 0:
		g.world.Limited["graphql"]--
		return refuse("RATE_LIMITED", "API rate limit exceeded")
	case i < 0:
		return refuse("NOT_FOUND", "Could not resolve to a node with the global id of '"+in.Variables.Input.ID+"'")
	case all[i].Commit == "":
		return refuse("UNPROCESSABLE", "Pull request is not merged")
	case all[i].Conflict:
		return refuse("UNPROCESSABLE", "Sorry, this pull request couldn't be reverted automatically. It may have already been reverted, or the content may have changed since it was merged.")
	}
	of := *all[i]
	made := g.revertOf(of, in.Variables.Input.Title, in.Variables.Input.Body)
	base, head := made.branches()
	row := func(p pull, headRef string) object {
		return object{"number": p.Number, "url": g.base + "/pull/" + strconv.Itoa(p.Number), "headRefName": headRef, "baseRefName": base}
	}
	_, was := of.branches()
	return asJSON(http.StatusOK, object{"data": object{"revertPullRequest": object{"pullRequest": row(of, was), "revertPullRequest": row(made, head)}}}).changed()
}

// revertOf opens the pull request: its branch is the base without what was added.
func (g *gitHub) revertOf(of pull, title, body string) pull {
	base, _ := of.branches()
	made := pull{Number: g.allPulls()[0].Number + 1, Title: title, Body: body, Base: base}
	made.Head = fmt.Sprintf("revert-%d-%s", of.Number, base)
	baseSHA, _ := g.commit(base)
	sha := newCommit(made.Head)
	kept := slices.DeleteFunc(slices.Clone(g.world.Trees[baseSHA]), func(name string) bool { return slices.Contains(of.Adds, name) })
	g.keepTree(sha, kept)
	g.setHead(made.Head, sha)
	g.world.Pulls = append(g.world.Pulls, made)
	return made
}

func newCommit(of string) string {
	sum := sha1.Sum([]byte("commit " + of))
	return hex.EncodeToString(sum[:])
}

func (g *gitHub) keepTree(sha string, folders []string) {
	trees := maps.Clone(g.world.Trees)
	if trees == nil {
		trees = map[string][]string{}
	}
	slices.Sort(folders)
	trees[sha] = folders
	g.world.Trees = trees
}

func (g *gitHub) setHead(branch, sha string) {
	if g.heads == nil {
		g.heads = map[string]string{}
	}
	g.heads[branch] = sha
}

// makeTree is POST .../git/trees: a tree with folders put into prisma/migrations.
func (g *gitHub) makeTree(r *request) answer {
	var in struct {
		Base string `json:"base_tree"`
		Tree []struct{ Path, Mode, Type, SHA string }
	}
	if json.Unmarshal(r.body, &in) != nil {
		return gitHubError(http.StatusBadRequest, "Problems parsing JSON")
	}
	folders := slices.Clone(g.world.Trees[in.Base])
	for _, e := range in.Tree {
		name, ok := strings.CutPrefix(e.Path, "prisma/migrations/")
		if !ok || e.Type != "tree" || e.Mode != "040000" || e.SHA != "f-"+name {
			return gitHubError(http.StatusUnprocessableEntity, "tree.sha "+e.SHA+" is not a valid tree")
		}
		folders = append(folders, name)
	}
	sha := newCommit(in.Base + strings.Join(folders, "+"))
	g.keepTree(sha, folders)
	return asJSON(http.StatusCreated, object{"sha": sha, "tree": []object{}, "truncated": false}).changed()
}

func (g *gitHub) makeCommit(r *request) answer {
	var in struct {
		Message, Tree string
		Parents       []string
	}
	if json.Unmarshal(r.body, &in) != nil || len(in.Parents) != 1 {
		return gitHubError(http.StatusUnprocessableEntity, "Invalid request.")
	}
	sha := newCommit(in.Tree + in.Parents[0])
	g.keepTree(sha, slices.Clone(g.world.Trees[in.Tree]))
	return asJSON(http.StatusCreated, object{"sha": sha, "message": in.Message, "tree": object{"sha": in.Tree}, "parents": []object{{"sha": in.Parents[0]}}}).changed()
}

func (g *gitHub) moveBranch(r *request) answer {
	var in struct{ SHA string }
	branch := r.PathValue("branch")
	if json.Unmarshal(r.body, &in) != nil || g.heads[branch] == "" {
		return gitHubError(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	g.setHead(branch, in.SHA)
	return asJSON(http.StatusOK, object{"ref": "refs/heads/" + branch, "object": object{"type": "commit", "sha": in.SHA}}).changed()
}
