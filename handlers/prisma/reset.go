package prisma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const stateAsked = "asked"

// reset is prisma.reset: `prisma migrate reset`, which drops everything in the schema of
// the URL and applies every migration of the checkout anew. The fold decides who must
// agree; what the configuration and the copy must say is asked here once more. Prisma's
// own guard is left as it is: if it fires, its words end the step.
//
// The mark stands in schema backout, which a reset leaves alone.
type reset struct{ client *Client }

// resetNote is what an approval is bound to. Database is what is typed back.
type resetNote struct {
	Database   string   `json:"database"`
	Schema     string   `json:"schema"`
	Tables     []string `json:"tables"`
	Migrations []string `json:"migrations"`
	Copy       string   `json:"copy,omitempty"`
}

// resetMark is how the database was before: a table that was dropped and made again has
// another number.
type resetMark struct {
	Tables  []string `json:"tables"`
	Numbers []uint32 `json:"numbers"`
}

// Spec implements orchestrator.Action.
func (r *reset) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: orchestrator.ResetAction, Effect: true, Safety: orchestrator.Verifiable,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs: []string{"snapshot?"}, Permissions: []string{"dropping and making the schema, and what the migrations do"},
	}
}

// guarded refuses what no approval makes right. It answers the name of the copy.
func (t *target) guarded(c orchestrator.Call) (string, error) {
	var in struct {
		Snapshot struct {
			Name     string `json:"copy"`
			Verified bool   `json:"verified"`
		} `json:"snapshot"`
	}
	if err := c.Input(&in); err != nil {
		return "", err
	}
	never := func(why string) error {
		return orchestrator.Permanent(fmt.Errorf("the database of %s/%s is not emptied: %s", t.Project, t.Environment, why))
	}
	switch {
	case t.unmixed() != nil:
		return "", t.unmixed()
	case t.Kind == orchestrator.KindDisposable:
		return in.Snapshot.Name, nil
	case !t.AllowDataLoss:
		return "", never("database.allow_data_loss is not true in the configuration")
	case in.Snapshot.Name == "" || !in.Snapshot.Verified:
		return "", never("no copy was taken and verified in this plan; give snapshot: =steps.ID.output of one that was")
	}
	return in.Snapshot.Name, nil
}

// prepare reads what would be lost.
func (r *reset) prepare(ctx context.Context, c orchestrator.Call) (*target, cli, resetNote, resetMark, error) {
	var n resetNote
	t, err := r.client.find(c)
	if err != nil {
		return nil, cli{}, n, resetMark{}, err
	}
	name, err := t.guarded(c)
	if err != nil {
		return nil, cli{}, n, resetMark{}, err
	}
	command, err := t.command()
	if err != nil {
		return nil, cli{}, n, resetMark{}, err
	}
	in, err := t.folder()
	if err != nil {
		return nil, cli{}, n, resetMark{}, err
	}
	at, err := t.read(ctx)
	if err == nil {
		err = at.free("resetting")
	}
	if err != nil {
		return nil, cli{}, n, resetMark{}, err
	}
	before, err := t.tables(ctx)
	if err != nil {
		return nil, cli{}, n, before, fmt.Errorf("reading the tables of %s: %w", t.address, plainly(err))
	}
	return t, command, resetNote{t.address.Database(), t.address.Schema, before.Tables, names(in), name}, before, nil
}

// tables lists those of the schema.
func (t *target) tables(ctx context.Context) (resetMark, error) {
	conn, err := t.address.Open(ctx, direct.Limits{Statement: readWait, ReadOnly: true})
	if err != nil {
		return resetMark{}, err
	}
	defer direct.Close(ctx, conn)
	m := resetMark{Tables: []string{}, Numbers: []uint32{}}
	rows, err := conn.Query(ctx, `select c.relname, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind in ('r', 'p') order by 1`, t.address.Schema)
	if err != nil {
		return m, err
	}
	var name string
	var number uint32
	_, err = pgx.ForEachRow(rows, []any{&name, &number}, func() error {
		m.Tables, m.Numbers = append(m.Tables, name), append(m.Numbers, number)
		return nil
	})
	return m, err
}

// Plan names the database and everything in it.
func (r *reset) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, command, n, _, err := r.prepare(ctx, c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	text := fmt.Sprintf("DROP EVERYTHING in schema %s of %s, all rows of %d tables (%s), and the rights granted on them; then apply %d migrations anew with Prisma %s",
		n.Schema, t.address, len(n.Tables), strings.Join(n.Tables, ", "), len(n.Migrations), command.version)
	if n.Copy != "" {
		text += ". The verified copy is " + n.Copy
	}
	return orchestrator.Preview{Text: text, Manual: "cd " + t.Folder + " && npx prisma migrate reset", Data: data}, nil
}

