package direct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Mark is what an effect leaves in the database, in schema backout beside the
// application's own, so that a later look finds what it did. Key is the step's key,
// constant over its attempts.
type Mark struct {
	Key    string
	Action string
	// State is a word of the action's own; the last one written counts.
	State string
	Note  json.RawMessage
	At    time.Time
}

// Executor is a connection or a transaction.
type Executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// EnsureMarks makes the table of the marks; it costs nothing where it is there.
func EnsureMarks(ctx context.Context, db Executor) error {
	for _, sql := range []string{
		"create schema if not exists backout",
		`create table if not exists backout.mark (
			key text primary key, action text not null, state text not null,
			note jsonb not null default '{}', at timestamptz not null default clock_timestamp())`,
	} {
		if _, err := db.Exec(ctx, sql); err != nil {
			return fmt.Errorf("making the table backout.mark: %w", err)
		}
	}
	return nil
}

// PutMark writes a mark over the one of the same key. Within a transaction it is there
// exactly when the work of that transaction is.
func PutMark(ctx context.Context, db Executor, m Mark) error {
	if len(m.Note) == 0 {
		m.Note = json.RawMessage("{}")
	}
	_, err := db.Exec(ctx, `insert into backout.mark (key, action, state, note) values ($1, $2, $3, $4::text::jsonb)
		on conflict (key) do update set state = excluded.state, note = excluded.note, at = clock_timestamp()`, m.Key, m.Action, m.State, string(m.Note))
	if err != nil {
		return fmt.Errorf("marking %s as %s: %w", m.Action, m.State, err)
	}
	return nil
}

// ReadMark reads the mark of a key; false when there is none, or no table of marks.
func ReadMark(ctx context.Context, db Executor, key string) (Mark, bool, error) {
	m := Mark{Key: key}
	var note string
	err := db.QueryRow(ctx, "select action, state, note::text, at from backout.mark where key = $1", key).Scan(&m.Action, &m.State, &note, &m.At)
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows), errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000"):
		return Mark{}, false, nil
	case err != nil:
		return Mark{}, false, fmt.Errorf("reading the mark of %s: %w", key, err)
	}
	m.Note = json.RawMessage(note)
	return m, true, nil
}
