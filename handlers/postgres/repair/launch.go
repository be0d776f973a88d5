package repair

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
	lookWait    = 20 * time.Second
	firstCheck  = 2 * time.Second
	nextCheck   = 5 * time.Second
	// spare is what a job may need beyond its deadline to be killed and written down.
	spare     = 30 * time.Second
	wordsMost = 600
)

// family is the beginning of the names of all jobs of a step, over its attempts.
func family(c orchestrator.Call) string { return "repair-" + short(c.Key, 16) + "-" }

func jobName(c orchestrator.Call) string { return family(c) + short(c.Attempt, 8) }

// launch starts a job for a call, or finds the one of an earlier attempt at work.
func (c *Client) launch(ctx context.Context, call orchestrator.Call, t *target, r request) (orchestrator.Output, error) {
	accepted := func(name string) orchestrator.Output {
		return orchestrator.Output{Text: "job " + name + " is at work", Accepted: &orchestrator.Accepted{
			Token: name, CheckAfter: firstCheck.Milliseconds(), Until: (t.Timeout + spare).Milliseconds(),
		}}
	}
	earlier, err := c.Jobs.Find(family(call))
	if err != nil {
		return orchestrator.Output{}, err
	}
	for _, name := range earlier {
		s, err := c.Jobs.Look(name)
		if err != nil || working(s) {
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

func working(s job.Status) bool {
	return s.State == job.Running || s.State == job.Starting || (s.State == job.Lost && s.Left)
}

// start runs the child. An error with a ctx that ended is in doubt.
func (c *Client) start(ctx context.Context, t *target, name string, r request) error {
	r.Deadline, r.Private = time.Now().Add(t.Timeout).UnixMilli(), t.AllowPrivate
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the request of job %s: %w", name, err)
	}
	dir := filepath.Join(c.Jobs.Root, name)
	err = c.Jobs.Start(ctx, name, job.Spec{
		Argv: append(slices.Clone(c.Command), string(body)), Dir: dir, Env: []string{URLVariable},
		Set: map[string]string{"PATH": c.Path, "HOME": dir, "LANG": "C.UTF-8"}, Deadline: r.Deadline,
	}, map[string]string{URLVariable: t.URL})
	if err != nil && ctx.Err() != nil {
		return orchestrator.InDoubt(err)
	}
	return err
}

// result is what the child left; nil when it left none.
func (c *Client) result(name string) (*result, error) {
	body, err := os.ReadFile(filepath.Join(c.Jobs.Root, name, resultFile))
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

// ended tells what became of the job of a call: an outcome while it is at work, when it
// was never started or when it failed, otherwise what it left.
func (c *Client) ended(call orchestrator.Call, token string) (*orchestrator.Outcome, *result, error) {
	if token == "" {
		token = jobName(call)
	}
	s, err := c.Jobs.Look(token)
	if err != nil {
		return nil, nil, err
	}
	say := func(kind orchestrator.OutcomeKind, text string) *orchestrator.Outcome {
		return &orchestrator.Outcome{Kind: kind, Text: text}
	}
	if working(s) {
		o := say(orchestrator.OutcomeRunning, "job "+token+" is at work")
		o.CheckAfter = nextCheck.Milliseconds()
		return o, nil, nil
	}
	r, err := c.result(token)
	switch {
	case err != nil:
		return nil, nil, err
	case r == nil:
		return say(orchestrator.OutcomeNotDone, how(token, s)), nil, nil
	case r.Never:
		return say(orchestrator.OutcomeFailed, r.Error), r, nil
	case r.Error != "":
		return say(orchestrator.OutcomeNotDone, r.Error), r, nil
	}
	return nil, r, nil
}

// how tells in words how a job without a result ended.
func how(name string, s job.Status) string {
	switch {
	case s.State == job.Absent:
		return "this machine knows no job " + name
	case s.State == job.NeverStarted:
		return "job " + name + " was never started"
	case s.State == job.Lost:
		return "job " + name + " was killed together with its supervisor"
	case s.Ended.Late:
		return "job " + name + " was ended at its deadline; raise snapshots.timeout"
	case s.Ended.Signal != "":
		return "job " + name + " was killed by " + s.Ended.Signal
	case s.Ended.Error != "":
		return "job " + name + " could not be started: " + s.Ended.Error
	}
	said := []rune(strings.Join(strings.Fields(s.Output), " "))
	return fmt.Sprintf("job %s ended with exit %d: %s", name, s.Ended.Exit, string(said[max(0, len(said)-wordsMost):]))
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
