package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	batchRows      = 1000
	batchStatement = time.Minute
	batchLock      = 3 * time.Second
	batchTries     = 5
	againAfter     = time.Second
	stateWorking   = "working"
	stateDone      = "done"
)

// progress is how far a repair is: the note of its mark. Left are rows that no longer had
// what was seen.
type progress struct {
	Table    string `json:"table"`
	Staging  string `json:"staging"`
	Rows     int64  `json:"rows"`
	Repaired int64  `json:"repaired"`
	Left     int64  `json:"left"`
}

func repairTable(key string) string { return "repair_" + job.Short(key, 16) }

// statement is what one batch runs. Each column is compared by its text, which every type
// has; the key by its own type, so that its index is used.
func statement(b both, staging string) string {
	var set, match []string
	for i, c := range b.columns {
		set = append(set, fmt.Sprintf("%s = b.v%d::%s", ident(c.Name), i+1, c.Type))
		match = append(match, fmt.Sprintf("t.%s::text is not distinct from b.s%d", ident(c.Name), i+1))
	}
	var join []string
	for i, c := range b.here.keyColumns() {
		join = append(join, fmt.Sprintf("t.%s = b.k%d::%s", ident(c.Name), i+1, c.Type))
	}
	return fmt.Sprintf(`with b as materialized (select * from backout.%[1]s where done = 0 order by n limit %[2]d),
u as (update only %[3]s as t set %[4]s from b where %[5]s returning b.n),
m as (update backout.%[1]s as s set done = case when u.n is null then 2 else 1 end from b left join u on u.n = b.n where s.n = b.n returning s.done)
select count(*) filter (where done = 1), count(*) filter (where done = 2) from m`,
		ident(staging), batchRows, b.here.ident(), strings.Join(set, ", "), strings.Join(append(join, match...), " and "))
}

func digest(sql string) string {
	sum := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(sum[:])
}

func (w *work) apply(ctx context.Context) error {
	here, err := w.address.Open(ctx, direct.Limits{Statement: batchStatement, Lock: batchLock})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, here)
	if err := locked(ctx, here, w.Key); err != nil {
		return err
	}
	mark, found, err := direct.ReadMark(ctx, here, w.Key)
	if err != nil {
		return err
	}
	p := progress{Table: w.Approved.Table, Staging: repairTable(w.Key), Rows: w.Approved.Rows}
	w.out.Repaired = &p
	if found && mark.State == stateDone {
		return json.Unmarshal(mark.Note, &p)
	}
	b, err := w.approved(ctx, here)
	if err != nil {
		return err
	}
	if !found {
		if err := w.bring(ctx, here, b, p); err != nil {
			return err
		}
		w.stop("staged")
	}
	return w.batches(ctx, here, b, &p)
}

// approved finds what was approved, unless the table is another one by now.
func (w *work) approved(ctx context.Context, here *pgx.Conn) (both, error) {
	ours, err := tablesHere(ctx, here)
	if err != nil {
		return both{}, err
	}
	b := both{here: named(ours, w.Approved.Table, "")}
	if b.here == nil {
		return b, never{fmt.Errorf("table %s is gone", w.Approved.Table)}
	}
	for _, name := range w.Approved.Columns {
		if c := b.here.column(name); c != nil {
			b.columns = append(b.columns, *c)
		}
	}
	if digest(statement(b, repairTable(w.Key))) != w.Statement {
		return b, never{fmt.Errorf("%s is not what it was when it was approved: a column or its key has changed", b.here)}
	}
	return b, nil
}

// tablesHere lists the tables and leaves the names that triggers rely on to be found as
// ever.
func tablesHere(ctx context.Context, conn *pgx.Conn) ([]*table, error) {
	var path string
	if err := conn.QueryRow(ctx, "select current_setting('search_path')").Scan(&path); err != nil {
		return nil, fmt.Errorf("reading search_path: %w", err)
	}
	all, err := look(ctx, conn, "public")
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "select set_config('search_path', $1, false)", path); err != nil {
		return nil, fmt.Errorf("setting search_path: %w", err)
	}
	return all, nil
}

