package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// clockSkew is how far GitHub's clock and ours may be apart.
	clockSkew = 30 * time.Second
	maxPages  = 5
)

// Verify looks how the run is doing: by its id, or after a lost answer by op_id.
func (w *workflow) Verify(ctx context.Context, c orchestrator.Call, text string) (orchestrator.Outcome, error) {
	in, err := w.input(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	var t token
	known := text != "" && json.Unmarshal([]byte(text), &t) == nil
	if known && t.Run != 0 {
		return w.byID(ctx, c, in, t.Run), nil
	}
	return w.byOp(ctx, c, in, known), nil
}

func (w *workflow) byID(ctx context.Context, c orchestrator.Call, in workflowInput, id int64) orchestrator.Outcome {
	owner, name := in.split()
	run, _, err := w.client.rest.Actions.GetWorkflowRunByID(ctx, owner, name, id)
	if err == nil {
		return w.judge(run)
	}
	var refused *github.ErrorResponse
	fresh := w.client.now().Sub(c.Since) < settleTime
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode == http.StatusNotFound && fresh {
		return running("GitHub started the run and does not show it yet", firstCheck)
	}
	return cannotTell(failed(err, false, fmt.Sprintf("show run %d of %s", id, in.Repo)))
}

// byOp looks for a run that carries the op_id. A run of this workflow that has no
// run-name at all could be ours as well: then nobody can tell.
func (w *workflow) byOp(ctx context.Context, c orchestrator.Call, in workflowInput, known bool) orchestrator.Outcome {
	op, nameless := opID(c.Key), 0
	run, err := w.find(ctx, in, c.Since, func(r *github.WorkflowRun) bool {
		if r.GetDisplayTitle() == r.GetName() {
			nameless++
		}
		return strings.Contains(r.GetDisplayTitle(), op)
	})
	switch {
	case err != nil:
		return cannotTell(failed(err, false, "list the runs of "+in.File))
	case run != nil:
		return w.judge(run)
	case nameless > 0:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: fmt.Sprintf(
			"%d runs of %s since then have no run-name, so ours cannot be told; add `run-name: … ${{ inputs.op_id }}` to the workflow", nameless, in.File)}
	case known:
		return running("GitHub took the request and lists no run of it yet", firstCheck)
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "GitHub lists no run of " + in.File + " with " + op}
}

// find answers the newest dispatched run since then that fits, or nil.
func (w *workflow) find(ctx context.Context, in workflowInput, since time.Time, fits func(*github.WorkflowRun) bool) (*github.WorkflowRun, error) {
	owner, name := in.split()
	options := &github.ListWorkflowRunsOptions{
		Event: "workflow_dispatch", Created: ">=" + since.Add(-clockSkew).UTC().Format(time.RFC3339),
		ListOptions: github.ListOptions{PerPage: 100},
	}
	for range maxPages {
		runs, resp, err := w.client.rest.Actions.ListWorkflowRunsByFileName(ctx, owner, name, in.File, options)
		if err != nil {
			return nil, err
		}
		for _, r := range runs.WorkflowRuns {
			if fits(r) {
				return r, nil
			}
		}
		if resp.NextPage == 0 {
			return nil, nil
		}
		options.Page = resp.NextPage
	}
	return nil, fmt.Errorf("more than %d runs since %s", maxPages*100, options.Created)
}

// judge tells what a run says of itself. Only success is done: a run that was
// skipped or cancelled built nothing.
func (w *workflow) judge(r *github.WorkflowRun) orchestrator.Outcome {
	if r.GetStatus() != "completed" {
		return running(r.GetName()+" is "+r.GetStatus()+": "+r.GetHTMLURL(), pace(w.client.now().Sub(r.GetCreatedAt().Time)))
	}
	data, err := json.Marshal(map[string]any{
		"run_id": r.GetID(), "conclusion": r.GetConclusion(), "head_sha": r.GetHeadSHA(), "url": r.GetHTMLURL(),
	})
	if err != nil {
		return cannotTell(fmt.Errorf("encoding run %d: %w", r.GetID(), err))
	}
	if r.GetConclusion() != "success" {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeFailed, Data: data, Text: "GitHub says " + r.GetConclusion() + ": " + r.GetHTMLURL()}
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Data: data, Text: r.GetName() + " succeeded: " + r.GetHTMLURL()}
}

// pace looks often at a young run and seldom at an old one: GitHub counts calls.
func pace(age time.Duration) time.Duration {
	switch {
	case age < 30*time.Second:
		return time.Second
	case age < 5*time.Minute:
		return 5 * time.Second
	}
	return 15 * time.Second
}

func running(text string, again time.Duration) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: text, CheckAfter: again.Milliseconds()}
}

func cannotTell(err error) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: err.Error()}
}
