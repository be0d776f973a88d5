package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// windowTimeout bounds a query over the window of an incident: it reads many rows, once.
const windowTimeout = 15 * time.Second

// Window asks a database what was written in a window of time. It is safe for
// concurrent use.
type Window struct {
	query *query
	// names are what the parameters stand for, in their order.
	names []string
}

// NewWindow prepares a query in which $from and $to stand for the window. It connects to
// nothing; its errors never hold the URL.
func NewWindow(d Database, sql string) (*Window, error) {
	cfg, err := connConfig(d.URL, d.AllowPrivate)
	if err != nil {
		return nil, fmt.Errorf("database.evidence_url of %s/%s: %w", d.Project, d.Environment, err)
	}
	w := &Window{}
	for _, name := range []string{"$from", "$to"} {
		if strings.Contains(sql, name) {
			w.names = append(w.names, name)
			sql = strings.ReplaceAll(sql, name, "$"+strconv.Itoa(len(w.names))+"::timestamptz")
		}
	}
	w.query = &query{
		project: d.Project, env: d.Environment, config: cfg,
		spec: orchestrator.SQLSignal{SQL: sql, Timeout: windowTimeout.Milliseconds()},
	}
	return w, nil
}

// Rows hands over every row, as texts in the order of the columns; null is empty. More
// than most is a permanent error, for a list that grew is for a person to look at, and
// then none of them counts. Its errors hold no row's data.
func (w *Window) Rows(ctx context.Context, from, to time.Time, most int) ([][]string, error) {
	var all [][]string
	err := w.query.reading(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var args []any
		for _, name := range w.names {
			at := map[string]time.Time{"$from": from, "$to": to}[name]
			args = append(args, at.UTC().Format(time.RFC3339Nano))
		}
		rows, err := tx.Query(ctx, w.query.spec.SQL, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(all) == most {
				return orchestrator.Permanent(fmt.Errorf("it gave more than %d rows", most))
			}
			row, err := texts(rows)
			if err != nil {
				return err
			}
			all = append(all, row)
		}
		return rows.Err()
	})
	if err == nil {
		return all, nil
	}
	said := errors.New("asking the database of " + w.query.project + "/" + w.query.env + ": " + direct.Said(err))
	if orchestrator.IsPermanent(err) {
		said = orchestrator.Permanent(said)
	}
	return nil, said
}

// texts reads a row as texts.
func texts(rows pgx.Rows) ([]string, error) {
	values := make([]*string, len(rows.FieldDescriptions()))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, errors.New("a column is no text; cast it, such as id::text")
	}
	row := make([]string, len(values))
	for i, v := range values {
		if v != nil {
			row[i] = *v
		}
	}
	return row, nil
}
