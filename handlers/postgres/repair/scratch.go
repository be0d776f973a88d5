package repair

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	scratchPrefix = "backout_compare_"
	scratchMark   = "backout compare "
	// keptFor is how long a scratch database and a staging table stay.
	keptFor  = 7 * 24 * time.Hour
	lockLook = 200 * time.Millisecond
)

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func scratchName(key string) string { return scratchPrefix + job.Short(key, 12) }

// lockKey is the advisory lock of whoever works for a step.
func lockKey(key string) int64 {
	sum := sha256.Sum256([]byte("backout.repair/" + key))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // Any 64 bits will do.
}

// maintenance is the database that others are made from.
func maintenance(a *direct.Address) *direct.Address {
	if a.Database() == "postgres" {
		return a.On("template1")
	}
	return a.On("postgres")
}

// locked waits until nobody else works for the step, as long as ctx lets it.
func locked(ctx context.Context, conn *pgx.Conn, key string) error {
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for {
		var got bool
		if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", lockKey(key)).Scan(&got); err != nil || got {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("an earlier run of this step is still at work: %w", context.Cause(ctx))
		}
	}
}

// origin is the comment of a scratch database: when it was made, and which copy is in it.
// A database without it is not whole.
type origin struct {
	Made      time.Time
	Copy, Sum string
	At        int64
}

func (o origin) String() string {
	return fmt.Sprintf("%s%s %s %s %d", scratchMark, o.Made.UTC().Format(time.RFC3339), o.Copy, o.Sum, o.At)
}

// originOf reads it; false when the comment is none of ours.
func originOf(comment string) (origin, bool) {
	rest, ok := strings.CutPrefix(comment, scratchMark)
	parts := strings.Fields(rest)
	if !ok || len(parts) != 4 {
		return origin{}, false
	}
	made, err1 := time.Parse(time.RFC3339, parts[0])
	at, err2 := strconv.ParseInt(parts[3], 10, 64)
	return origin{made, parts[1], parts[2], at}, err1 == nil && err2 == nil
}

// noted reads the comment of a database; exists is false when there is none of the name.
func noted(ctx context.Context, admin *pgx.Conn, name string) (note string, exists bool, err error) {
	err = admin.QueryRow(ctx, "select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = $1", name).Scan(&note)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("looking for database %s: %w", name, err)
	}
	return note, true, nil
}

// scratch makes the database of the copy, or finds the one that an earlier attempt of
// this step has made.
func (w *work) scratch(ctx context.Context, admin *pgx.Conn) error {
	name := w.Scratch
	note, exists, err := noted(ctx, admin, name)
	if err != nil {
		return err
	}
	if o, ours := originOf(note); exists && ours && o.Copy == w.Beside.Copy && o.Sum == w.Beside.Sum {
		return nil
	}
	if err := drop(ctx, admin, name); err != nil { // What an earlier attempt did not finish.
		return err
	}
	if err := w.Beside.Restore(ctx, w.address, name); err != nil {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		return errors.Join(fmt.Errorf("restoring copy %s beside: %w", w.Beside.Copy, err), drop(within, admin, name))
	}
	w.stop("restored")
	text := strings.ReplaceAll(origin{time.Now(), w.Beside.Copy, w.Beside.Sum, w.Beside.At}.String(), "'", "''")
	if _, err := admin.Exec(ctx, "comment on database "+ident(name)+" is '"+text+"'"); err != nil {
		return fmt.Errorf("marking database %s: %w", name, err)
	}
	return nil
}

func drop(ctx context.Context, admin *pgx.Conn, name string) error {
	if _, err := admin.Exec(ctx, "drop database if exists "+ident(name)+" with (force)"); err != nil {
		return fmt.Errorf("dropping database %s: %w", name, err)
	}
	return nil
}

// tidy drops scratch databases that are older than they are kept. One without a mark is
// of a run that was killed, or of one at work; those are left to the step of that key.
func tidy(ctx context.Context, admin *pgx.Conn, now time.Time) ([]string, error) {
	rows, err := admin.Query(ctx, `select datname, coalesce(shobj_description(oid, 'pg_database'), '') from pg_database
		where datname like 'backout\_compare\_%' and pg_has_role(datdba, 'member') order by 1`)
	if err != nil {
		return nil, fmt.Errorf("looking for old scratch databases: %w", err)
	}
	type found struct{ name, note string }
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (f found, err error) { return f, r.Scan(&f.name, &f.note) })
	if err != nil {
		return nil, fmt.Errorf("looking for old scratch databases: %w", err)
	}
	var dropped []string
	for _, f := range all {
		if o, ours := originOf(f.note); !ours || now.Sub(o.Made) < keptFor {
			continue
		}
		if err := drop(ctx, admin, f.name); err != nil {
			return dropped, err
		}
		dropped = append(dropped, f.name)
	}
	return dropped, nil
}

// tidyTables drops the staging tables of repairs that ended so long ago.
func tidyTables(ctx context.Context, conn *pgx.Conn, now time.Time) ([]string, error) {
	var there bool
	if err := conn.QueryRow(ctx, "select to_regclass('backout.mark') is not null").Scan(&there); err != nil {
		return nil, fmt.Errorf("looking for old staging tables: %w", err)
	}
	if !there {
		return nil, nil
	}
	rows, err := conn.Query(ctx, `select c.relname from backout.mark m join pg_class c on c.relname = m.note->>'staging' and c.relnamespace = 'backout'::regnamespace
		where m.action = 'postgres.repair' and m.state = $1 and m.at < $2 and c.relname like 'repair\_%'`, stateDone, now.Add(-keptFor))
	if err != nil {
		return nil, fmt.Errorf("looking for old staging tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking for old staging tables: %w", err)
	}
	for i, name := range names {
		if _, err := conn.Exec(ctx, "drop table backout."+ident(name)); err != nil {
			return names[:i], fmt.Errorf("dropping staging table %s: %w", name, err)
		}
	}
	return names, nil
}