// bring copies the approved rows into production, with the mark, or not at all.
func (w *work) bring(ctx context.Context, here *pgx.Conn, b both, p progress) error {
	there, err := w.address.On(w.Approved.Scratch).Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("the staged rows are needed: %w", err)
	}
	defer direct.Close(ctx, there)
	fields := fieldNames(len(b.here.Key), len(b.columns))
	rows, err := there.Query(ctx, "select n, "+strings.Join(fields, ", ")+" from backout."+ident(stageTable(w.Approved.Stage))+" order by n")
	if err != nil {
		return fmt.Errorf("reading the staged rows: %w", err)
	}
	defer rows.Close()
	tx, err := here.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning to bring the rows: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // Nothing after a commit.
	if err := direct.EnsureMarks(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "set local statement_timeout = 0"); err != nil {
		return fmt.Errorf("giving it time: %w", err)
	}
	if _, err := tx.Exec(ctx, makeStaging(p.Staging, fields, ", done smallint not null default 0")); err != nil {
		return fmt.Errorf("making the staging table: %w", err)
	}
	s := &carried{rows: rows, fields: len(fields), sum: sha256.New()}
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"backout", p.Staging}, append([]string{"n"}, fields...), s)
	if err != nil {
		return fmt.Errorf("bringing the rows: %w", err)
	}
	if got := hex.EncodeToString(s.sum.Sum(nil)); n != w.Approved.Rows || got != w.Approved.Sum {
		return never{fmt.Errorf("what is staged is not what was approved: %d rows with checksum %.12s, not %d with %.12s; nothing was changed", n, got, w.Approved.Rows, w.Approved.Sum)}
	}
	for _, sql := range []string{
		"create index on backout." + ident(p.Staging) + " (n) where done = 0", "analyze backout." + ident(p.Staging),
		"comment on table backout." + ident(p.Staging) + " is 'rows that backout puts back; it may be dropped once the incident is closed'",
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("making the staging table: %w", err)
		}
	}
	if err := markAs(ctx, tx, w.Key, stateWorking, p); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func markAs(ctx context.Context, db direct.Executor, key, state string, p progress) error {
	note, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding the mark: %w", err)
	}
	return direct.PutMark(ctx, db, direct.Mark{Key: key, Action: "postgres.repair", State: state, Note: note})
}

// carried gives the staged rows again and adds them up; it is a pgx.CopyFromSource.
type carried struct {
	rows   pgx.Rows
	fields int
	sum    hash.Hash
	row    []any
	err    error
}

// Next implements pgx.CopyFromSource.
func (c *carried) Next() bool {
	if !c.rows.Next() {
		return false
	}
	var n int64
	values := make([]*string, c.fields)
	into := []any{&n}
	for i := range values {
		into = append(into, &values[i])
	}
	if c.err = c.rows.Scan(into...); c.err != nil {
		return false
	}
	add(c.sum, values)
	c.row = append(c.row[:0], n)
	for _, v := range values {
		c.row = append(c.row, v)
	}
	return true
}

// Values implements pgx.CopyFromSource.
func (c *carried) Values() ([]any, error) { return c.row, nil }

// Err implements pgx.CopyFromSource.
func (c *carried) Err() error {
	if c.err != nil {
		return c.err
	}
	return c.rows.Err()
}

// batches works until nothing is left to be done, then marks it done with what was
// counted.
func (w *work) batches(ctx context.Context, here *pgx.Conn, b both, p *progress) error {
	sql := statement(b, p.Staging)
	for {
		n, err := batch(ctx, here, sql)
		if err != nil {
			at, _ := counted(context.WithoutCancel(ctx), here, p.Staging)
			return fmt.Errorf("%d rows are put back and %d left so far, the next run goes on from there: %w", at.Repaired, at.Left, err)
		}
		if n == 0 {
			break
		}
		w.stop("batch")
	}
	at, err := counted(ctx, here, p.Staging)
	if err != nil {
		return err
	}
	p.Repaired, p.Left = at.Repaired, at.Left
	return markAs(ctx, here, w.Key, stateDone, *p)
}

// batch is one transaction: one statement. What waited too long for a lock, or got into
// a deadlock, is tried again: it left nothing behind.
func batch(ctx context.Context, here *pgx.Conn, sql string) (n int64, err error) {
	for try := range batchTries {
		var repaired, left int64
		err = here.QueryRow(ctx, sql).Scan(&repaired, &left)
		if err == nil {
			return repaired + left, nil
		}
		if code := direct.Code(err); (code != "55P03" && code != "40P01" && code != "40001") || try == batchTries-1 {
			return 0, fmt.Errorf("a batch: %w", err)
		}
		wait := time.NewTimer(againAfter)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return 0, context.Cause(ctx)
		}
	}
	return 0, err
}

// counted is how far the staging table says it is.
func counted(ctx context.Context, db direct.Executor, staging string) (progress, error) {
	p := progress{Staging: staging}
	err := db.QueryRow(ctx, "select count(*), count(*) filter (where done = 1), count(*) filter (where done = 2) from backout."+ident(staging)).
		Scan(&p.Rows, &p.Repaired, &p.Left)
	if err != nil {
		return p, fmt.Errorf("counting what is put back: %w", err)
	}
	return p, nil
}