// Do marks how the database is and starts the CLI, when it is still what was approved.
func (r *reset) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	if _, err := r.client.find(c); err != nil {
		return orchestrator.Output{}, err
	}
	var approved resetNote
	if err := json.Unmarshal(c.Preview, &approved); err != nil || approved.Database == "" {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("a database is only emptied after people have seen what is in it; approve it first"))
	}
	t, command, n, before, err := r.prepare(ctx, c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	_, marked, err := t.mark(ctx, c.Key) // By an earlier attempt.
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("looking for an earlier attempt: %w", plainly(err))
	}
	same := n.Database == approved.Database && n.Schema == approved.Schema && n.Copy == approved.Copy && slices.Equal(n.Migrations, approved.Migrations)
	if !same || (!marked && !slices.Equal(n.Tables, approved.Tables)) {
		return orchestrator.Output{Superseded: true, Text: "what would be dropped is not what was approved: " + strings.Join(n.Tables, ", ")}, nil
	}
	if !marked {
		if err := t.putAsked(ctx, c, before); err != nil {
			return orchestrator.Output{}, err
		}
	}
	return r.client.launch(ctx, c, t, append(command.argv, command.reset()...), n)
}

// putAsked marks how the database is before anything is dropped.
func (t *target) putAsked(ctx context.Context, c orchestrator.Call, before resetMark) error {
	note, err := json.Marshal(before)
	if err != nil {
		return fmt.Errorf("encoding the tables of %s: %w", t.address, err)
	}
	conn, err := t.address.Open(ctx, direct.Limits{Statement: readWait})
	if err != nil {
		return plainly(err)
	}
	defer direct.Close(ctx, conn)
	if err := direct.EnsureMarks(ctx, conn); err != nil {
		return plainly(err)
	}
	return direct.PutMark(ctx, conn, direct.Mark{Key: c.Key, Action: orchestrator.ResetAction, State: stateAsked, Note: note})
}

// Verify compares the tables with those before: none of the old may be left.
func (r *reset) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	var failed error
	o, err := r.client.verify(ctx, c, token, func(e evidence) orchestrator.Outcome {
		m, ok, err := e.t.mark(ctx, c.Key)
		if err != nil {
			failed = err
			return orchestrator.Outcome{}
		}
		var before resetMark
		if !ok || json.Unmarshal(m.Note, &before) != nil {
			return notDone("nothing was dropped: its mark is not there")
		}
		now, err := e.t.tables(ctx)
		in, folderErr := e.t.folder()
		if failed = errors.Join(err, folderErr); failed != nil {
			return orchestrator.Outcome{}
		}
		return e.reset(before, now, in)
	})
	if err == nil && failed != nil {
		err = fmt.Errorf("comparing the tables: %w", plainly(failed))
	}
	return o, err
}

// reset judges by the tables and by the table of migrations.
func (e evidence) reset(before, now resetMark, in []migration) orchestrator.Outcome {
	var left []string
	for i, number := range before.Numbers {
		if slices.Contains(now.Numbers, number) {
			left = append(left, before.Tables[i])
		}
	}
	lacking := compare(in, e.now).Pending
	clean := e.job.State == job.Over && e.job.Ended.Exit == 0
	switch {
	case len(left) == 0 && len(lacking) == 0 && (clean || len(before.Numbers) > 0):
		return e.emptied(before, now)
	case len(left) == len(before.Numbers) && len(before.Numbers) > 0 && e.job.State == job.Over && e.job.Ended.Exit != 0 && !transient(e.job.Output):
		return e.failed("nothing was dropped: " + e.told())
	case len(left) == len(before.Numbers) && len(before.Numbers) > 0:
		return notDone("nothing was dropped: " + e.how())
	case len(left) > 0:
		return e.failed(fmt.Sprintf("only a part was dropped, %s is there still: %s", strings.Join(left, ", "), e.told()))
	}
	dropped := "everything was dropped"
	if len(before.Numbers) == 0 {
		dropped = "there was nothing to drop"
	}
	return e.failed(dropped + " and " + list(lacking) + " is not applied again: " + e.told() + ". Run prisma.deploy")
}

// emptied compares by name: what no migration makes is gone for good.
func (e evidence) emptied(before, now resetMark) orchestrator.Outcome {
	gone, fresh := without(before.Tables, now.Tables), without(now.Tables, before.Tables)
	text := fmt.Sprintf("everything was dropped and every migration applied anew: %d tables, empty but for what the migrations put there", len(now.Tables))
	if len(gone) > 0 {
		text += "; no migration makes " + strings.Join(gone, ", ") + ", which are gone"
	}
	data, err := json.Marshal(map[string]any{"job": e.name, "tables": now.Tables, "gone": gone, "new": fresh})
	if err != nil {
		return e.cannotTell("encoding what was dropped: " + err.Error())
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: text, Data: data}
}
