package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// The states of a mark: what was committed, and what was proven after it.
const (
	stateRevoked   = "revoked"
	stateInForce   = "in_force"
	stateGivenBack = "given_back"
	stateProven    = "proven"
)

// shownMost bounds the tables in the output of a step.
const shownMost = 60

// report is the output of both actions.
type report struct {
	orchestrator.Access
	Tables  int `json:"tables"`
	Grants  int `json:"grants"`
	Refused int `json:"refused"`
	Done    int `json:"done"`
	Ended   int `json:"sessions_ended"`
	// Each is what writes of no row came to, per role and table; the first 60.
	Each    []tried  `json:"each,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Adopted bool     `json:"adopted,omitempty"`
}

func (r *report) note(text string) {
	if text != "" {
		r.Notes = append(r.Notes, text)
	}
}

func (r *report) tried(each []tried) {
	for _, t := range each {
		r.Refused, r.Done = r.Refused+t.Refused, r.Done+t.Done
	}
	r.Each = each[:min(shownMost, len(each))]
}

// tryAnew ends the open sessions of the roles and then tries to write as each of them.
func (r *report) tryAnew(ctx context.Context, conn *pgx.Conn, roles []string) (map[string][]attempt, error) {
	ended, told, err := endSessions(ctx, conn, roles)
	if err != nil {
		return nil, err
	}
	r.Ended = ended
	r.note(told)
	got, untold, err := try(ctx, conn, roles)
	if err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, untold...)
	r.tried(count(got, roles))
	return got, nil
}

func (r *report) output(text string) (orchestrator.Output, []byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return orchestrator.Output{}, nil, fmt.Errorf("encoding what was done: %w", err)
	}
	if len(r.Notes) > 0 {
		text += ". To know: " + strings.Join(r.Notes, "; ")
	}
	return orchestrator.Output{Text: text, Data: data}, data, nil
}

// readonly is postgres.readonly.
type readonly struct{ client *Client }

// Spec implements orchestrator.Action.
func (a *readonly) Spec() orchestrator.Spec { return orchestrator.AccessSpec(orchestrator.ReadOnly) }

// Do takes the rights in one transaction, ends the sessions and proves it. Again, after a
// crash, it goes on where it was; what another step took is adopted, never recorded anew.
func (a *readonly) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, err := a.client.find(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	conn, err := t.open(ctx, false)
	if err != nil {
		return orchestrator.Output{}, said("making "+t.address.Database()+" read-only", err)
	}
	defer direct.Close(ctx, conn)
	var f inForce
	var r report
	err = within(ctx, conn, func(tx pgx.Tx) (err error) {
		f, r, err = t.take(ctx, tx, c)
		return err
	})
	if err != nil {
		return orchestrator.Output{}, said("taking the right to write", err)
	}
	out, err := t.prove(ctx, conn, f, &r)
	if err != nil {
		return orchestrator.Output{}, after("proving that nothing can be written", err)
	}
	m := direct.Mark{Key: c.Key, Action: orchestrator.ReadOnly, State: stateInForce, Note: out.Data}
	if err := direct.PutMark(ctx, conn, m); err != nil {
		return orchestrator.Output{}, after("marking that it is read-only", err)
	}
	return out, nil
}

// take records and revokes.
func (t *target) take(ctx context.Context, tx pgx.Tx, c orchestrator.Call) (inForce, report, error) {
	f := inForce{Key: c.Key, Incident: c.Incident, Roles: slices.Sorted(slices.Values(t.Roles))}
	var r report
	if err := ensure(ctx, tx); err != nil {
		return f, r, err
	}
	known, err := current(ctx, tx)
	if err != nil {
		return f, r, err
	}
	if known != nil {
		r.Adopted = known.Key != c.Key
		f.Key, f.Incident = known.Key, known.Incident
		f.Roles = slices.Compact(slices.Sorted(slices.Values(append(f.Roles, known.Roles...))))
	}
	if err := fit(ctx, tx, f.Roles); err != nil {
		return f, r, err
	}
	all, err := keep(ctx, tx, f)
	if err == nil {
		err = revoke(ctx, tx, all)
	}
	if err == nil {
		err = nothingLeft(ctx, tx, f.Roles)
	}
	if err != nil {
		return f, r, err
	}
	told, err := fasten(ctx, tx, f)
	if err != nil {
		return f, r, err
	}
	r.note(told)
	more, err := notes(ctx, tx, f.Roles)
	if err != nil {
		return f, r, err
	}
	r.Notes = append(r.Notes, more...)
	if err := r.recorded(ctx, tx, &f); err != nil {
		return f, r, err
	}
	return f, r, direct.PutMark(ctx, tx, direct.Mark{Key: c.Key, Action: orchestrator.ReadOnly, State: stateRevoked})
}

// nothingLeft is the proof before the commit.
func nothingLeft(ctx context.Context, tx pgx.Tx, roles []string) error {
	found, err := left(ctx, tx, roles)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return leftover(found)
	}
	n, err := able(ctx, tx, roles)
	if err == nil && n > 0 {
		err = orchestrator.Permanent(fmt.Errorf("read-only would not hold, nothing was changed: %d rights to write are left after taking all; is the role of direct_url the owner of every table?", n))
	}
	return err
}

// recorded fills in what the record says, and checks that it is the one in force.
func (r *report) recorded(ctx context.Context, tx pgx.Tx, f *inForce) error {
	if _, err := tx.Exec(ctx, "update backout.readonly set roles = $2 where key = $1 and given_back is null", f.Key, f.Roles); err != nil {
		return err
	}
	known, err := current(ctx, tx)
	if err != nil {
		return err
	}
	if known == nil {
		return orchestrator.Permanent(errors.New("this step was done before and given back since; ask for read-only anew"))
	}
	*f = *known
	all, err := taken(ctx, tx, f.Key)
	if err != nil {
		return err
	}
	r.Grants = len(all)
	seen := map[string]bool{}
	for _, g := range all {
		if (g.Kind == "table" || g.Kind == "column") && !seen[g.Object] {
			seen[g.Object] = true
			r.Tables++
		}
	}
	r.Access = orchestrator.Access{Since: f.At.UnixMilli(), By: f.Incident, Roles: f.Roles}
	return nil
}

// prove ends the sessions and tries to write.
func (t *target) prove(ctx context.Context, conn *pgx.Conn, f inForce, r *report) (orchestrator.Output, error) {
	if _, err := r.tryAnew(ctx, conn, f.Roles); err != nil {
		return orchestrator.Output{}, err
	}
	if r.Done > 0 {
		return orchestrator.Output{}, fmt.Errorf("%d writes still went through as %s; look at who granted them", r.Done, strings.Join(f.Roles, ", "))
	}
	text := fmt.Sprintf("%s is read-only for %s since %s: %d tables, %d of %d writes tried were refused, %d sessions ended",
		t.address.Database(), strings.Join(f.Roles, ", "), f.At.UTC().Format(time.TimeOnly+" UTC"), r.Tables, r.Refused, r.Refused, r.Ended)
	if r.Adopted {
		text += "; it was so already, by " + f.Incident
	}
	out, _, err := r.output(text)
	return out, err
}

// Plan reads what would be taken, and refuses what would not hold.
func (a *readonly) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, err := a.client.find(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	conn, err := t.open(ctx, true)
	if err != nil {
		return orchestrator.Preview{}, said("looking at "+t.address.Database(), err)
	}
	defer direct.Close(ctx, conn)
	f, err := current(ctx, conn)
	if err != nil {
		return orchestrator.Preview{}, said("looking at "+t.address.Database(), err)
	}
	p, err := t.preview(ctx, conn, f)
	if err != nil {
		return p, said("looking at the rights in "+t.address.Database(), err)
	}
	return p, nil
}

func (t *target) preview(ctx context.Context, conn *pgx.Conn, f *inForce) (orchestrator.Preview, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	defer func() { _ = tx.Rollback(ctx) }() // It only reads.
	if err := fit(ctx, tx, t.Roles); err != nil {
		return orchestrator.Preview{}, err
	}
	found, err := left(ctx, tx, t.Roles)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	if len(found) > 0 {
		return orchestrator.Preview{}, leftover(found)
	}
	all, err := now(ctx, tx, t.Roles)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	more, err := notes(ctx, tx, t.Roles)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	text := fmt.Sprintf("Take the right to write from %s in %s: %d grants are recorded and revoked, and open sessions are ended. Reading goes on", strings.Join(t.Roles, ", "), t.address, len(all))
	if f != nil {
		text = fmt.Sprintf("%s is read-only already, since %s by %s; nothing is recorded anew", t.address, f.At.UTC().Format(time.DateTime+" UTC"), f.Incident)
	}
	if len(more) > 0 {
		text += ". To know: " + strings.Join(more, "; ")
	}
	data, err := json.Marshal(map[string]any{"roles": t.Roles, "in_force": f != nil})
	return orchestrator.Preview{Text: text, Data: data}, err
}

// Verify goes by the mark and by the rights as they are.
func (a *readonly) Verify(ctx context.Context, c orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	return a.client.look(ctx, c, func(conn *pgx.Conn, m direct.Mark, marked bool) (orchestrator.Outcome, error) {
		f, err := current(ctx, conn)
		if err != nil {
			return orchestrator.Outcome{}, err
		}
		switch {
		case !marked || f == nil:
			return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "no right was taken"}, nil
		case m.State != stateInForce:
			return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "the rights are taken, sessions may be open still"}, nil
		}
		tx, err := conn.Begin(ctx)
		if err != nil {
			return orchestrator.Outcome{}, err
		}
		defer func() { _ = tx.Rollback(ctx) }() // It only reads.
		n, err := able(ctx, tx, f.Roles)
		if err != nil {
			return orchestrator.Outcome{}, err
		}
		if n > 0 {
			return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: fmt.Sprintf("%d rights to write have come back", n)}, nil
		}
		return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: "read-only since " + f.At.UTC().Format(time.TimeOnly+" UTC"), Data: m.Note}, nil
	})
}

// look reads the mark of a step on a connection that cannot write.
func (c *Client) look(ctx context.Context, call orchestrator.Call, fn func(*pgx.Conn, direct.Mark, bool) (orchestrator.Outcome, error)) (orchestrator.Outcome, error) {
	t, err := c.find(call)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	var out orchestrator.Outcome
	conn, err := t.open(ctx, true)
	if err == nil {
		defer direct.Close(ctx, conn)
		var m direct.Mark
		var ok bool
		if m, ok, err = direct.ReadMark(ctx, conn, call.Key); err == nil {
			out, err = fn(conn, m, ok)
		}
	}
	if err != nil {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: direct.Said(err)}, nil
	}
	return out, nil
}
