package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// inspectTimeout bounds each look, in milliseconds: a database in trouble answers slowly.
const inspectTimeout = 4000

// Keeper puts evidence aside, secrets masked, and says under which hash and how long it
// is.
type Keeper func(ctx context.Context, data []byte) (hash string, bytes int, err error)

// Inspect is postgres.evidence: what a DBA would look at first, kept as it is now. It
// only reads, and is safe for concurrent use.
type Inspect struct {
	databases []*query
	keep      Keeper
}

// NewInspect prepares the looks. It connects to nothing; its errors hold no URL.
func NewInspect(databases []Database, keep Keeper) (*Inspect, error) {
	i := &Inspect{keep: keep}
	for k := range databases {
		cfg, err := connConfig(databases[k].URL, databases[k].AllowPrivate)
		if err != nil {
			return nil, fmt.Errorf("database.evidence_url of %s/%s: %w", databases[k].Project, databases[k].Environment, err)
		}
		i.databases = append(i.databases, &query{
			project: databases[k].Project, env: databases[k].Environment, config: cfg,
			spec: orchestrator.SQLSignal{ID: "evidence", Timeout: inspectTimeout},
		})
	}
	return i, nil
}

// look is one thing that is looked at. Literals of statements are left out: they are
// people's data.
type look struct {
	name string
	// says is a sentence with the number of rows, for the timeline.
	says string
	sql  string
}

const bare = `left(regexp_replace(regexp_replace(query, '''([^'']|'''')*''', '?', 'g'), '\m[0-9]+\M', '?', 'g'), 300)`

func looks() []look {
	return []look{
		{"waiting", "%d sessions wait for a lock", `select pid, usename, now() - query_start as since, pg_blocking_pids(pid) as blocked_by, ` + bare + ` as statement
			from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0 order by query_start limit 50`},
		{"long", "%d statements or transactions run for over a minute", `select pid, usename, application_name, state, now() - xact_start as transaction_since, ` + bare + ` as statement
			from pg_stat_activity where xact_start < now() - interval '1 minute' and pid <> pg_backend_pid() order by xact_start limit 50`},
		{"sessions", "", `select usename, application_name, state, count(*) from pg_stat_activity where backend_type = 'client backend' group by 1, 2, 3 order by 4 desc limit 50`},
		{"limits", "", `select current_setting('max_connections')::int as max_connections, (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
			current_setting('default_transaction_read_only') as read_only, pg_is_in_recovery() as in_recovery, version()`},
		{"size", "", `select pg_database_size(current_database()) as bytes, pg_size_pretty(pg_database_size(current_database())) as size`},
		{"tables", "", `select schemaname, relname, pg_total_relation_size(relid) as bytes, n_live_tup as live_rows, n_tup_ins as inserted, n_tup_upd as updated, n_tup_del as deleted, last_autovacuum
			from pg_stat_user_tables order by 3 desc limit 30`},
		{"replication", "%d replicas", `select application_name, state, replay_lag, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) as bytes_behind from pg_stat_replication limit 20`},
		{"slots", "", `select slot_name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) as bytes_kept from pg_replication_slots limit 20`},
		{"rights", "", `select grantee, table_schema, table_name, string_agg(privilege_type, ',' order by privilege_type) as may
			from information_schema.role_table_grants where privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') and table_schema not in ('pg_catalog', 'information_schema') group by 1, 2, 3 order by 2, 3 limit 100`},
		{"migrations", "", `select migration_name, started_at, finished_at, rolled_back_at from _prisma_migrations order by started_at desc limit 10`},
	}
}

// Actions answers the action by name.
func (i *Inspect) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{"postgres.evidence": i}
}

// Spec implements orchestrator.Action.
func (i *Inspect) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.evidence", Safety: orchestrator.Repeatable, CallTimeout: 30_000,
		Permissions: []string{"pg_monitor sees the statements of others; without it only their number"},
	}
}

// Do looks at everything it may, on one connection, and keeps it as database.json. What it
// may not see is named there.
func (i *Inspect) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	k := slices.IndexFunc(i.databases, func(q *query) bool { return q.project == c.Project && q.env == c.Environment })
	if k < 0 {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("the database of " + c.Project + "/" + c.Environment + " is not configured; write database.evidence_url"))
	}
	seen, says, err := i.databases[k].inspect(ctx)
	if err != nil {
		return orchestrator.Output{Errored: true, Text: "the database does not answer: " + direct.Said(err)}, nil
	}
	data, err := json.MarshalIndent(seen, "", "  ")
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what the database shows: %w", err)
	}
	hash, n, err := i.keep(ctx, data)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("keeping what the database shows: %w", err)
	}
	out := orchestrator.EvidenceOutput{Evidence: []orchestrator.Evidence{{Name: "database.json", Bytes: n, Blob: hash, Note: "sessions, locks, sizes, replication, rights and migrations"}}}
	if data, err = json.Marshal(out); err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the evidence of the database: %w", err)
	}
	return orchestrator.Output{Data: data, Text: strings.Join(says, ", ") + "; " + out.Text()}, nil
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (i *Inspect) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "it only looks"}, nil
}

// Plan implements orchestrator.Action.
func (i *Inspect) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: "Keep what the database of " + c.Project + "/" + c.Environment + " shows: sessions, locks, sizes, replication, rights, migrations"}, nil
}

// inspect takes every look. One that fails says why in its place; none is worth the others.
func (q *query) inspect(ctx context.Context) (seen map[string]any, says []string, err error) {
	seen = map[string]any{}
	for _, l := range looks() {
		var rows []map[string]any
		err := q.reading(ctx, func(ctx context.Context, tx pgx.Tx) error {
			found, err := tx.Query(ctx, l.sql)
			if err != nil {
				return err
			}
			rows, err = pgx.CollectRows(found, pgx.RowToMap)
			return err
		})
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "connecting"):
			return nil, nil, err
		case err != nil:
			seen[l.name] = "not seen: " + direct.Said(err)
		default:
			seen[l.name] = plainRows(rows)
			if l.says != "" && len(rows) > 0 {
				says = append(says, fmt.Sprintf(l.says, len(rows)))
			}
		}
	}
	if len(says) == 0 {
		says = []string{"nothing waits and nothing is long"}
	}
	return seen, says, nil
}

// plainRows makes texts of what JSON would show as PostgreSQL's own structures.
func plainRows(rows []map[string]any) []map[string]any {
	for _, row := range rows {
		for name, v := range row {
			switch v.(type) {
			case nil, string, bool, int16, int32, int64, float64:
			default:
				row[name] = fmt.Sprint(v)
			}
		}
	}
	return rows
}
