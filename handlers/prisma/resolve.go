package prisma

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	asApplied    = "applied"
	asRolledBack = "rolled_back"
)

// resolve is prisma.resolve: tell Prisma what became of a migration. It runs no SQL of it.
type resolve struct{ client *Client }

type resolveInput struct {
	Migration string `json:"migration"`
	As        string `json:"as"`
}

// Spec implements orchestrator.Action.
func (r *resolve) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "prisma.resolve", Effect: true, Safety: orchestrator.Verifiable,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs: []string{"migration", "as"}, Permissions: []string{"writing _prisma_migrations"},
	}
}

func (r *resolve) input(c orchestrator.Call) (resolveInput, error) {
	var in resolveInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	// A name is an argument of the CLI: it never begins with a hyphen.
	if !regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]{0,254}$`).MatchString(in.Migration) {
		return in, orchestrator.Permanent(fmt.Errorf("migration %q of step %s is not the name of a migration's folder", in.Migration, c.Step))
	}
	if in.As != asApplied && in.As != asRolledBack {
		return in, orchestrator.Permanent(fmt.Errorf("as %q of step %s is neither applied nor rolled_back", in.As, c.Step))
	}
	return in, nil
}

func (in resolveInput) reached(l *ledger) bool {
	if in.As == asRolledBack {
		return l.rolledBack(in.Migration)
	}
	_, ok := l.applied(in.Migration)
	return ok
}

// refusal is what Prisma would say, before it is asked.
func (in resolveInput) refusal(l *ledger) error {
	if in.As == asApplied || l.unfinished(in.Migration) != nil {
		return nil
	}
	why := "it was never begun (P3011)"
	if _, ok := l.applied(in.Migration); ok {
		why = "it is applied, and only a failed one can be (P3012); what it did is undone by a new migration"
	}
	return orchestrator.Permanent(fmt.Errorf("migration %s cannot be marked rolled back: %s", in.Migration, why))
}

// prepare reads where the migration stands.
func (r *resolve) prepare(ctx context.Context, c orchestrator.Call) (t *target, in resolveInput, done bool, err error) {
	if t, err = r.client.find(c); err != nil {
		return nil, in, false, err
	}
	if in, err = r.input(c); err != nil {
		return nil, in, false, err
	}
	at, err := t.read(ctx)
	if err == nil {
		err = at.free("resolving " + in.Migration)
	}
	if err != nil {
		return nil, in, false, err
	}
	if done = in.reached(at); !done {
		err = in.refusal(at)
	}
	return t, in, done, err
}

// Do starts the CLI, unless the table says already what it is to say.
func (r *resolve) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, in, done, err := r.prepare(ctx, c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	if done {
		return orchestrator.Output{Text: in.text() + " already"}, nil
	}
	command, err := t.command()
	if err != nil {
		return orchestrator.Output{}, err
	}
	args := command.resolve(strings.ReplaceAll(in.As, "_", "-"), in.Migration)
	return r.client.launch(ctx, c, t, append(command.argv, args...), in)
}

func (in resolveInput) text() string {
	return "migration " + in.Migration + " is marked " + strings.ReplaceAll(in.As, "_", " ")
}

// Plan implements orchestrator.Action.
func (r *resolve) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, in, done, err := r.prepare(ctx, c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	text := "Mark migration " + in.Migration + " of " + c.Project + "/" + c.Environment + " as " + strings.ReplaceAll(in.As, "_", " ") + "; no SQL of it is run"
	if done {
		text = "Nothing to do: " + in.text() + " already"
	}
	data, err := json.Marshal(in)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	manual := "cd " + t.Folder + " && npx prisma migrate resolve --" + strings.ReplaceAll(in.As, "_", "-") + " " + in.Migration
	return orchestrator.Preview{Text: text, Manual: manual, Data: data}, nil
}

// Verify implements orchestrator.Action.
func (r *resolve) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	in, err := r.input(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	return r.client.verify(ctx, c, token, func(e evidence) orchestrator.Outcome {
		d := e.job.Ended
		switch {
		case in.reached(e.now):
			return e.outcome(orchestrator.OutcomeDone, in.text(), result{})
		case e.job.State == job.Over && d.Exit != 0 && d.Signal == "" && !d.Late && !d.Stopped && !transient(e.job.Output):
			return e.failed("migration " + in.Migration + " was not marked: " + e.told())
		}
		return notDone("migration " + in.Migration + " stands as it stood: " + e.how())
	})
}
