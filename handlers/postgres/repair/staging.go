package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// staging is postgres.stage: write down which rows would be put back.
type staging struct{ client *Client }

// Spec implements orchestrator.Action. What it writes is in the scratch database.
func (a *staging) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.stage", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs: []string{"scratch", "table", "columns", "where?"}, Permissions: []string{"reading the table"},
	}
}

// names is a list, or a text with commas.
type names []string

// UnmarshalJSON implements json.Unmarshaler.
func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = columnNames(one)
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// everyRow are the words for no condition; an answer of people is never empty.
var everyRow = [...]string{"", "-", "all", "none", "true"}

// prepare reads what is wanted, and which copy the scratch database has.
func (a *staging) prepare(ctx context.Context, c orchestrator.Call) (*target, request, error) {
	t, err := a.client.find(c)
	if err != nil {
		return nil, request{}, err
	}
	var in struct {
		Scratch, Table, Where string
		Columns               names
	}
	if err := c.Input(&in); err != nil {
		return nil, request{}, err
	}
	w := wanted{Table: strings.TrimSpace(in.Table), Columns: in.Columns, Where: strings.TrimSpace(in.Where)}
	if slices.Contains(everyRow[:], strings.ToLower(w.Where)) {
		w.Where = ""
	}
	o, err := t.origin(ctx, in.Scratch)
	if err != nil {
		return nil, request{}, permanent(err)
	}
	return t, request{
		Op: opStage, Key: c.Key, Scratch: in.Scratch, Wanted: w, Beside: copies.Beside{Copy: o.Copy, Sum: o.Sum, At: o.At},
	}, nil
}

// origin says which copy a scratch database has.
func (t *target) origin(ctx context.Context, scratch string) (origin, error) {
	if !strings.HasPrefix(scratch, scratchPrefix) {
		return origin{}, never{fmt.Errorf("%q is no database that postgres.compare made; compare first, and give scratch: =steps.ID.output.scratch", scratch)}
	}
	admin, err := maintenance(t.address).Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return origin{}, fmt.Errorf("the server cannot be asked: %w", err)
	}
	defer direct.Close(ctx, admin)
	comment, exists, err := noted(ctx, admin, scratch)
	if err != nil {
		return origin{}, err
	}
	o, ours := originOf(comment)
	if !exists || !ours {
		return origin{}, never{fmt.Errorf("database %s with the copy is gone or not whole; compare again", scratch)}
	}
	return o, nil
}

// Do starts the job, after a look whether it can be done at all.
func (a *staging) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	within, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	t, r, err := a.prepare(within, c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	err = t.sides(within, r.Scratch, func(here, there *pgx.Conn) error {
		_, err := r.Wanted.resolve(within, here, there, t.address.Schema)
		return err
	})
	if err != nil {
		return orchestrator.Output{}, permanent(err)
	}
	return a.client.launch(ctx, c, t, r)
}

// sides opens both databases for reading.
func (t *target) sides(ctx context.Context, scratch string, fn func(here, there *pgx.Conn) error) error {
	l := direct.Limits{ReadOnly: true, Statement: lookWait}
	here, err := t.address.Open(ctx, l)
	if err != nil {
		return err
	}
	defer direct.Close(ctx, here)
	there, err := t.address.On(scratch).Open(ctx, l)
	if err != nil {
		return err
	}
	defer direct.Close(ctx, there)
	return fn(here, there)
}

// Verify tells what was staged and keeps repair.json.
func (a *staging) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	o, r, err := a.client.ended(c, token)
	switch {
	case err != nil:
		return orchestrator.Outcome{}, err
	case o != nil:
		return *o, nil
	case r.Staged == nil:
		return orchestrator.Outcome{}, errors.New("the job staged nothing")
	}
	if token == "" {
		token = a.client.step(0).Name(c)
	}
	out := *r.Staged
	out.Shown = nil // The preview has them.
	data, err := a.client.evidence(ctx, token, "repair.json", "rows that would be put back, samples", out)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: out.text(), Data: data}, nil
}

// text says how many rows would be put back, and what is left alone and why.
func (s *staged) text() string {
	text := fmt.Sprintf("%d rows of %s would get back %s from copy %s of %s", s.Rows, s.Table, strings.Join(s.Columns, ", "), s.Copy, day(s.At))
	left := []string{fmt.Sprintf("%d have it already", s.Same), fmt.Sprintf("%d are newer than the copy", s.New)}
	if s.Where != "" {
		left = append(left, fmt.Sprintf("%d differ and the condition does not hold for them", s.Other))
	}
	text += "; left alone: " + strings.Join(left, ", ")
	if s.Deleted > 0 {
		text += fmt.Sprintf("; %d rows of the copy were deleted since and stay deleted", s.Deleted)
	}
	return text
}

// Plan implements orchestrator.Action.
func (a *staging) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	_, r, err := a.prepare(ctx, c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: fmt.Sprintf("Write down in database %s which rows of %s would get back %s; production is only read", r.Scratch, r.Wanted.Table, strings.Join(r.Wanted.Columns, ", "))}, nil
}
