package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

func cluster(t *testing.T) string {
	t.Helper()
	return postgrestest.Start(t)
}

// run speaks to the cluster as its owner.
func run(t *testing.T, url string, statements ...string) {
	t.Helper()
	postgrestest.Run(t, url, statements...)
}

// lockTable holds the lock a migration takes until unlock is closed.
func lockTable(t *testing.T, url string, locked, unlock chan struct{}) {
	t.Helper()
	defer close(locked)
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := conn.Exec(context.Background(), "begin; lock table payments in access exclusive mode"); err != nil {
		t.Error(err)
	}
	go func() {
		<-unlock
		_ = conn.Close(context.Background())
	}()
}
