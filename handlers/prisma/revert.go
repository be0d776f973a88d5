package prisma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	revertCall      = 30 * time.Second
	revertStatement = 20 * time.Second
	revertLock      = 5 * time.Second
	revertSettle    = 25 * time.Second
	stateReverted   = "reverted"
)

// revert is prisma.revert: run the reviewed way back of migrations in one transaction
// with the record of it.
//
// How it is recorded: Prisma lets only a failed migration be marked rolled back (P3012
// otherwise), so that is done to a failed one, as `migrate resolve --rolled-back` would.
// An applied one stays applied in the table, and its way back is written down as a new
// migration, NAME_reverted: that is what Prisma's own guide does by hand, and `migrate
// deploy` of any commit goes on working. Marking an applied one rolled back by SQL would
// make the next deploy of the same commit apply it again, in the middle of the night.
type revert struct{ client *Client }

// revertNote is what an approval is bound to.
type revertNote struct {
	// Migrations are those taken back, newest first; Failed of them never finished.
	Migrations []string `json:"migrations"`
	Failed     []string `json:"failed,omitempty"`
	// Record is the new migration that writes it down, empty when all of them failed.
	Record string `json:"record,omitempty"`
	wayBack
}

// Spec implements orchestrator.Action.
func (r *revert) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "prisma.revert", Effect: true, Safety: orchestrator.Verifiable,
		CallTimeout: revertCall.Milliseconds(), Settle: revertSettle.Milliseconds(),
		Inputs: []string{"migrations"}, Permissions: []string{"what the way back does, writing _prisma_migrations and schema backout"},
	}
}

// standing reads which of the wanted migrations are there.
func (r *revert) standing(ctx context.Context, c orchestrator.Call) (*target, *ledger, revertNote, error) {
	var n revertNote
	t, err := r.client.find(c)
	if err != nil {
		return nil, nil, n, err
	}
	var in struct {
		Migrations []string `json:"migrations"`
	}
	if err := c.Input(&in); err != nil {
		return nil, nil, n, err
	}
	if len(in.Migrations) == 0 {
		return nil, nil, n, orchestrator.Permanent(errors.New("it is not known which migrations lie between the two deployments, so none is taken back; name them, or revert by a migration of your own"))
	}
	if err := t.unmixed(); err != nil {
		return nil, nil, n, err
	}
	at, err := t.read(ctx)
	if err == nil {
		err = at.free("reverting")
	}
	if err != nil {
		return nil, nil, n, err
	}
	n, err = of(at, in.Migrations)
	return t, at, n, err
}

