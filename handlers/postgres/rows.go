package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// The limits of counting: of one query, and of all for one database.
const (
	countTimeout  = 3 * time.Second
	countsTimeout = 6 * time.Second
	keptError     = 160
)

// Wanted says what is to be counted in a database, because a migration between what
// serves and what would be gone back to needs it.
type Wanted func(ctx context.Context, project, env string) ([]orchestrator.RowsWanted, error)

// Counting lets the readings count rows as well. It is called before the first reading.
func (s *Schema) Counting(w Wanted) { s.wanted = w }

// Count asks the database of an environment now what its rows say of the migrations
// between; nothing where there is no such database, or nothing to ask.
func (s *Schema) Count(ctx context.Context, project, env string) []orchestrator.MigrationRows {
	for _, q := range s.databases {
		if q.project == project && q.env == env {
			return s.count(ctx, q)
		}
	}
	return nil
}

func (s *Schema) count(ctx context.Context, q *query) []orchestrator.MigrationRows {
	if s.wanted == nil {
		return nil
	}
	wanted, err := s.wanted(ctx, q.project, q.env)
	if err != nil || len(wanted) == 0 {
		return nil // what is not counted counts as unsure
	}
	out := make([]orchestrator.MigrationRows, len(wanted))
	for i, w := range wanted {
		out[i] = orchestrator.MigrationRows{
			Project: q.project, Environment: q.env, Name: w.Name, Sum: w.Sum, At: time.Now().UnixMilli(), Counts: make([]orchestrator.RowCount, len(w.Queries)),
		}
		for k := range out[i].Counts {
			out[i].Counts[k].Error = "it was not reached in time"
		}
	}
	bounded, cancel := context.WithTimeout(ctx, countsTimeout)
	defer cancel()
	counter := &query{project: q.project, env: q.env, config: q.config, spec: orchestrator.SQLSignal{ID: "rows", Timeout: countTimeout.Milliseconds()}}
	err = counter.reading(bounded, func(ctx context.Context, tx pgx.Tx) error {
		for i, w := range wanted {
			for k := range w.Queries {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				out[i].Counts[k] = counter.counted(ctx, tx, w.Queries[k].SQL)
			}
		}
		return nil
	})
	if err != nil && bounded.Err() == nil {
		notRead(out, direct.Said(err))
	}
	return out
}

// counted asks one query. Its failure ends with its savepoint, so that the next one can
// be asked.
func (q *query) counted(ctx context.Context, tx pgx.Tx, sql string) orchestrator.RowCount {
	point, err := tx.Begin(ctx)
	if err != nil {
		return orchestrator.RowCount{Error: clipped(direct.Said(err))}
	}
	defer func() { _ = point.Rollback(ctx) }() // It only read.
	asked := *q
	asked.spec.SQL = sql
	n, err := asked.read(ctx, point)
	if err != nil {
		return orchestrator.RowCount{Error: clipped(direct.Said(err))}
	}
	return orchestrator.RowCount{N: n}
}

func notRead(all []orchestrator.MigrationRows, why string) {
	for i := range all {
		for k := range all[i].Counts {
			all[i].Counts[k] = orchestrator.RowCount{Error: clipped(why)}
		}
	}
}

func clipped(text string) string {
	if r := []rune(text); len(r) > keptError {
		return string(r[:keptError]) + "…"
	}
	return text
}
