package copies

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	callTimeout = 28 * time.Second
	settleTime  = 15 * time.Second
	firstCheck  = 2 * time.Second
	nextCheck   = 5 * time.Second
	// limitName is the setting that bounds a job.
	limitName = "snapshots.timeout"
)

// request is what is the same for all operations on a target.
func (c *Client) request(t *target, op string) request {
	return request{
		Op: op, Project: t.Project, Environment: t.Environment, Folder: t.Folder, Bin: t.Bin, Path: c.path, Jobs: t.Jobs,
		Keep: t.Keep.Milliseconds(), Deadline: time.Now().Add(t.Timeout).UnixMilli(), Private: t.AllowPrivate,
	}
}

// step is the jobs of a step on a target.
func (c *Client) step(limit time.Duration) *job.Step {
	return &job.Step{Jobs: c.jobs, Kind: "copy", Limit: limit, CheckAfter: firstCheck}
}

// launch starts a job for a call, or finds the one of an earlier attempt.
func (c *Client) launch(ctx context.Context, call orchestrator.Call, t *target, r request) (orchestrator.Output, error) {
	return c.step(t.Timeout).Launch(call, c.isDone, func(name string) error { return c.start(ctx, t, name, r) })
}

func (c *Client) isDone(name string) bool {
	r, err := c.result(name)
	return err == nil && r != nil && r.Error == ""
}

// start runs the child. An error with a ctx that ended is in doubt.
func (c *Client) start(ctx context.Context, t *target, name string, r request) error {
	return c.jobs.StartChild(ctx, name, job.Child{
		Command: c.command, Path: c.path, Variable: URLVariable, Address: t.URL, Request: r, Deadline: r.Deadline,
	})
}

// result is what the child left; nil when it left none.
func (c *Client) result(name string) (*result, error) {
	var r result
	if found, err := c.jobs.ReadLeft(name, resultFile, &r); err != nil || !found {
		return nil, err
	}
	return &r, nil
}

// ended waits for the job of a call. It answers an outcome while it is at work, otherwise
// what the child left and how the job ended.
func (c *Client) ended(call orchestrator.Call, token string) (*orchestrator.Outcome, *result, string, error) {
	if token == "" {
		token = c.step(0).Name(call)
	}
	s, err := c.jobs.Look(token)
	if err != nil {
		return nil, nil, "", err
	}
	if s.AtWork() {
		return &orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: "job " + token + " is at work", CheckAfter: nextCheck.Milliseconds()}, nil, "", nil
	}
	r, err := c.result(token)
	return nil, r, s.How(token, limitName), err
}

func outcome(kind orchestrator.OutcomeKind, text string, r *result) *orchestrator.Outcome {
	o := &orchestrator.Outcome{Kind: kind, Text: text}
	if r != nil {
		o.Data, _ = json.Marshal(r) // Texts and numbers always encode.
	}
	return o
}

// judge is what became of a job whose child tells all there is to know.
func (c *Client) judge(call orchestrator.Call, token string, done func(*result) string) (orchestrator.Outcome, error) {
	o, r, ended, err := c.ended(call, token)
	switch {
	case err != nil:
		return orchestrator.Outcome{}, err
	case o != nil:
		return *o, nil
	case r == nil:
		return *outcome(orchestrator.OutcomeNotDone, ended, nil), nil
	case r.Error != "" && r.Never:
		return *outcome(orchestrator.OutcomeFailed, r.Error, r), nil
	case r.Error != "":
		return *outcome(orchestrator.OutcomeNotDone, r.Error, r), nil
	}
	return *outcome(orchestrator.OutcomeDone, done(r), r), nil
}
