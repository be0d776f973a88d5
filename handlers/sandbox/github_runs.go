package sandbox

import (
	"cmp"
	"crypto/sha1" // Only to make a plausible commit id from a ref.
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// run is a workflow run; its status is a function of the clock.
type run struct {
	ID, Number                              int64
	Repo, File, Ref, SHA, Title, Conclusion string
	Inputs                                  map[string]any
	Created, ShownAt, StartsAt, EndsAt      time.Time
}

func (r *run) status(now time.Time) (status string, conclusion any) {
	switch {
	case now.Before(r.StartsAt):
		return "queued", nil
	case now.Before(r.EndsAt):
		return "in_progress", nil
	default:
		return "completed", r.Conclusion
	}
}

const (
	maxInputs  = 25
	firstRunID = 9_000_000_000
)

// dispatch is POST .../workflows/{file}/dispatches: 204, or 200 with the run when
// return_run_details is asked for. It is not idempotent (reference 6).
func (g *gitHub) dispatch(r *request) answer {
	var in struct {
		Ref     string         `json:"ref"`
		Inputs  map[string]any `json:"inputs"`
		Details bool           `json:"return_run_details"`
	}
	if err := json.Unmarshal(r.body, &in); err != nil {
		return gitHubError(http.StatusBadRequest, "Problems parsing JSON")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	sha, known := g.commit(in.Ref)
	switch {
	case !isWorkflow(r.PathValue("file")):
		return g.refuse(refuseUnknown)
	case in.Ref == "":
		return gitHubError(http.StatusUnprocessableEntity, "Invalid request.\n\n\"ref\" wasn't supplied.")
	case !known:
		return gitHubError(http.StatusUnprocessableEntity, "No ref found for: "+in.Ref)
	case len(in.Inputs) > maxInputs:
		return gitHubError(http.StatusUnprocessableEntity, fmt.Sprintf("you may only define up to %d `inputs` for a `workflow_dispatch` event", maxInputs))
	}
	started := g.begin(r, &run{Ref: in.Ref, SHA: sha, Inputs: in.Inputs})
	if !in.Details {
		return answer{status: http.StatusNoContent}.changed()
	}
	return asJSON(http.StatusOK, object{
		"workflow_run_id": started.ID, "run_url": g.runURL(started), "html_url": g.base + "/" + started.Repo + "/actions/runs/" + fmt.Sprint(started.ID),
	}).changed()
}

var isCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// commit answers what a ref points to.
func (g *gitHub) commit(ref string) (string, bool) {
	if isCommit.MatchString(ref) {
		return ref, true
	}
	if sha, made := g.heads[strings.TrimPrefix(ref, "refs/heads/")]; made {
		return sha, true
	}
	if len(g.refs) > 0 {
		sha, ok := g.refs[strings.TrimPrefix(ref, "refs/heads/")]
		return sha, ok
	}
	sum := sha1.Sum([]byte(ref))
	return hex.EncodeToString(sum[:]), true
}

// begin queues a run. It appears in lists only after a lag, so a look right
// after a lost answer may miss it.
func (g *gitHub) begin(r *request, started *run) *run {
	now := g.opts.Now()
	file := r.PathValue("file")
	wf := g.workflows[file]
	started.ID, started.Number = firstRunID+int64(len(g.runs))+1, int64(len(g.runs))+1
	started.Repo, started.File = r.PathValue("owner")+"/"+r.PathValue("repo"), file
	started.Conclusion = cmp.Or(wf.Conclusion, "success")
	started.Title = title(file)
	if op, ok := started.Inputs["op_id"].(string); ok && !wf.PlainTitle {
		started.Title += " " + op // run-name: <name> ${{ inputs.op_id }}
	}
	takes := wf.takes(g.opts.JobDelay)
	started.Created, started.ShownAt = now, now.Add(g.dice.upTo(min(takes, g.opts.MaxLag)))
	started.StartsAt, started.EndsAt = now.Add(takes/4), now.Add(takes)
	g.runs = append(g.runs, started)
	if wf.Deploys && started.Conclusion == "success" {
		g.push(started.EndsAt, started.SHA, started.Title)
	}
	return started
}

func (g *gitHub) runURL(r *run) string {
	return g.base + "/repos/" + r.Repo + "/actions/runs/" + strconv.FormatInt(r.ID, 10)
}

// getRun is GET .../actions/runs/{id}.
func (g *gitHub) getRun(r *request) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.runs, func(one *run) bool {
		return strconv.FormatInt(one.ID, 10) == r.PathValue("run") && one.Repo == r.PathValue("owner")+"/"+r.PathValue("repo")
	})
	if i < 0 {
		return g.refuse(refuseUnknown)
	}
	return asJSON(http.StatusOK, g.wire(g.runs[i], r))
}

