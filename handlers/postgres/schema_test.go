package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

// prismaTable is what `prisma migrate` makes (prisma-engines, sql-schema-connector).
const prismaTable = `create table _prisma_migrations (
	id varchar(36) primary key not null, checksum varchar(64) not null, finished_at timestamptz, migration_name varchar(255) not null,
	logs text, rolled_back_at timestamptz, started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`

func readOnce(t *testing.T, s *postgres.Schema) orchestrator.SchemaRead {
	t.Helper()
	records, err := s.Sources()[0].Poll(t.Context())
	if err != nil || len(records) != 1 || records[0].Schema == nil {
		t.Fatalf("%+v, %v", records, err)
	}
	return *records[0].Schema
}

// TestSchema: what Prisma's table says, in every state a migration can be in, and who
// holds its lock.
func TestSchema(t *testing.T) {
	t.Parallel()
	address := cluster(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	s, err := postgres.NewSchema([]postgres.Database{{Project: "shop", Environment: "production", URL: address, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := readOnce(t, s); !got.Missing || got.Error != "" || got.Project != "shop" || got.Environment != "production" {
		t.Errorf("without the table: %+v", got)
	}
	for _, sql := range []string{
		prismaTable,
		`insert into _prisma_migrations (id, checksum, migration_name, finished_at, rolled_back_at) values
			('1', 'sum1', '20260101_init', now(), null), ('2', '', '20260202_failed_then_applied', null, now()),
			('3', 'sum3', '20260202_failed_then_applied', now(), null), ('4', '', '20260303_open', null, null), ('5', '', '20260404_rolled_back', null, now())`,
		`select pg_advisory_lock(72707369)`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	got := readOnce(t, s)
	if !slices.Equal(got.Applied, []string{"20260101_init", "20260202_failed_then_applied"}) || got.All != 2 || !slices.Equal(got.Failed, []string{"20260303_open"}) {
		t.Errorf("%+v", got)
	}
	if len(got.AppliedAt) != 2 || time.Since(time.UnixMilli(got.AppliedAt[1])) > time.Minute || !slices.Equal(got.Sums, []string{"sum1", "sum3"}) {
		t.Errorf("applied at %v, sums %v", got.AppliedAt, got.Sums)
	}
	if got.Lock == nil || got.Lock.PID != int(conn.PgConn().PID()) || time.Since(time.UnixMilli(got.Lock.Since)) > time.Minute {
		t.Errorf("the lock: %+v", got.Lock)
	}
	if _, err := conn.Exec(t.Context(), `select pg_advisory_unlock(72707369)`); err != nil {
		t.Fatal(err)
	}
	out, err := s.Do(t.Context(), orchestrator.Call{Project: "shop", Environment: "production"})
	if err != nil || out.Text != "2 migrations applied, the newest 20260202_failed_then_applied; not ended: 20260303_open" || strings.Contains(string(out.Data), "lock") {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestSchema_cannotBeRead: a role without the right, and a server that is gone, are
// told apart from a database that is up to date.
func TestSchema_cannotBeRead(t *testing.T) {
	t.Parallel()
	address := cluster(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{prismaTable, `create role reader login`} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	reader := strings.Replace(address, "backout@", "reader@", 1)
	for name, url := range map[string]string{"permission denied": reader, "connecting": "postgres://reader:zq-secret@127.0.0.1:1/x"} {
		s, err := postgres.NewSchema([]postgres.Database{{Project: "shop", Environment: "production", URL: url, AllowPrivate: []string{"127.0.0.0/8"}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := readOnce(t, s); !strings.Contains(got.Error, name) || strings.Contains(got.Error, "zq-secret") || got.Missing || got.Applied != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
