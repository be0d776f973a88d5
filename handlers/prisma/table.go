package prisma

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/aimarketplace/backout/orchestrator"
)

// advisoryLock is the key that Prisma takes while it migrates.
const advisoryLock = 72707369

// row is a line of _prisma_migrations. A name may have several: each try adds one.
type row struct {
	Name, Checksum       string
	Started              time.Time
	Finished, RolledBack *time.Time
	Logs                 string
}

func (r row) applied() bool    { return r.Finished != nil && r.RolledBack == nil }
func (r row) unfinished() bool { return r.Finished == nil && r.RolledBack == nil }

// holder is the session that holds Prisma's lock.
type holder struct {
	PID   int32
	Since time.Time
}

func (h *holder) String() string {
	return fmt.Sprintf("a migration is running, by pid %d of the database since %s", h.PID, h.Since.UTC().Format("15:04:05 MST"))
}

// ledger is what the database says.
type ledger struct {
	rows []row
	// holder is nil while nobody holds the lock.
	holder *holder
}

// applied answers the checksum with which a migration was applied.
func (l *ledger) applied(name string) (sum string, ok bool) {
	for _, r := range l.rows {
		if r.Name == name && r.applied() {
			return r.Checksum, true
		}
	}
	return "", false
}

// unfinished finds the row of a migration that was begun and not finished.
func (l *ledger) unfinished(name string) *row {
	i := slices.IndexFunc(l.rows, func(r row) bool { return r.Name == name && r.unfinished() })
	if i < 0 {
		return nil
	}
	return &l.rows[i]
}

func (l *ledger) rolledBack(name string) bool {
	return l.unfinished(name) == nil && slices.ContainsFunc(l.rows, func(r row) bool { return r.Name == name && r.RolledBack != nil })
}

func (l *ledger) failed() []string {
	var out []string
	for _, r := range l.rows {
		if r.unfinished() {
			out = append(out, r.Name)
		}
	}
	return out
}

// read asks the database in a read-only transaction of its own. An error says nothing
// about migrations.
func (t *target) read(ctx context.Context) (*ledger, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	l, err := t.ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the migrations in the database of %s/%s: %w", t.Project, t.Environment, plainly(err))
	}
	return l, nil
}

func (t *target) ask(ctx context.Context) (*ledger, error) {
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(ctx, conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }() // The connection ends here in any case.
	// The lock before the table: whoever lets go in between has written its rows.
	h, err := lockHolder(ctx, tx)
	if err != nil {
		return nil, err
	}
	rows, err := t.rows(ctx, tx)
	return &ledger{rows, h}, err
}

func (t *target) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, t.config)
	if err != nil {
		return nil, err
	}
	for name, d := range map[string]time.Duration{"statement_timeout": readWait, "lock_timeout": lockWait} {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", name, strconv.FormatInt(d.Milliseconds(), 10)); err != nil {
			hangUp(ctx, conn)
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return conn, nil
}

func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // What was to be read is read.
}

// lockHolder finds who holds Prisma's lock in this database. PostgreSQL does not tell
// since when; nobody holds it for longer than they are connected.
func lockHolder(ctx context.Context, tx pgx.Tx) (*holder, error) {
	const sql = `select l.pid, coalesce(a.backend_start, now()) from pg_locks l left join pg_stat_activity a on a.pid = l.pid
		where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = $1 and l.objsubid = 1
		and l.database = (select oid from pg_database where datname = current_database()) limit 1`
	var h holder
	err := tx.QueryRow(ctx, sql, int64(advisoryLock)).Scan(&h.PID, &h.Since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &h, err
}

func (t *target) rows(ctx context.Context, tx pgx.Tx) ([]row, error) {
	var there bool
	if err := tx.QueryRow(ctx, "select to_regclass($1) is not null", t.table).Scan(&there); err != nil || !there {
		return nil, err
	}
	found, err := tx.Query(ctx, `select migration_name, checksum, started_at, finished_at, rolled_back_at, coalesce(left(logs, 2000), '')
		from `+t.table+` order by started_at, id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(r pgx.CollectableRow) (row, error) {
		var m row
		return m, r.Scan(&m.Name, &m.Checksum, &m.Started, &m.Finished, &m.RolledBack, &m.Logs)
	})
}

// plainly puts an error into words without a row's data.
func plainly(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	return err
}

// unmixed refuses a connection that mixes the schema of the marks with the application's:
// PostgreSQL looks first in a schema named as the role, so unqualified statements of a
// role named backout would land among the marks.
func (t *target) unmixed() error {
	const marks = "backout"
	if t.address.Schema == marks || t.address.User() == marks {
		return orchestrator.Permanent(fmt.Errorf("the connection of %s/%s has the role or the schema %s, which is where Backout keeps its marks: connect as the owner of the tables, under another name", t.Project, t.Environment, marks))
	}
	return nil
}

// free refuses to go on while a migration runs.
func (l *ledger) free(todo string) error {
	if l.holder == nil {
		return nil
	}
	const again = 5 * time.Second
	return orchestrator.RetryAfter(fmt.Errorf("not %s yet: %s", todo, l.holder), again)
}
