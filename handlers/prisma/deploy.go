package prisma

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// deploy is prisma.deploy: apply what is pending in the checkout.
type deploy struct{ client *Client }

// deployNote is what a deploy is about: an approval is bound to it, and the job keeps it.
type deployNote struct {
	Pending []migration `json:"pending"`
	Version string      `json:"version"`
}

// Spec implements orchestrator.Action.
func (d *deploy) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "prisma.deploy", Effect: true, Safety: orchestrator.Verifiable,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Permissions: []string{"what the migrations do, and writing _prisma_migrations"},
	}
}

// prepare reads what is pending. It refuses where Prisma would, and waits for the lock.
func (d *deploy) prepare(ctx context.Context, c orchestrator.Call) (*target, cli, comparison, error) {
	t, err := d.client.find(c)
	if err != nil {
		return nil, cli{}, comparison{}, err
	}
	command, err := t.command()
	if err != nil {
		return nil, cli{}, comparison{}, err
	}
	in, err := t.folder()
	if err != nil {
		return nil, cli{}, comparison{}, err
	}
	at, err := t.read(ctx)
	if err == nil {
		err = at.free("deploying")
	}
	if err != nil {
		return nil, cli{}, comparison{}, err
	}
	diff := compare(in, at)
	if len(diff.Failed) > 0 {
		err = orchestrator.Permanent(fmt.Errorf("migration %s was begun and did not finish, so Prisma applies nothing more (P3009): look at what of it is there, then prisma.resolve it as applied or rolled_back", diff.Failed[0]))
	}
	return t, command, diff, err
}

// Do starts the CLI, unless nothing is pending or something else than what was approved.
func (d *deploy) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, command, diff, err := d.prepare(ctx, c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	note := deployNote{diff.Pending, command.version}
	var approved deployNote
	if len(c.Preview) > 0 {
		if err := json.Unmarshal(c.Preview, &approved); err != nil {
			return orchestrator.Output{}, orchestrator.Permanent(fmt.Errorf("reading what was approved: %w", err))
		}
		if len(diff.Pending) > 0 && !reflect.DeepEqual(approved.Pending, diff.Pending) {
			return orchestrator.Output{Superseded: true, Text: "what is pending is not what was approved: " + list(diff.Pending)}, nil
		}
	}
	if len(diff.Pending) == 0 {
		return orchestrator.Output{Text: "nothing is pending: every migration of the checkout is applied", Data: json.RawMessage(`{"applied":[]}`)}, nil
	}
	return d.client.launch(ctx, c, t, append(command.argv, command.deploy()...), note)
}

// Plan implements orchestrator.Action.
func (d *deploy) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, command, diff, err := d.prepare(ctx, c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	data, err := json.Marshal(deployNote{diff.Pending, command.version})
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	text := fmt.Sprintf("Apply %d migration(s) to the database of %s/%s with Prisma %s: %s", len(diff.Pending), c.Project, c.Environment, command.version, list(diff.Pending))
	if len(diff.Pending) == 0 {
		text = "Nothing is pending: every migration of " + t.Folder + " is applied"
	}
	if len(diff.Missing) > 0 {
		text += ". The checkout is older than the database: it lacks " + strings.Join(diff.Missing, ", ")
	}
	if len(diff.Edited) > 0 {
		text += ". Edited after they were applied, which Prisma does not see: " + strings.Join(diff.Edited, ", ")
	}
	return orchestrator.Preview{Text: text, Manual: "cd " + t.Folder + " && npx prisma migrate deploy", Data: data}, nil
}

// Verify implements orchestrator.Action.
func (d *deploy) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	return d.client.verify(ctx, c, token, judgeDeploy)
}

func list(ms []migration) string {
	if len(ms) == 0 {
		return "none"
	}
	return strings.Join(names(ms), ", ")
}
