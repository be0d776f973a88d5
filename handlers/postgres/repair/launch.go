package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	callTimeout = 28 * time.Second
	settleTime  = 15 * time.Second
	lookWait    = 20 * time.Second
	firstCheck  = 2 * time.Second
	nextCheck   = 5 * time.Second
	// limitName is the setting that bounds a job.
	limitName = "snapshots.timeout"
)

// step is the jobs of a step.
func (c *Client) step(limit time.Duration) *job.Step {
	return &job.Step{Jobs: c.Jobs, Kind: "repair", Limit: limit, CheckAfter: firstCheck}
}

// launch starts a job for a call, or finds the one of an earlier attempt.
func (c *Client) launch(ctx context.Context, call orchestrator.Call, t *target, r request) (orchestrator.Output, error) {
	r.Deadline, r.Private = time.Now().Add(t.Timeout).UnixMilli(), t.AllowPrivate
	child := job.Child{Command: c.Command, Path: c.Path, Variable: URLVariable, Address: t.URL, Request: r, Deadline: r.Deadline}
	return c.step(t.Timeout).Launch(call, c.isDone, func(name string) error {
		return c.Jobs.StartChild(ctx, name, child)
	})
}

func (c *Client) isDone(name string) bool {
	r, err := c.result(name)
	return err == nil && r != nil && r.Error == ""
}

// result is what the child left; nil when it left none.
func (c *Client) result(name string) (*result, error) {
	var r result
	if found, err := c.Jobs.ReadLeft(name, resultFile, &r); err != nil || !found {
		return nil, err
	}
	return &r, nil
}

// ended tells what became of the job of a call: an outcome while it is at work, when it
// was never started or when it failed, otherwise what it left.
func (c *Client) ended(call orchestrator.Call, token string) (*orchestrator.Outcome, *result, error) {
	if token == "" {
		token = c.step(0).Name(call)
	}
	s, err := c.Jobs.Look(token)
	if err != nil {
		return nil, nil, err
	}
	say := func(kind orchestrator.OutcomeKind, text string) *orchestrator.Outcome {
		return &orchestrator.Outcome{Kind: kind, Text: text}
	}
	if s.AtWork() {
		o := say(orchestrator.OutcomeRunning, "job "+token+" is at work")
		o.CheckAfter = nextCheck.Milliseconds()
		return o, nil, nil
	}
	r, err := c.result(token)
	switch {
	case err != nil:
		return nil, nil, err
	case r == nil:
		return say(orchestrator.OutcomeNotDone, s.How(token, limitName)), nil, nil
	case r.Never:
		return say(orchestrator.OutcomeFailed, r.Error), r, nil
	case r.Error != "":
		return say(orchestrator.OutcomeNotDone, r.Error), r, nil
	}
	return nil, r, nil
}

// evidence puts what a job left for people aside, and answers an output with it in.
func (c *Client) evidence(ctx context.Context, token, name, note string, out any) (json.RawMessage, error) {
	body, err := os.ReadFile(filepath.Join(c.Jobs.Root, token, evidenceFile))
	if err != nil {
		return nil, fmt.Errorf("reading what job %s found: %w", token, err)
	}
	all := map[string]any{}
	data, err := json.Marshal(out)
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding what job %s found: %w", token, err)
	}
	if c.Keep != nil {
		hash, n, err := c.Keep(ctx, body)
		if err != nil {
			return nil, fmt.Errorf("keeping %s: %w", name, err)
		}
		all["evidence"] = []orchestrator.Evidence{{Name: name, Bytes: n, Blob: hash, Note: note}}
	}
	return json.Marshal(all)
}

// permanent keeps what kind of error it is for the engine.
func permanent(err error) error {
	if errors.As(err, &never{}) {
		return orchestrator.Permanent(errors.New(say(err)))
	}
	if err != nil {
		return errors.New(say(err))
	}
	return nil
}