// of finds in the table what is to be taken back.
func of(at *ledger, wanted []string) (revertNote, error) {
	var n revertNote
	for _, name := range slices.Backward(slices.Sorted(slices.Values(wanted))) {
		switch _, applied := at.applied(name); {
		case applied:
			n.Migrations = append(n.Migrations, name)
			n.Record = or(n.Record, name+"_reverted")
		case at.unfinished(name) != nil:
			n.Migrations, n.Failed = append(n.Migrations, name), append(n.Failed, name)
		}
	}
	if len(n.Migrations) == 0 {
		return n, orchestrator.Permanent(fmt.Errorf("none of %s is in the database: there is nothing to take back", strings.Join(wanted, ", ")))
	}
	for i := 2; n.Record != "" && slices.ContainsFunc(at.rows, func(r row) bool { return r.Name == n.Record }); i++ {
		n.Record = fmt.Sprintf("%s_reverted_%d", without(n.Migrations, n.Failed)[0], i)
	}
	return n, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// prepare finds the way back: reviewed files, else what Prisma generates.
func (r *revert) prepare(ctx context.Context, c orchestrator.Call) (*target, revertNote, error) {
	t, at, n, err := r.standing(ctx, c)
	if err != nil {
		return nil, n, err
	}
	in, err := t.folder()
	if err != nil {
		return nil, n, err
	}
	if gone := without(n.Migrations, names(in)); len(gone) > 0 {
		return nil, n, orchestrator.Permanent(fmt.Errorf("the checkout in %s lacks %s: put it on the commit that brought them", t.Folder, strings.Join(gone, ", ")))
	}
	w, found, err := t.written(n.Migrations)
	if err == nil && !found {
		var all []string
		for _, m := range in {
			if _, applied := at.applied(m.Name); applied || slices.Contains(n.Migrations, m.Name) {
				all = append(all, m.Name)
			}
		}
		w, err = r.generated(ctx, c, t, without(all, n.Migrations), all)
	}
	n.wayBack = w
	return t, n, err
}

// Plan shows all of the SQL.
func (r *revert) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, n, err := r.prepare(ctx, c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	text := fmt.Sprintf("Take %s back in %s, by %s (sha256 %s), in one transaction. What a dropped column or table held does not come back, nor what the way there changed in rows",
		strings.Join(n.Migrations, ", "), t.address, n.From, n.Sum[:12])
	if n.Record != "" {
		text += ". It is written down as the migration " + n.Record + ": add it to the repository with this SQL"
	}
	return orchestrator.Preview{Text: text + ":\n" + n.SQL, Manual: "psql --single-transaction --file " + downFile, Data: data}, nil
}

// Do runs exactly what was approved.
func (r *revert) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, err := r.client.find(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	var approved revertNote
	if err := json.Unmarshal(c.Preview, &approved); err != nil || approved.Sum == "" {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("a way back is only run after somebody has seen it; approve it first"))
	}
	if o, err := r.Verify(ctx, c, ""); err == nil && o.Kind == orchestrator.OutcomeDone {
		return orchestrator.Output{Text: o.Text, Data: o.Data}, nil
	}
	_, _, n, err := r.standing(ctx, c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	w, found, err := t.written(n.Migrations)
	if err != nil {
		return orchestrator.Output{}, err
	}
	n.wayBack = approved.wayBack
	if found != (approved.From == fromFile) || (found && w != approved.wayBack) || !reflect.DeepEqual(n, approved) {
		return orchestrator.Output{Superseded: true, Text: "the way back of " + strings.Join(n.Migrations, ", ") + " is not what was approved"}, nil
	}
	return t.back(ctx, c, n)
}

// back runs the SQL, writes it down and leaves the mark, all or nothing.
func (t *target) back(ctx context.Context, c orchestrator.Call, n revertNote) (orchestrator.Output, error) {
	conn, err := t.address.Open(ctx, direct.Limits{Statement: revertStatement, Lock: revertLock})
	if err != nil {
		return orchestrator.Output{}, plainly(err)
	}
	defer direct.Close(ctx, conn)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return orchestrator.Output{}, plainly(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // Does nothing after a commit.
	data, err := json.Marshal(map[string]any{"migrations": n.Migrations, "record": n.Record, "sum": n.Sum, "from": n.From})
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what is taken back: %w", err)
	}
	if err := t.inside(tx).run(ctx, c, n, data); err != nil {
		return orchestrator.Output{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return orchestrator.Output{}, orchestrator.InDoubt(fmt.Errorf("committing the way back: %w", plainly(err)))
	}
	return orchestrator.Output{Text: n.text(), Data: data}, nil
}

func (n revertNote) text() string {
	text := strings.Join(n.Migrations, ", ") + " is taken back"
	if n.Record != "" {
		text += ", written down as migration " + n.Record + ": add it to the repository"
	}
	return text
}

// change is a way back within its transaction.
type change struct {
	*target
	tx pgx.Tx
}

func (t *target) inside(tx pgx.Tx) change { return change{t, tx} }

func (h change) run(ctx context.Context, c orchestrator.Call, n revertNote, note []byte) error {
	var free bool
	if err := h.tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(advisoryLock)).Scan(&free); err != nil {
		return plainly(err)
	}
	if !free {
		return orchestrator.RetryAfter(errors.New("not reverting yet: a migration is running"), 5*time.Second)
	}
	at, err := h.rows(ctx, h.tx)
	if err != nil {
		return plainly(err)
	}
	if now, err := of(&ledger{rows: at}, n.Migrations); err != nil || !slices.Equal(now.Migrations, n.Migrations) || !slices.Equal(now.Failed, n.Failed) {
		return orchestrator.Permanent(errors.New("the migrations in the database changed at this moment; look at what they are, and try again"))
	}
	if err := h.script(ctx, n.SQL); err != nil {
		return err
	}
	if err := h.write(ctx, n); err != nil {
		return plainly(err)
	}
	if err := direct.EnsureMarks(ctx, h.tx); err != nil {
		return plainly(err)
	}
	return direct.PutMark(ctx, h.tx, direct.Mark{Key: c.Key, Action: "prisma.revert", State: stateReverted, Note: note})
}

// script runs the SQL in the schema of the URL, as Prisma would.
func (h change) script(ctx context.Context, sql string) error {
	if _, err := h.tx.Exec(ctx, "set local search_path to "+pgx.Identifier{h.address.Schema}.Sanitize()); err != nil {
		return plainly(err)
	}
	var before, after int64
	if err := h.tx.QueryRow(ctx, "select txid_current()").Scan(&before); err != nil {
		return plainly(err)
	}
	_, err := h.tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "55P03":
		return orchestrator.RetryAfter(fmt.Errorf("nothing was changed: the way back waited longer than %s for a lock", revertLock), 5*time.Second)
	case errors.As(err, &pg):
		return orchestrator.Permanent(fmt.Errorf("nothing was changed, the way back failed: %w", plainly(err)))
	case err != nil:
		return fmt.Errorf("running the way back: %w", err)
	}
	if err := h.tx.QueryRow(ctx, "select txid_current()").Scan(&after); err != nil || before != after {
		return orchestrator.Permanent(errors.New("the way back ended its transaction by itself: some of it may have stayed without a record; look at the schema"))
	}
	return nil
}

// write records it: see revert.
func (h change) write(ctx context.Context, n revertNote) error {
	for _, name := range n.Failed {
		if _, err := h.tx.Exec(ctx, "update "+h.table+" set rolled_back_at = now() where migration_name = $1 and finished_at is null and rolled_back_at is null", name); err != nil {
			return err
		}
	}
	if n.Record == "" {
		return nil
	}
	_, err := h.tx.Exec(ctx, "insert into "+h.table+` (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
		values (gen_random_uuid()::text, $1, $2, now(), now(), 1)`, n.Sum, n.Record)
	return err
}

// Verify goes by the mark, which stands exactly when the SQL does.
func (r *revert) Verify(ctx context.Context, c orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	t, err := r.client.find(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	m, ok, err := t.mark(ctx, c.Key)
	if err != nil {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: plainly(err).Error()}, nil
	}
	if !ok {
		return notDone("nothing was taken back: its mark is not there"), nil
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: "the migrations are taken back, as the mark of " + m.At.UTC().Format(time.DateTime+" UTC") + " says", Data: m.Note}, nil
}

// mark reads the mark of a step.
func (t *target) mark(ctx context.Context, key string) (direct.Mark, bool, error) {
	conn, err := t.address.Open(ctx, direct.Limits{Statement: readWait, ReadOnly: true})
	if err != nil {
		return direct.Mark{}, false, err
	}
	defer direct.Close(ctx, conn)
	return direct.ReadMark(ctx, conn, key)
}
