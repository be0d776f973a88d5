package postgrestest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Try runs one statement that may be refused.
func Try(tb testing.TB, url, statement string) error {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(tb.Context())) }()
	_, err = conn.Exec(tb.Context(), statement)
	return err
}
