package access

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

// readwrite is postgres.readwrite.
type readwrite struct{ client *Client }

// Spec implements orchestrator.Action.
func (a *readwrite) Spec() orchestrator.Spec { return orchestrator.AccessSpec(orchestrator.ReadWrite) }

// Do gives back what was recorded in one transaction, ends the sessions that still
// believe in read-only, and proves that writes go through.
func (a *readwrite) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, err := a.client.find(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	conn, err := t.open(ctx, false)
	if err != nil {
		return orchestrator.Output{}, said("letting writes in again", err)
	}
	defer direct.Close(ctx, conn)
	var f inForce
	var all []grant
	var r report
	err = within(ctx, conn, func(tx pgx.Tx) (err error) {
		f, all, r, err = t.restore(ctx, tx, c)
		return err
	})
	if errors.Is(err, errNothing) {
		r.note("nothing was taken by Backout, or it was given back before")
		out, _, err := r.output(t.address.Database() + " is not read-only by Backout: nothing was changed")
		return out, err
	}
	if err != nil {
		return orchestrator.Output{}, said("giving the right to write back", err)
	}
	out, err := t.proveWrites(ctx, conn, f, all, &r)
	if err != nil {
		return orchestrator.Output{}, after("proving that writes go through", err)
	}
	m := direct.Mark{Key: c.Key, Action: orchestrator.ReadWrite, State: stateProven, Note: out.Data}
	if err := direct.PutMark(ctx, conn, m); err != nil {
		return orchestrator.Output{}, after("marking that writes go through", err)
	}
	return out, nil
}

// restore gives back what the record in force says. After a crash it finds what this
// step gave back.
func (t *target) restore(ctx context.Context, tx pgx.Tx, c orchestrator.Call) (f inForce, all []grant, r report, err error) {
	if err := ensure(ctx, tx); err != nil {
		return f, nil, r, err
	}
	known, err := current(ctx, tx)
	if err != nil {
		return f, nil, r, err
	}
	if known == nil {
		return t.restored(ctx, tx, c)
	}
	f = *known
	if all, err = taken(ctx, tx, f.Key); err != nil {
		return f, nil, r, err
	}
	gone, err := giveBack(ctx, tx, all)
	if err != nil {
		return f, nil, r, err
	}
	if len(gone) > 0 {
		r.note("gone meanwhile, so nothing was granted on " + strings.Join(gone, ", "))
	}
	differ, err := exactly(ctx, tx, all)
	if err != nil {
		return f, nil, r, err
	}
	if len(differ) > 0 {
		r.note("somebody changed the privileges meanwhile, which stand, on " + strings.Join(differ, ", "))
	}
	if err := unfasten(ctx, tx, f); err != nil {
		return f, nil, r, err
	}
	if _, err := tx.Exec(ctx, "update backout.readonly set given_back = clock_timestamp() where key = $1", f.Key); err != nil {
		return f, nil, r, err
	}
	r.Access, r.Grants = orchestrator.Access{Since: f.At.UnixMilli(), By: f.Incident, Roles: f.Roles}, len(all)
	note, err := json.Marshal(f)
	if err != nil {
		return f, nil, r, fmt.Errorf("encoding the record: %w", err)
	}
	return f, all, r, direct.PutMark(ctx, tx, direct.Mark{Key: c.Key, Action: orchestrator.ReadWrite, State: stateGivenBack, Note: note})
}

func (t *target) restored(ctx context.Context, tx pgx.Tx, c orchestrator.Call) (f inForce, all []grant, r report, err error) {
	m, ok, err := direct.ReadMark(ctx, tx, c.Key)
	if err != nil {
		return f, nil, r, err
	}
	if !ok || m.State != stateGivenBack || json.Unmarshal(m.Note, &f) != nil {
		return f, nil, r, errNothing
	}
	all, err = taken(ctx, tx, f.Key)
	r.Access, r.Grants = orchestrator.Access{Since: f.At.UnixMilli(), By: f.Incident, Roles: f.Roles}, len(all)
	return f, all, r, err
}

// proveWrites ends the sessions and tries what was given back.
func (t *target) proveWrites(ctx context.Context, conn *pgx.Conn, f inForce, all []grant, r *report) (orchestrator.Output, error) {
	got, err := r.tryAnew(ctx, conn, f.Roles)
	if err != nil {
		return orchestrator.Output{}, err
	}
	wanted, objects := map[string]bool{}, map[string]bool{}
	for _, g := range all {
		if g.Kind == "table" {
			wanted[g.Role+" "+g.Object+" "+g.Privilege] = true
			objects[g.Object] = true
		}
	}
	r.Tables = len(objects)
	var refused []string
	for role, one := range got {
		for _, a := range one {
			if a.Got == "refused" && wanted[role+" "+a.Table+" "+a.Verb] {
				refused = append(refused, a.Verb+" on "+a.Table+" as "+role)
			}
		}
	}
	if len(refused) > 0 {
		return orchestrator.Output{}, fmt.Errorf("%d writes are still refused, such as %s", len(refused), refused[0])
	}
	text := fmt.Sprintf("%s takes writes of %s again: %d grants given back, %d writes tried went through. It was read-only since %s, by %s",
		t.address.Database(), strings.Join(f.Roles, ", "), r.Grants, r.Done, f.At.UTC().Format(time.DateTime+" UTC"), f.Incident)
	out, _, err := r.output(text)
	return out, err
}

// Plan says what would be given back.
func (a *readwrite) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
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
	if f == nil {
		return orchestrator.Preview{Text: "Nothing to give back: " + t.address.String() + " is not read-only by Backout", Data: json.RawMessage(`{"in_force":""}`)}, nil
	}
	data, err := json.Marshal(map[string]string{"in_force": f.Key})
	return orchestrator.Preview{
		Text: fmt.Sprintf("Give %s in %s the right to write back, exactly as it was recorded at %s by %s, and end the open sessions", strings.Join(f.Roles, ", "), t.address, f.At.UTC().Format(time.DateTime+" UTC"), f.Incident),
		Data: data,
	}, err
}

// Verify goes by the mark, which stands with what was granted.
func (a *readwrite) Verify(ctx context.Context, c orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	return a.client.look(ctx, c, func(_ *pgx.Conn, m direct.Mark, marked bool) (orchestrator.Outcome, error) {
		switch {
		case !marked:
			return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "nothing was given back"}, nil
		case m.State != stateProven:
			return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "the rights are given back, and no write was tried yet"}, nil
		}
		return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: "writes go through again", Data: m.Note}, nil
	})
}
