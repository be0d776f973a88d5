package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const tablesShown = 8

// comparison is postgres.compare: what differs from the newest copy before a moment.
type comparison struct{ client *Client }

// Spec implements orchestrator.Action. Production is only read, so it asks nobody.
func (a *comparison) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.compare", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs: []string{"before?"}, Permissions: []string{"CREATEDB", "reading every table of the database"},
	}
}

// prepare chooses the copy.
func (a *comparison) prepare(c orchestrator.Call) (*target, copies.Beside, error) {
	t, err := a.client.find(c)
	if err != nil {
		return nil, copies.Beside{}, err
	}
	var in struct{ Before copies.Moment }
	if err := c.Input(&in); err != nil {
		return nil, copies.Beside{}, err
	}
	if a.client.Copies == nil {
		return nil, copies.Beside{}, orchestrator.Permanent(errors.New("no copies are kept"))
	}
	b, err := a.client.Copies.Beside(c.Project, c.Environment, in.Before.Time)
	return t, b, err
}

// Do starts the job.
func (a *comparison) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, b, err := a.prepare(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	within, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	if err := t.may(within, b); err != nil {
		return orchestrator.Output{}, permanent(err)
	}
	return a.client.launch(ctx, c, t, request{Op: opCompare, Key: c.Key, Beside: b, Scratch: scratchName(c.Key)})
}

// may refuses what can be seen to fail.
func (t *target) may(ctx context.Context, b copies.Beside) error {
	admin, err := maintenance(t.address).Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return fmt.Errorf("the server cannot be asked: %w", err)
	}
	defer direct.Close(ctx, admin)
	var create bool
	if err := admin.QueryRow(ctx, "select rolcreatedb or rolsuper from pg_roles where rolname = current_user").Scan(&create); err != nil {
		return fmt.Errorf("reading what role %s may do: %w", t.address.User(), err)
	}
	if !create {
		return never{fmt.Errorf("role %[1]s may not make databases, and the copy is restored into one; alter role %[2]s createdb", t.address.User(), ident(t.address.User()))}
	}
	if err := b.Room(ctx, t.address); err != nil {
		return never{err}
	}
	return nil
}

// Verify tells what was found and keeps rows.json.
func (a *comparison) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	o, r, err := a.client.ended(c, token)
	switch {
	case err != nil:
		return orchestrator.Outcome{}, err
	case o != nil:
		return *o, nil
	case r.Compared == nil:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "the job compared nothing"}, nil
	}
	if token == "" {
		token = a.client.step(0).Name(c)
	}
	out := r.Compared
	note := "what differs from copy " + out.Copy + ", with samples"
	out.Tables = out.Tables[:min(len(out.Tables), tablesMost)]
	data, err := a.client.evidence(ctx, token, "rows.json", note, out)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: out.text(), Data: data}, nil
}

// tablesMost is how many tables the log gets; the evidence has all.
const tablesMost = 40

func (c *compared) text() string {
	var parts []string
	for i, d := range c.Tables {
		if i == tablesShown {
			parts = append(parts, fmt.Sprintf("%d more tables", len(c.Tables)-i))
			break
		}
		parts = append(parts, d.text())
	}
	if len(parts) == 0 {
		parts = []string{"nothing differs"}
	}
	text := fmt.Sprintf("compared with copy %s of %s: %s; %d tables are the same", c.Copy, day(c.At), strings.Join(parts, "; "), c.Same)
	if n := len(c.Unseen); n > 0 {
		text += "; not compared: " + strings.Join(c.Unseen[:min(n, tablesShown)], ", ")
	}
	if len(c.Dropped) > 0 {
		text += "; dropped as too old: " + strings.Join(c.Dropped, ", ")
	}
	return text + fmt.Sprintf(". The copy stays in database %s for 7 days; drop it sooner when it is not needed", c.Scratch)
}

func (d *difference) text() string {
	names := make([]string, 0, len(d.Columns))
	for name := range d.Columns {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if n := d.Columns[b] - d.Columns[a]; n != 0 {
			return int(min(max(n, -1), 1))
		}
		return strings.Compare(a, b)
	})
	var columns []string
	for _, name := range names[:min(len(names), tablesShown)] {
		columns = append(columns, fmt.Sprintf("%s %d", name, d.Columns[name]))
	}
	text := fmt.Sprintf("%s: %d changed", d.Table, d.Changed)
	if len(columns) > 0 {
		text += " (" + strings.Join(columns, ", ") + ")"
	}
	text += fmt.Sprintf(", %d new, %d deleted", d.New, d.Deleted)
	if len(d.Other) > 0 {
		text += ", " + strings.Join(d.Other[:min(len(d.Other), tablesShown)], ", ")
	}
	return text
}

func day(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

// Plan implements orchestrator.Action.
func (a *comparison) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, b, err := a.prepare(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: fmt.Sprintf("Restore copy %s, which shows %s, into database %s beside %s and compare table by table; production is only read", b.Copy, day(b.At), scratchName(c.Key), t.address)}, nil
}
