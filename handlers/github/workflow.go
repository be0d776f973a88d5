package github

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

const (
	callTimeout = 20 * time.Second
	// settleTime is how long a new run may be missing from GitHub's lists.
	settleTime = 15 * time.Second
	firstCheck = time.Second
	// runLimit is what GitHub lets a job take; a step's own timeout is shorter.
	runLimit = 6 * time.Hour
)

// workflow is github.workflow: start a workflow, wait for its run.
type workflow struct{ client *Client }

type workflowInput struct {
	// Repo is owner/name, File the workflow's file name, Ref a branch or a tag.
	Repo string `json:"repo"`
	File string `json:"file"`
	Ref  string `json:"ref"`
}

// token names the run in Accepted; Run is 0 when GitHub did not say which it is.
type token struct {
	Run int64  `json:"run_id,omitempty"`
	Op  string `json:"op_id"`
}

var (
	isRepo = regexp.MustCompile(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)
	isFile = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}\.ya?ml$`)
	isRef  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+@-]{0,254}$`)
	isKey  = regexp.MustCompile(`^[0-9a-f]{16,}$`)
)

// Spec says what the action needs.
func (w *workflow) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "github.workflow", Effect: true, Safety: orchestrator.Verifiable,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs:      []string{"repo", "file", "ref"},
		Permissions: []string{"Actions: read and write on the repository"},
	}
}

func (w *workflow) input(c orchestrator.Call) (workflowInput, error) {
	var in workflowInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	for _, field := range []struct {
		name, value, want string
		fits              *regexp.Regexp
	}{
		{"repo", in.Repo, "owner/name", isRepo},
		{"file", in.File, "the file name of a workflow, such as stage.yml", isFile},
		{"ref", in.Ref, "a branch or a tag", isRef},
	} {
		if !field.fits.MatchString(field.value) {
			return in, orchestrator.Permanent(fmt.Errorf("%s %q of step %s is not %s", field.name, field.value, c.Step, field.want))
		}
	}
	return in, nil
}

func (in workflowInput) split() (owner, name string) { return splitRepo(in.Repo) }

func (in workflowInput) todo() string { return "run " + in.File + " of " + in.Repo + " on " + in.Ref }

// opID is the same for every attempt of a step.
func opID(key string) string {
	if !isKey.MatchString(key) {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	return "op-" + key[:16]
}

// Do dispatches the workflow once.
func (w *workflow) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := w.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	owner, name := in.split()
	op := opID(c.Key)
	run, _, err := w.client.rest.Actions.CreateWorkflowDispatchEventByFileName(ctx, owner, name, in.File,
		github.CreateWorkflowDispatchEventRequest{Ref: in.Ref, Inputs: map[string]any{"op_id": op}, ReturnRunDetails: new(true)})
	if err != nil {
		return orchestrator.Output{}, failed(err, true, in.todo())
	}
	t, err := json.Marshal(token{Run: run.GetWorkflowRunID(), Op: op})
	if err != nil {
		return orchestrator.Output{}, orchestrator.InDoubt(fmt.Errorf("encoding the run of %s: %w", in.File, err))
	}
	return orchestrator.Output{
		Text: "GitHub started " + in.File,
		Accepted: &orchestrator.Accepted{
			Token: string(t), CheckAfter: firstCheck.Milliseconds(), Until: runLimit.Milliseconds(),
		},
	}, nil
}

// Plan reads the workflow and says what Do would start.
func (w *workflow) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := w.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	owner, name := in.split()
	wf, _, err := w.client.rest.Actions.GetWorkflowByFileName(ctx, owner, name, in.File)
	if err != nil {
		return orchestrator.Preview{}, failed(err, false, "show "+in.File+" of "+in.Repo)
	}
	if state := wf.GetState(); state != "" && state != "active" {
		return orchestrator.Preview{}, orchestrator.Permanent(fmt.Errorf("workflow %s of %s is %s: enable it on GitHub", in.File, in.Repo, state))
	}
	data, err := json.Marshal(in)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	return orchestrator.Preview{
		Text:   "Run " + in.File + " of " + in.Repo + " on " + in.Ref,
		Manual: "gh workflow run " + in.File + " --repo " + in.Repo + " --ref " + in.Ref,
		Data:   data,
	}, nil
}
