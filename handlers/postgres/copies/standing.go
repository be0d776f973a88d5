package copies

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// The states of a restore, as the comment of a database tells them.
const (
	stateLoading  = "loading"
	stateLoaded   = "loaded"
	stateSwitched = "switched"
)

const (
	markWord = "backout restore "
	nameMost = 63 // bytes of a name in PostgreSQL
)

// mark is the comment that a restore leaves on a database.
func mark(key, state, copyName, before string) string {
	text := markWord + job.Short(key, 16) + " " + state + " " + copyName
	if before != "" {
		text += " before " + before
	}
	return text
}

// beside is the name of the database that a restore is made in.
func beside(name, key string) string { return fit(name, "_restore_"+job.Short(key, 8)) }

// kept is the name of the database that was replaced.
func kept(name string, at time.Time) string {
	return fit(name, "_before_"+at.UTC().Format("20060102150405"))
}

func fit(name, end string) string {
	return strings.ToValidUTF8(name[:min(len(name), nameMost-len(end))], "") + end
}

// standing is how far a restore is, as the databases of the server tell it.
type standing struct {
	// Target is set when the database beside is there; Ours when it has the mark of this
	// restore, in State.
	Target, Ours bool
	State        string
	// Switched is set when a database that had the name has the mark of this restore;
	// Before is what the one before is called.
	Switched bool
	Before   string
}

// stands looks at the databases' names and comments; it needs no right but to connect.
func stands(ctx context.Context, admin *pgx.Conn, name, key string) (standing, error) {
	var s standing
	rows, err := admin.Query(ctx, "select datname, coalesce(shobj_description(oid, 'pg_database'), '') from pg_database")
	if err != nil {
		return s, fmt.Errorf("listing the databases: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var db, comment string
		if err := rows.Scan(&db, &comment); err != nil {
			return s, fmt.Errorf("listing the databases: %w", err)
		}
		line, _, _ := strings.Cut(comment, "\n")
		said, ours := strings.CutPrefix(line, markWord+job.Short(key, 16)+" ")
		state, rest, _ := strings.Cut(said, " ")
		switch {
		case ours && state == stateSwitched:
			s.Switched = true
			_, s.Before, _ = strings.Cut(rest, " before ") // A name may have blanks in it, the copy's has none.
		case db == beside(name, key):
			s.Target, s.Ours, s.State = true, ours, state
		}
	}
	return s, rows.Err()
}

// restoring reports whether a restore is at work on the server, also one of a Backout on
// another machine: it holds the lock as long as it lives.
func restoring(ctx context.Context, admin *pgx.Conn) (bool, error) {
	var held bool
	err := admin.QueryRow(ctx, `select exists (select 1 from pg_locks where locktype = 'advisory' and granted and objsubid = 1
		and database = (select oid from pg_database where datname = current_database())
		and classid = ($1::bigint >> 32)::oid and objid = ($1::bigint & 4294967295)::oid)`, int64(restoreLock)).Scan(&held)
	if err != nil {
		return false, fmt.Errorf("looking whether a restore is at work: %w", err)
	}
	return held, nil
}

// run runs a statement and says which failed.
func run(ctx context.Context, db direct.Executor, sql string) error {
	if _, err := db.Exec(ctx, sql); err != nil {
		what, _, _ := strings.Cut(sql, " is '")
		return fmt.Errorf("%s: %w", what[:min(len(what), 160)], err)
	}
	return nil
}

func comment(ctx context.Context, db direct.Executor, name, text string) error {
	return run(ctx, db, "comment on database "+ident(name)+" is "+quote(text))
}
