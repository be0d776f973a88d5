package sandbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// octo is the real client, pointed at the stand-in.
func (h *harness) octo(options ...github.ClientOptionsFunc) *github.Client {
	h.Helper()
	base := h.urls.GitHub + "/"
	client, err := github.NewClient(append([]github.ClientOptionsFunc{github.WithAuthToken("ghp_any"), github.WithURLs(&base, &base)}, options...)...)
	if err != nil {
		h.Fatal(err)
	}
	return client
}

func dispatchOf(op string, details bool) github.CreateWorkflowDispatchEventRequest {
	r := github.CreateWorkflowDispatchEventRequest{Ref: "main", Inputs: map[string]any{"op_id": op}}
	if details {
		r.ReturnRunDetails = new(true)
	}
	return r
}

func TestGitHub_dispatchAndPoll(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, client := range map[string]*github.Client{
		"public":     h.octo(),
		"enterprise": h.octo(github.WithEnterpriseURLs(h.urls.GitHub, h.urls.GitHub)),
	} {
		details, resp, err := client.Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "aim", "shop", "stage.yml", dispatchOf("op-1", true))
		if err != nil || resp.StatusCode != 200 || details.GetWorkflowRunID() == 0 {
			t.Fatalf("%s: %v %v %v", name, details, resp, err)
		}
		for _, step := range []struct {
			after              time.Duration
			status, conclusion string
		}{{0, "queued", ""}, {500 * time.Millisecond, "in_progress", ""}, {500 * time.Millisecond, "completed", "success"}} {
			h.clock.forward(step.after)
			run, _, err := client.Actions.GetWorkflowRunByID(t.Context(), "aim", "shop", details.GetWorkflowRunID())
			if err != nil || run.GetStatus() != step.status || run.GetConclusion() != step.conclusion || run.GetDisplayTitle() != "stage op-1" {
				t.Errorf("%s after %v: %v %v", name, step.after, run, err)
			}
		}
	}
	repo, _, err := h.octo().Repositories.Get(t.Context(), "aim", "shop")
	if err != nil || repo.GetFullName() != "aim/shop" {
		t.Errorf("repo %v %v", repo, err)
	}
}

func TestGitHub_withoutDetails204AndNotIdempotent(t *testing.T) {
	t.Parallel()
	h := start(t)
	for range 2 {
		_, resp, err := h.octo().Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "aim", "shop", "fix.yml", dispatchOf("op-1", false))
		if err != nil || resp.StatusCode != 204 {
			t.Fatalf("%v %v", resp, err)
		}
	}
	h.clock.forward(time.Minute)
	runs, _, err := h.octo().Actions.ListRepositoryWorkflowRuns(t.Context(), "aim", "shop", nil)
	if err != nil || runs.GetTotalCount() != 2 {
		t.Errorf("%d runs of the same op: %v", runs.GetTotalCount(), err)
	}
}

func TestGitHub_listFilters(t *testing.T) {
	t.Parallel()
	h := start(t)
	begin := h.clock.Now()
	for i := range 3 {
		if _, _, err := h.octo().Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "aim", "shop", "fix.yml", dispatchOf(fmt.Sprint("op-", i), false)); err != nil {
			t.Fatal(err)
		}
		h.clock.forward(time.Minute)
	}
	for name, tt := range map[string]struct {
		options github.ListWorkflowRunsOptions
		want    int
	}{
		"event":        {github.ListWorkflowRunsOptions{Event: "workflow_dispatch"}, 3},
		"other event":  {github.ListWorkflowRunsOptions{Event: "push"}, 0},
		"created":      {github.ListWorkflowRunsOptions{Created: ">=" + begin.Add(time.Minute).Format(time.RFC3339)}, 2},
		"created span": {github.ListWorkflowRunsOptions{Created: begin.Format(time.RFC3339) + ".." + begin.Add(time.Minute).Format(time.RFC3339)}, 2},
		"created day":  {github.ListWorkflowRunsOptions{Created: begin.Format(time.DateOnly)}, 3},
		"status":       {github.ListWorkflowRunsOptions{Status: "completed"}, 3},
		"conclusion":   {github.ListWorkflowRunsOptions{Status: "failure"}, 0},
		"branch":       {github.ListWorkflowRunsOptions{Branch: "main"}, 3},
		"one per page": {github.ListWorkflowRunsOptions{ListOptions: github.ListOptions{PerPage: 1}}, 1},
	} {
		runs, resp, err := h.octo().Actions.ListRepositoryWorkflowRuns(t.Context(), "aim", "shop", &tt.options)
		if err != nil || len(runs.WorkflowRuns) != tt.want {
			t.Errorf("%s: %d runs, want %d; %v", name, len(runs.WorkflowRuns), tt.want, err)
		}
		if name == "one per page" && resp.NextPage != 2 {
			t.Errorf("next page %d", resp.NextPage)
		}
	}
	runs, _, err := h.octo().Actions.ListWorkflowRunsByFileName(t.Context(), "aim", "shop", "other.yml", nil)
	if err != nil || len(runs.WorkflowRuns) != 0 {
		t.Errorf("runs of another file: %v %v", runs, err)
	}
}

