package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// prismaLock is the advisory lock Prisma holds while it migrates
// (schema-engine, sql-schema-connector, PostgreSQL flavour).
const prismaLock = 72707369

// The newest migrations that are told, how often the table is read, and the limit of
// one reading.
const (
	maxMigrations = 50
	schemaEvery   = 30 * time.Second
	schemaTimeout = 5 * time.Second
)

// Schema reads which migrations the databases have. It is the action postgres.schema,
// a read, and gives a source for each database; safe for concurrent use.
type Schema struct {
	databases []*query
	wanted    Wanted
}

// NewSchema prepares the readings. It connects to nothing; its errors hold no URL.
func NewSchema(databases []Database) (*Schema, error) {
	s := &Schema{}
	for i := range databases {
		cfg, err := connConfig(databases[i].URL, databases[i].AllowPrivate)
		if err != nil {
			return nil, fmt.Errorf("database.evidence_url of %s/%s: %w", databases[i].Project, databases[i].Environment, err)
		}
		s.databases = append(s.databases, &query{
			project: databases[i].Project, env: databases[i].Environment, config: cfg,
			spec: orchestrator.SQLSignal{ID: "migrations", Timeout: schemaTimeout.Milliseconds()},
		})
	}
	return s, nil
}

// Sources answers a source for each database.
func (s *Schema) Sources() []orchestrator.Source {
	out := make([]orchestrator.Source, len(s.databases))
	for i, q := range s.databases {
		out[i] = &schemaSource{s, q}
	}
	return out
}

type schemaSource struct {
	schema *Schema
	q      *query
}

// Name implements orchestrator.Source.
func (s *schemaSource) Name() string { return "schema/" + s.q.project + "/" + s.q.env }

// Every is how often it is read.
func (s *schemaSource) Every() time.Duration { return schemaEvery }

// Poll implements orchestrator.Source. What cannot be read is told, too: not to know is
// something else than to be up to date.
func (s *schemaSource) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	r := readSchema(ctx, s.q)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	records := []orchestrator.Record{{Schema: &r}}
	if r.Error != "" {
		return records, nil
	}
	for _, rows := range s.schema.count(ctx, s.q) {
		records = append(records, orchestrator.Record{Rows: &rows})
	}
	return records, ctx.Err()
}

// Spec implements orchestrator.Action.
func (s *Schema) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: orchestrator.SchemaAction, Safety: orchestrator.Repeatable, CallTimeout: 15_000,
		Permissions: []string{"select on _prisma_migrations"},
	}
}

// Do reads the migrations of the call's environment; its output is a SchemaRead.
func (s *Schema) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	i := slices.IndexFunc(s.databases, func(q *query) bool { return q.project == c.Project && q.env == c.Environment })
	if i < 0 {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("the database of " + c.Project + "/" + c.Environment + " is not configured; write database.evidence_url"))
	}
	r := readSchema(ctx, s.databases[i])
	if r.Error == "" {
		r.Rows = s.count(ctx, s.databases[i])
	}
	data, err := json.Marshal(r)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the migrations of %s/%s: %w", c.Project, c.Environment, err)
	}
	return orchestrator.Output{Data: data, Text: schemaText(&r), Errored: r.Error != ""}, nil
}

func schemaText(r *orchestrator.SchemaRead) string {
	switch {
	case r.Error != "":
		return "the migrations could not be read: " + r.Error
	case r.Missing:
		return "the database has no table _prisma_migrations"
	}
	text := strconv.Itoa(r.All) + " migrations applied"
	if len(r.Applied) > 0 {
		text += ", the newest " + r.Applied[len(r.Applied)-1]
	}
	if len(r.Failed) > 0 {
		text += "; not ended: " + r.Failed[0]
	}
	if r.Lock != nil {
		text += "; one is running"
	}
	return text
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (s *Schema) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a query only looks"}, nil
}

// Plan implements orchestrator.Action.
func (s *Schema) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: "Read which migrations the database of " + c.Project + "/" + c.Environment + " has"}, nil
}

// readSchema reads once, on a connection of its own.
func readSchema(ctx context.Context, q *query) orchestrator.SchemaRead {
	r := orchestrator.SchemaRead{Project: q.project, Environment: q.env, At: time.Now().UnixMilli()}
	err := q.reading(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, "select to_regclass('_prisma_migrations') is not null").Scan(&there); err != nil {
			return err
		}
		if r.Missing = !there; there {
			if err := readMigrations(ctx, tx, &r); err != nil {
				return err
			}
		}
		return readLock(ctx, tx, &r)
	})
	if err != nil {
		return orchestrator.SchemaRead{Project: q.project, Environment: q.env, At: r.At, Error: direct.Said(err)}
	}
	return r
}

func readMigrations(ctx context.Context, tx pgx.Tx, r *orchestrator.SchemaRead) error {
	rows, err := tx.Query(ctx, `select migration_name, bool_or(finished_at is not null and rolled_back_at is null), bool_or(finished_at is null and rolled_back_at is null),
		max(finished_at) filter (where rolled_back_at is null),
		coalesce((array_agg(checksum order by finished_at desc nulls last) filter (where finished_at is not null and rolled_back_at is null))[1], '')
		from _prisma_migrations group by migration_name order by migration_name`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var applied, open bool
		var at *time.Time
		var sum string
		if err := rows.Scan(&name, &applied, &open, &at, &sum); err != nil {
			return err
		}
		switch {
		case applied:
			r.Applied, r.Sums = append(r.Applied, name), append(r.Sums, sum)
			r.AppliedAt = append(r.AppliedAt, millisOf(at))
		case open:
			r.Failed = append(r.Failed, name)
		}
	}
	r.All = len(r.Applied)
	from := max(0, len(r.Applied)-maxMigrations)
	r.Applied, r.AppliedAt, r.Sums = r.Applied[from:], r.AppliedAt[from:], r.Sums[from:]
	r.Failed = r.Failed[max(0, len(r.Failed)-maxMigrations):]
	return rows.Err()
}

func millisOf(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMilli()
}

// readLock looks who migrates now. Since when is only seen by roles that may read
// other sessions (pg_read_all_stats).
func readLock(ctx context.Context, tx pgx.Tx, r *orchestrator.SchemaRead) error {
	var pid int
	var since *time.Time
	err := tx.QueryRow(ctx, `select l.pid, a.state_change from pg_locks l left join pg_stat_activity a on a.pid = l.pid
		where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = $1 and l.objsubid = 1
		and l.database = (select oid from pg_database where datname = current_database()) limit 1`, prismaLock).Scan(&pid, &since)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	r.Lock = &orchestrator.MigrationLock{PID: pid}
	if since != nil {
		r.Lock.Since = since.UnixMilli()
	}
	return nil
}
