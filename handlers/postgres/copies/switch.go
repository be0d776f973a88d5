package copies

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	swapTries = 5
	killEvery = 50 * time.Millisecond
	// inUse is the server's code for a database that others are connected to.
	inUse = "55006"
)

// swap lets the restored database take the name. Sessions are ended meanwhile.
func (w *work) swap(ctx context.Context, c *Copy) (before string, err error) {
	name := w.address.Database()
	target := beside(name, w.Key)
	admin, err := maintenance(w.address).Open(ctx, direct.Limits{Lock: 5 * time.Second})
	if err != nil {
		return "", err
	}
	defer direct.Close(ctx, admin)
	end, err := w.drain(ctx, name, target)
	if err != nil {
		return "", err
	}
	before = kept(name, time.Now())
	for range swapTries {
		if err = w.rename(ctx, admin, c, before); !busy(err) {
			break
		}
	}
	stubborn := end()
	if busy(err) {
		return "", fmt.Errorf("sessions could not be ended (%s), so nothing was switched; %s is ready: %w", strings.Join(stubborn, ", "), target, err)
	}
	if err != nil {
		return "", fmt.Errorf("switching the databases; nothing was switched, %s is ready: %w", target, err)
	}
	w.stop("switched")
	return before, nil
}

func busy(err error) bool {
	return direct.Code(err) == inUse || direct.Code(err) == "55P03"
}

// rename is the switch: both renames and both marks, or nothing of it. The lock that the
// first rename takes keeps new sessions waiting until the end; then they find no database
// or the restored one.
func (w *work) rename(ctx context.Context, admin *pgx.Conn, c *Copy, before string) error {
	name := w.address.Database()
	tx, err := admin.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // Nothing after a commit.
	var old string
	if err := tx.QueryRow(ctx, "select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = $1", name).Scan(&old); err != nil {
		return fmt.Errorf("reading the comment of %s: %w", name, err)
	}
	if err := run(ctx, tx, "alter database "+ident(name)+" rename to "+ident(before)); err != nil {
		return err
	}
	w.stop("between")
	if err := run(ctx, tx, "alter database "+ident(beside(name, w.Key))+" rename to "+ident(name)); err != nil {
		return err
	}
	if err := comment(ctx, tx, name, mark(w.Key, stateSwitched, c.Name, before)); err != nil {
		return err
	}
	note := "kept by backout: this was " + name + " until " + time.Now().UTC().Format(time.RFC3339)
	if old != "" {
		note = old + "\n" + note // The first line may be the mark of an earlier restore.
	}
	if err := comment(ctx, tx, before, note); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// drain ends the sessions of databases, again and again until end is called; end tells
// whose could not be ended.
func (w *work) drain(ctx context.Context, names ...string) (end func() []string, err error) {
	conn, err := maintenance(w.address).Open(ctx, direct.Limits{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan []string, 1)
	go func() {
		defer direct.Close(ctx, conn)
		tick := time.NewTicker(killEvery)
		defer tick.Stop()
		var stubborn []string
		for {
			if now, err := terminate(ctx, conn, names); err == nil {
				stubborn = now
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- stubborn
				return
			}
		}
	}()
	return func() []string {
		cancel()
		return <-done
	}, nil
}

// terminate ends every session of databases once; whose it may not, it names.
func terminate(ctx context.Context, conn *pgx.Conn, names []string) (stubborn []string, err error) {
	rows, err := conn.Query(ctx, "select pid, coalesce(usename, backend_type, '?') from pg_stat_activity where datname = any($1) and pid <> pg_backend_pid()", names)
	if err != nil {
		return nil, err
	}
	type session struct {
		pid int32
		who string
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (s session, err error) { return s, r.Scan(&s.pid, &s.who) })
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if _, err := conn.Exec(ctx, "select pg_terminate_backend($1)", s.pid); err != nil && !slices.Contains(stubborn, s.who) {
			stubborn = append(stubborn, s.who)
		}
	}
	return stubborn, nil
}
