package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestSchema_countsRows: each query gives its number or says why not, one that fails
// takes nothing from the others, and none can write.
func TestSchema_countsRows(t *testing.T) {
	t.Parallel()
	address := cluster(t)
	run(t, address, prismaTable)
	run(t, address, `create table orders (method text); insert into orders values ('TOSS_PAY'), ('TOSS_PAY'), ('CARD')`)
	s, err := postgres.NewSchema([]postgres.Database{{Project: "shop", Environment: "production", URL: address, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	query := func(sql string) orchestrator.RowQuery { return orchestrator.RowQuery{SQL: sql, Decides: "reads"} }
	wanted := []orchestrator.RowsWanted{
		{Name: "2_toss", Sum: "s2", Queries: []orchestrator.RowQuery{query("select count(*) from nowhere"), query("select count(*) from orders where method = 'TOSS_PAY'")}},
		{Name: "1_slow", Sum: "s1", Queries: []orchestrator.RowQuery{query("select pg_sleep(20)::text::int"), query("with gone as (delete from orders returning 1) select count(*) from gone"), query("select count(*) from orders")}},
	}
	s.Counting(func(_ context.Context, project, env string) ([]orchestrator.RowsWanted, error) {
		if project != "shop" || env != "production" {
			return nil, errors.New("another database")
		}
		return wanted, nil
	})
	records, err := s.Sources()[0].Poll(t.Context())
	if err != nil || len(records) != 3 || records[1].Rows == nil || records[2].Rows == nil {
		t.Fatalf("%+v, %v", records, err)
	}
	toss, slow := records[1].Rows, records[2].Rows
	if toss.Name != "2_toss" || toss.Sum != "s2" || toss.At == 0 || !strings.Contains(toss.Counts[0].Error, "nowhere") || toss.Counts[1] != (orchestrator.RowCount{N: 2}) {
		t.Errorf("%+v", toss)
	}
	for i, want := range []string{"longer than its timeout", "read-only"} {
		if !strings.Contains(slow.Counts[i].Error, want) {
			t.Errorf("%+v, want %s", slow.Counts[i], want)
		}
	}
	if slow.Counts[2] != (orchestrator.RowCount{N: 3}) {
		t.Errorf("%+v", slow.Counts[2])
	}
	if got := s.Count(t.Context(), "shop", "staging"); got != nil {
		t.Errorf("%+v", got)
	}
	wanted = wanted[:1]
	out, err := s.Do(t.Context(), orchestrator.Call{Project: "shop", Environment: "production"})
	if err != nil || !strings.Contains(string(out.Data), `"n":2`) {
		t.Errorf("%s, %v", out.Data, err)
	}
}

// TestSchema_countsNothing: what is not counted is said to be so, never 0.
func TestSchema_countsNothing(t *testing.T) {
	t.Parallel()
	s, err := postgres.NewSchema([]postgres.Database{{Project: "shop", Environment: "production", URL: "postgres://reader:zq-secret@127.0.0.1:1/x", AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Counting(func(context.Context, string, string) ([]orchestrator.RowsWanted, error) {
		return []orchestrator.RowsWanted{{Name: "1_a", Queries: make([]orchestrator.RowQuery, 2)}}, nil
	})
	got := s.Count(t.Context(), "shop", "production")
	if len(got) != 1 || len(got[0].Counts) != 2 || got[0].Counts[0].Error == "" || got[0].Counts[1].Error == "" || strings.Contains(got[0].Counts[0].Error, "zq-secret") {
		t.Errorf("%+v", got)
	}
}
