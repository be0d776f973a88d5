package access

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// endWithin is how long ended sessions may take to go.
const endWithin = 3 * time.Second

// endSessions ends the sessions of the roles in this database: what they began before
// may still be committed. told is not empty when some could not be ended.
func endSessions(ctx context.Context, conn *pgx.Conn, roles []string) (ended int, told string, err error) {
	const which = `from pg_stat_activity where datname = current_database() and usename = any($1) and pid <> pg_backend_pid()`
	rows, err := conn.Query(ctx, "select pid "+which, roles)
	if err != nil {
		return 0, "", err
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return 0, "", err
	}
	for _, pid := range pids {
		var ok bool
		switch err := conn.QueryRow(ctx, "select pg_terminate_backend($1)", pid).Scan(&ok); {
		case denied(err):
			return ended, "sessions of the application could not be ended, Backout's role may not: what they had begun may still be committed", nil
		case err != nil:
			return ended, "", err
		case ok:
			ended++
		}
	}
	var open int
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(endWithin)
	for {
		if err := conn.QueryRow(ctx, "select count(*) "+which+" and pid = any($2)", roles, pids).Scan(&open); err != nil || open == 0 {
			return ended, "", err
		}
		select {
		case <-tick.C:
		case <-late:
			return ended, fmt.Sprintf("%d sessions of the application have not gone yet", open), nil
		case <-ctx.Done():
			return ended, "", ctx.Err()
		}
	}
}