// TestGitHub_newRunIsNotListedAtOnce: a look right after the dispatch can miss it.
func TestGitHub_newRunIsNotListedAtOnce(t *testing.T) {
	t.Parallel()
	h := start(t)
	if _, _, err := h.octo().Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "aim", "shop", "fix.yml", dispatchOf("op", false)); err != nil {
		t.Fatal(err)
	}
	runs, _, err := h.octo().Actions.ListRepositoryWorkflowRuns(t.Context(), "aim", "shop", nil)
	if err != nil || len(runs.WorkflowRuns) != 0 {
		t.Errorf("listed at once: %v %v", runs, err)
	}
	h.clock.forward(time.Second)
	runs, _, err = h.octo().Actions.ListRepositoryWorkflowRuns(t.Context(), "aim", "shop", nil)
	if err != nil || len(runs.WorkflowRuns) != 1 {
		t.Errorf("a second later: %v %v", runs, err)
	}
}

func TestGitHub_conclusionAndDeploy(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/setup", obj{
		"workflows": []obj{{"file": "tests.yml", "conclusion": "failure", "takes_ms": 60_000}},
		"refs":      obj{"main": "0123456789012345678901234567890123456789"},
	})
	h.vercel(201, "POST", rollbackTo+"dpl_good1")
	h.clock.forward(time.Minute)
	for _, file := range []string{"tests.yml", "stage.yml"} {
		if _, _, err := h.octo().Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "aim", "shop", file, dispatchOf("op", false)); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.forward(2 * time.Minute)
	runs, _, err := h.octo().Actions.ListRepositoryWorkflowRuns(t.Context(), "aim", "shop", &github.ListWorkflowRunsOptions{Status: "failure"})
	if err != nil || len(runs.WorkflowRuns) != 1 || runs.WorkflowRuns[0].GetName() != "tests" {
		t.Errorf("failed runs: %v %v", runs, err)
	}
	built := h.vercel(200, "GET", "/v6/deployments?sha=0123456789012345678901234567890123456789").at(t, "deployments").([]any)
	if len(built) != 1 || built[0].(map[string]any)["readySubstate"] != "STAGED" {
		t.Errorf("the deploying workflow built %v", built)
	}
}

func TestGitHub_refusals(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Token = "right" })
	base := h.urls.GitHub + "/repos/aim/shop"
	for auth, message := range map[string]string{"": "Requires authentication", "Bearer wrong": "Bad credentials"} {
		r, err := h.try("GET", base, nil, auth)
		if err != nil || r.status != 401 || r.at(t, "message") != message {
			t.Errorf("%q: %d %s %v", auth, r.status, r.body, err)
		}
	}
	inputs := obj{}
	for i := range 26 {
		inputs[fmt.Sprint("i", i)] = "x"
	}
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/setup", obj{"refs": obj{"main": "0123456789012345678901234567890123456789"}})
	for _, tt := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", "/actions/workflows/x.yml/dispatches", obj{"inputs": obj{}}, 422},
		{"POST", "/actions/workflows/x.yml/dispatches", obj{"ref": "nope"}, 422},
		{"POST", "/actions/workflows/x.yml/dispatches", obj{"ref": "main", "inputs": inputs}, 422},
		{"POST", "/actions/workflows/x.yml/dispatches", "{", 400},
		{"POST", "/actions/workflows/nope/dispatches", obj{"ref": "main"}, 404},
		{"GET", "/actions/runs/1", nil, 404},
		{"GET", "/nothing", nil, 404},
	} {
		if r, err := h.try(tt.method, base+tt.path, tt.body, "token right"); err != nil || r.status != tt.status {
			t.Errorf("%s %s: %d %s %v", tt.method, tt.path, r.status, r.body, err)
		}
	}
}

func TestGitHub_throttleIsASecondaryLimit(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/fault", obj{"kind": "429", "retry_after": 3})
	_, _, err := h.octo().Repositories.Get(t.Context(), "aim", "shop")
	var limited *github.AbuseRateLimitError
	if !errors.As(err, &limited) || limited.GetRetryAfter() != 3*time.Second {
		t.Errorf("go-github says %v", err)
	}
}
