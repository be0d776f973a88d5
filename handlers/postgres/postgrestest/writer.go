package postgrestest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Application is what writes to a database while a test goes on, as the code that serves
// would: one statement after the other, over a session that is opened anew when it was
// ended.
type Application struct {
	URL string
	// Every is the pause between two statements.
	Every time.Duration
	// Next is the next statement; Told hears what became of it: committed, or refused by
	// the server with a SQLSTATE. One whose session was ended is told to nobody: it may
	// have been committed only where the server died. Both are called by one goroutine.
	Next func() string
	Told func(statement, state string)
}

// Run lets it write until stop is called, which waits for its end, or the test ends.
func (a Application) Run(tb testing.TB) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			a.session(ctx)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	tb.Cleanup(stop)
	return stop
}

// session writes until it is ended.
func (a Application) session(ctx context.Context) {
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	conn, err := pgx.Connect(ctx, a.URL)
	if err != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		statement := a.Next()
		_, err := conn.Exec(ctx, statement)
		var pg *pgconn.PgError
		switch {
		case err == nil:
			a.Told(statement, "")
		case errors.As(err, &pg) && !conn.IsClosed() && pg.Severity == "ERROR":
			a.Told(statement, pg.Code)
		default:
			return
		}
	}
}
