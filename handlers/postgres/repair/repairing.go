package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// repair is postgres.repair: put the staged rows back.
type repair struct{ client *Client }

// repairNote is what an approval is bound to. Statement is the SHA-256 of what each batch
// runs.
type repairNote struct {
	Database  string `json:"database"`
	Statement string `json:"statement"`
	staged
}

// Spec implements orchestrator.Action.
func (a *repair) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.repair", Effect: true, Safety: orchestrator.Verifiable, Person: true,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(), Inputs: []string{"stage"},
		Permissions: []string{"writing the columns that are put back", "making tables in schema backout"},
	}
}

// prepare reads what is staged and what each batch would run.
func (a *repair) prepare(ctx context.Context, t *target, c orchestrator.Call) (repairNote, string, error) {
	var n repairNote
	var in struct {
		Stage struct{ Scratch, Stage, Sum string }
	}
	if err := c.Input(&in); err != nil {
		return n, "", err
	}
	if in.Stage.Stage == "" || in.Stage.Sum == "" {
		return n, "", never{errors.New("no rows are staged; use postgres.stage before, and give stage: =steps.ID.output")}
	}
	if _, err := t.origin(ctx, in.Stage.Scratch); err != nil {
		return n, "", err
	}
	var sql string
	err := t.sides(ctx, in.Stage.Scratch, func(here, there *pgx.Conn) error {
		m, found, err := direct.ReadMark(ctx, there, in.Stage.Stage)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(m.Note, &n.staged); !found || err != nil || n.Sum != in.Stage.Sum {
			return never{errors.New("the rows that were staged are not there as they were; stage them again")}
		}
		b, err := n.resolve(ctx, here, there, t.address.Schema)
		if err == nil {
			sql = statement(b, repairTable(c.Key))
		}
		return err
	})
	if err == nil && n.Rows == 0 {
		err = never{fmt.Errorf("there is nothing to put back: %s", n.text())}
	}
	n.Database, n.Statement = t.address.Database(), digest(sql)
	return n, sql, err
}

// Plan shows the rows, what is left alone, and the statement.
func (a *repair) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	t, err := a.client.find(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	if m, p, err := t.mark(ctx, c.Key); err == nil && m == stateDone {
		return orchestrator.Preview{Text: p.text()}, nil
	}
	n, sql, err := a.prepare(ctx, t, c)
	if err != nil {
		return orchestrator.Preview{}, permanent(err)
	}
	data, err := json.Marshal(n)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	where := "every row that differs"
	if n.Where != "" {
		where = "rows where " + n.Where
	}
	shown := fmt.Sprintf("Samples of %d rows", len(n.Shown))
	if int64(len(n.Shown)) == n.Rows {
		shown = "All of them"
	}
	return orchestrator.Preview{
		Text: fmt.Sprintf("Repair %s in %s, %s: %s. A row is written only while it still has what was seen, in batches of %d; triggers fire. Rows sha256 %.12s, statement sha256 %.12s.\n%s:\n%s\nEach batch runs:\n%s",
			n.Table, t.address, where, n.text(), batchRows, n.Sum, n.Statement, shown, strings.Join(n.Shown, "\n"), sql),
		Manual: "the statement above, again and again until it counts 0 and 0", Data: data,
	}, nil
}

// Do starts the job for exactly what was approved.
func (a *repair) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, err := a.client.find(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	var approved repairNote
	if err := json.Unmarshal(c.Preview, &approved); err != nil || approved.Sum == "" {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("rows are only put back after people have seen which; approve it first"))
	}
	within, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	state, p, err := t.mark(within, c.Key)
	switch {
	case err != nil:
		return orchestrator.Output{}, permanent(err)
	case state == stateDone:
		return orchestrator.Output{Text: p.text(), Data: p.data()}, nil
	case state == "": // Afterwards the rows are in production, and an earlier approval counts.
		n, _, err := a.prepare(within, t, c)
		if err != nil {
			return orchestrator.Output{}, permanent(err)
		}
		if n.Sum != approved.Sum || n.Statement != approved.Statement || n.Database != approved.Database {
			return orchestrator.Output{Superseded: true, Text: "what would be put back is not what was approved"}, nil
		}
	}
	approved.Shown = nil
	return a.client.launch(ctx, c, t, request{Op: opApply, Key: c.Key, Scratch: approved.Scratch, Approved: approved.staged, Statement: approved.Statement})
}

// mark is how far the repair of a step is, by its mark in production.
func (t *target) mark(ctx context.Context, key string) (string, progress, error) {
	var p progress
	conn, err := t.address.Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return "", p, err
	}
	defer direct.Close(ctx, conn)
	m, found, err := direct.ReadMark(ctx, conn, key)
	if err != nil || !found {
		return "", p, err
	}
	if err := json.Unmarshal(m.Note, &p); err != nil {
		return "", p, fmt.Errorf("reading the mark: %w", err)
	}
	if m.State == stateDone {
		return m.State, p, nil
	}
	at, err := counted(ctx, conn, p.Staging)
	p.Repaired, p.Left = at.Repaired, at.Left
	return m.State, p, err
}

// Verify goes by the mark in production, whatever became of the job.
func (a *repair) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	t, err := a.client.find(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	o, _, err := a.client.ended(c, token)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	within, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	state, p, err := t.mark(within, c.Key)
	switch {
	case err != nil:
		return orchestrator.Outcome{}, fmt.Errorf("how far the repair is cannot be seen: %w", permanent(err))
	case state == stateDone:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: p.text(), Data: p.data()}, nil
	case o != nil && o.Kind == orchestrator.OutcomeRunning:
		o.Text = fmt.Sprintf("%d of %d rows are put back", p.Repaired, p.Rows)
		return *o, nil
	}
	busy, err := t.busy(within, c.Key)
	switch {
	case err != nil:
		return orchestrator.Outcome{}, err
	case busy:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: "a repair of this step is at work on another machine", CheckAfter: nextCheck.Milliseconds()}, nil
	case o == nil:
		o = &orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "the job ended, and its mark is not there"}
	}
	if state == "" {
		o.Text += "; nothing was put back"
	} else {
		o.Text += fmt.Sprintf("; %d of %d rows are put back, the next attempt goes on from there", p.Repaired, p.Rows)
	}
	return *o, nil
}

// busy reports whether some process works for the step: it holds the lock as long as its
// session lives.
func (t *target) busy(ctx context.Context, key string) (bool, error) {
	conn, err := t.address.Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return false, permanent(err)
	}
	defer direct.Close(ctx, conn)
	var held bool
	err = conn.QueryRow(ctx, `select exists (select 1 from pg_locks where locktype = 'advisory' and granted and objsubid = 1
		and database = (select oid from pg_database where datname = current_database())
		and classid = (($1::bigint >> 32) & 4294967295)::oid and objid = ($1::bigint & 4294967295)::oid)`, lockKey(key)).Scan(&held)
	if err != nil {
		return false, fmt.Errorf("looking whether a repair is at work: %s", direct.Said(err))
	}
	return held, nil
}

func (p *progress) text() string {
	text := fmt.Sprintf("%d rows of %s have their values back", p.Repaired, p.Table)
	if p.Left > 0 {
		text += fmt.Sprintf("; %d were left because they changed meanwhile or are gone", p.Left)
	}
	return text + fmt.Sprintf(". Which ones stands in backout.%s, which goes %d days after, or drop it", p.Staging, int(keptFor/(24*time.Hour)))
}

func (p *progress) data() json.RawMessage {
	data, _ := json.Marshal(p) // Texts and numbers always encode.
	return data
}
