package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	callTimeout = 28 * time.Second
	settleTime  = 15 * time.Second
	firstCheck  = 2 * time.Second
	nextCheck   = 5 * time.Second
	// spare is what a job may need beyond its deadline to be killed and written down.
	spare = 30 * time.Second
)

// request is what is the same for all operations on a target.
func (c *Client) request(t *target, op string) request {
	return request{
		Op: op, Project: t.Project, Environment: t.Environment, Folder: t.Folder, Bin: t.Bin, Path: c.path, Jobs: t.Jobs,
		Keep: t.Keep.Milliseconds(), Deadline: time.Now().Add(t.Timeout).UnixMilli(), Private: t.AllowPrivate,
	}
}

// family is the beginning of the names of all jobs of a step, over its attempts.
func family(c orchestrator.Call) string { return "copy-" + short(c.Key, 16) + "-" }

func jobName(c orchestrator.Call) string { return family(c) + short(c.Attempt, 8) }

// launch starts a job for a call, or finds the one of an earlier attempt at work.
func (c *Client) launch(ctx context.Context, call orchestrator.Call, t *target, r request) (orchestrator.Output, error) {
	accepted := func(name string) orchestrator.Output {
		return orchestrator.Output{Text: "job " + name + " is at work", Accepted: &orchestrator.Accepted{
			Token: name, CheckAfter: firstCheck.Milliseconds(), Until: (t.Timeout + spare).Milliseconds(),
		}}
	}
	earlier, err := c.jobs.Find(family(call))
	if err != nil {
		return orchestrator.Output{}, err
	}
	for _, name := range earlier {
		s, err := c.jobs.Look(name)
		if err != nil || s.State == job.Running || s.State == job.Starting || (s.State == job.Lost && s.Left) {
			return accepted(name), err
		}
		if done, err := c.result(name); err == nil && done != nil && done.Error == "" {
			return accepted(name), nil // Verify tells it.
		}
	}
	name := jobName(call)
	if err := c.start(ctx, t, name, r); err != nil && !errors.Is(err, job.ErrExists) {
		return orchestrator.Output{}, err
	}
	return accepted(name), nil
}

// start runs the child. An error with a ctx that ended is in doubt.
func (c *Client) start(ctx context.Context, t *target, name string, r request) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the request of job %s: %w", name, err)
	}
	dir := filepath.Join(c.jobs.Root, name)
	err = c.jobs.Start(ctx, name, job.Spec{
		Argv: append(slices.Clone(c.command), string(body)), Dir: dir, Env: []string{URLVariable},
		Set: map[string]string{"PATH": c.path, "HOME": dir, "LANG": "C.UTF-8"}, Deadline: r.Deadline,
	}, map[string]string{URLVariable: t.URL})
	if err != nil && ctx.Err() != nil {
		return orchestrator.InDoubt(err)
	}
	return err
}

// result is what the child left; nil when it left none.
func (c *Client) result(name string) (*result, error) {
	body, err := os.ReadFile(filepath.Join(c.jobs.Root, name, resultFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var r result
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the result of job %s: %w", name, err)
	}
	return &r, nil
}

// ended waits for the job of a call. It answers an outcome while nothing more can be
// told, otherwise what the child left and how the job ended.
func (c *Client) ended(call orchestrator.Call, token string) (*orchestrator.Outcome, *result, string, error) {
	if token == "" {
		token = jobName(call)
	}
	s, err := c.jobs.Look(token)
	if err != nil {
		return nil, nil, "", err
	}
	switch {
	case s.State == job.Running, s.State == job.Starting, s.State == job.Lost && s.Left:
		return &orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: "job " + token + " is at work", CheckAfter: nextCheck.Milliseconds()}, nil, "", nil
	case s.State == job.NeverStarted:
		return outcome(orchestrator.OutcomeNotDone, "job "+token+" was never started", nil), nil, "", nil
	}
	r, err := c.result(token)
	return nil, r, how(token, s), err
}

// how tells in words how a job without a result ended.
func how(name string, s job.Status) string {
	switch {
	case s.State == job.Absent:
		return "this machine knows no job " + name
	case s.State == job.Lost:
		return "job " + name + " was killed together with its supervisor"
	case s.Ended.Late:
		return "job " + name + " was ended at its deadline; raise snapshots.timeout"
	case s.Ended.Signal != "":
		return "job " + name + " was killed by " + s.Ended.Signal
	case s.Ended.Error != "":
		return "job " + name + " could not be started: " + s.Ended.Error
	}
	return fmt.Sprintf("job %s ended with exit %d: %s", name, s.Ended.Exit, lastWords(s.Output))
}

func lastWords(output string) string {
	text := []rune(strings.Join(strings.Fields(output), " "))
	return string(text[max(0, len(text)-wordsMost):])
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
