package prisma

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	callTimeout = 25 * time.Second
	// settleTime is how long the CLI may take until it holds the lock, and PostgreSQL until
	// it notices that a client is gone.
	settleTime = 15 * time.Second
	firstCheck = time.Second
	nextCheck  = 2 * time.Second
)

// step is the jobs of a step.
func (c *Client) step(limit time.Duration) *job.Step {
	return &job.Step{Jobs: c.jobs, Kind: "prisma", Limit: limit, CheckAfter: firstCheck}
}

// launch starts the CLI as a job, or finds the one of an earlier attempt at work.
func (c *Client) launch(ctx context.Context, call orchestrator.Call, t *target, args []string, note any) (orchestrator.Output, error) {
	never := func(string) bool { return false } // The database tells what is done already.
	return c.step(t.Timeout).Launch(call, never, func(name string) error {
		return c.start(ctx, t, work{name, args, t.Timeout, note})
	})
}

// work is one run of the CLI. Its note is found again with the job.
type work struct {
	name  string
	argv  []string
	limit time.Duration
	note  any
}

// start runs the CLI with the environment it is allowed.
func (c *Client) start(ctx context.Context, t *target, w work) error {
	body, err := json.Marshal(w.note)
	if err != nil {
		return fmt.Errorf("encoding the note of job %s: %w", w.name, err)
	}
	values := maps.Clone(t.Env)
	if values == nil {
		values = map[string]string{}
	}
	values[t.URLName] = t.URL
	spec := job.Spec{
		Argv: w.argv, Dir: t.Folder, Env: slices.Sorted(maps.Keys(values)), Note: body,
		Deadline: time.Now().Add(w.limit).UnixMilli(),
		Set: map[string]string{
			"PATH": c.path, "HOME": filepath.Join(c.jobs.Root, w.name), "LANG": "C.UTF-8",
			"CHECKPOINT_DISABLE": "1", "NO_COLOR": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1",
		},
	}
	maps.DeleteFunc(spec.Set, func(name, _ string) bool { _, given := values[name]; return given })
	err = c.jobs.Start(ctx, w.name, spec, values)
	if err != nil && ctx.Err() != nil {
		return orchestrator.InDoubt(err)
	}
	return err
}

// evidence is what there is to judge by when a job is not at work any more.
type evidence struct {
	call orchestrator.Call
	t    *target
	name string
	job  job.Status
	now  *ledger
	// known is set when the call was accepted, under the job's name.
	known bool
}

// verify waits for the job and for the lock, and then lets judge look.
func (c *Client) verify(ctx context.Context, call orchestrator.Call, token string, judge func(evidence) orchestrator.Outcome) (orchestrator.Outcome, error) {
	t, err := c.find(call)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	e := evidence{call: call, t: t, name: token, known: token != ""}
	if token == "" {
		e.name = c.step(0).Name(call)
	}
	if e.job, err = c.jobs.Look(e.name); err != nil {
		return orchestrator.Outcome{}, err
	}
	switch {
	case e.job.State == job.Running, e.job.State == job.Starting:
		return running("Prisma's CLI is at work, job " + e.name), nil
	case e.job.State == job.Lost && e.job.Left:
		return running("the supervisor of job " + e.name + " was killed, and what Prisma's CLI started is still at work"), nil
	case e.job.State == job.NeverStarted:
		return notDone("Prisma's CLI was never started"), nil
	case e.job.State == job.Over && guarded(e.job.Output):
		return e.failed("Prisma's own guard stopped it: " + words(e.job.Output)), nil
	}
	if e.now, err = t.read(ctx); err != nil {
		return orchestrator.Outcome{}, err
	}
	if e.now.holder != nil {
		return running(e.now.holder.String()), nil
	}
	return judge(e), nil
}

func running(text string) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: text, CheckAfter: nextCheck.Milliseconds()}
}

func notDone(text string) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: text}
}

// result is what a step keeps of a run.
type result struct {
	Job     string   `json:"job"`
	Exit    *int     `json:"exit,omitempty"`
	Applied []string `json:"applied,omitempty"`
	Failed  string   `json:"failed,omitempty"`
}

func (e evidence) outcome(kind orchestrator.OutcomeKind, text string, r result) orchestrator.Outcome {
	r.Job = e.name
	if e.job.State == job.Over {
		r.Exit = &e.job.Ended.Exit
	}
	data, err := json.Marshal(r)
	if err != nil {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "encoding the result of job " + e.name + ": " + err.Error()}
	}
	return orchestrator.Outcome{Kind: kind, Text: text, Data: data, Never: kind == orchestrator.OutcomeCannotTell}
}

func (e evidence) failed(text string) orchestrator.Outcome {
	return e.outcome(orchestrator.OutcomeFailed, text, result{})
}

// cannotTell asks a person at once: no later look knows more.
func (e evidence) cannotTell(text string) orchestrator.Outcome {
	return e.outcome(orchestrator.OutcomeCannotTell, text, result{})
}

// how tells in words how the job ended.
func (e evidence) how() string {
	d := e.job.Ended
	switch {
	case e.job.State == job.Absent:
		return "this machine knows no job " + e.name
	case e.job.State == job.Lost:
		return "the CLI was killed together with its supervisor"
	case d.Error != "":
		return "the CLI could not be started: " + d.Error
	case d.Late:
		return "the CLI was killed at its deadline of " + e.t.Timeout.String()
	case d.Stopped:
		return "somebody stopped the CLI"
	case d.Signal != "":
		return "the CLI was killed by " + d.Signal
	}
	return fmt.Sprintf("the CLI ended with exit %d", d.Exit)
}

// told is how, with the CLI's own words behind it.
func (e evidence) told() string {
	if said := words(e.job.Output); said != "" {
		return e.how() + " and said: " + said
	}
	return e.how() + " and said nothing"
}