// wire is a run in GitHub's shape.
func (g *gitHub) wire(one *run, r *request) object {
	status, conclusion := one.status(g.opts.Now())
	stamp := one.Created.UTC().Format(time.RFC3339)
	return object{
		"id": one.ID, "node_id": "WFR_" + fmt.Sprint(one.ID), "name": title(one.File), "path": ".github/workflows/" + one.File,
		"head_branch": strings.TrimPrefix(one.Ref, "refs/heads/"), "head_sha": one.SHA, "display_title": one.Title,
		"run_number": one.Number, "run_attempt": 1, "event": "workflow_dispatch", "status": status, "conclusion": conclusion,
		"workflow_id": workflowID(one.File), "url": g.runURL(one), "html_url": g.base + "/" + one.Repo + "/actions/runs/" + fmt.Sprint(one.ID),
		"created_at": stamp, "run_started_at": stamp, "updated_at": stamp, "actor": gitHubActor(), "triggering_actor": gitHubActor(),
		"repository": g.repo(r), "head_repository": g.repo(r),
	}
}

// listRuns is GET .../actions/runs and .../workflows/{file}/runs, newest first.
func (g *gitHub) listRuns(r *request) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.opts.Now()
	if a, refused := g.refusedRead("runs"); refused {
		return a
	}
	found := append([]object{}, g.worldRuns(r)...)
	for _, one := range slices.Backward(g.runs) {
		if !now.Before(one.ShownAt) && g.listed(one, r, now) {
			found = append(found, g.wire(one, r))
		}
	}
	return paged(r, found)
}

func (g *gitHub) listed(one *run, r *request, now time.Time) bool {
	q := r.URL.Query()
	is := func(key string, values ...any) bool {
		return q.Get(key) == "" || slices.Contains(values, any(q.Get(key)))
	}
	status, conclusion := one.status(now)
	file := r.PathValue("file")
	return one.Repo == r.PathValue("owner")+"/"+r.PathValue("repo") && (file == "" || file == one.File) &&
		is("event", "workflow_dispatch") && is("status", status, conclusion) && is("head_sha", one.SHA) &&
		is("actor", "sandbox") && is("branch", strings.TrimPrefix(one.Ref, "refs/heads/")) && inRange(one.Created, q.Get("created"))
}

func paged(r *request, rows []object) answer {
	q := r.URL.Query()
	size, page := 30, 1
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		page = n
	}
	from := min((page-1)*size, len(rows))
	to := min(from+size, len(rows))
	a := asJSON(http.StatusOK, object{"total_count": len(rows), "workflow_runs": rows[from:to]})
	if to < len(rows) {
		q.Set("page", strconv.Itoa(page+1))
		a = a.with("Link", fmt.Sprintf("<http://%s%s?%s>; rel=\"next\"", r.Host, r.URL.Path, q.Encode()))
	}
	return a
}

// inRange reads GitHub's search dates: >=T, >T, <=T, <T, A..B, or a day.
func inRange(t time.Time, query string) bool {
	t = t.UTC().Truncate(time.Second)
	if from, to, ok := strings.Cut(query, ".."); ok {
		return inRange(t, ">="+from) && inRange(t, "<="+to)
	}
	for _, op := range []string{">=", "<=", ">", "<"} {
		text, ok := strings.CutPrefix(query, op)
		if !ok {
			continue
		}
		order := t.Compare(moment(text))
		return order == 0 && len(op) == 2 || order > 0 && op[0] == '>' || order < 0 && op[0] == '<'
	}
	return query == "" || strings.HasPrefix(t.Format(time.RFC3339), query)
}

// moment reads a time or a day; what is neither lies at the beginning of time.
func moment(text string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
