package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

func evidence(t *testing.T, url string, queries ...orchestrator.SQLSignal) *postgres.Evidence {
	t.Helper()
	e, err := postgres.New([]postgres.Database{{Project: "shop", Environment: "production", URL: url, AllowPrivate: []string{"127.0.0.0/8"}, Queries: queries}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func ask(t *testing.T, url string, q orchestrator.SQLSignal) orchestrator.Reading {
	t.Helper()
	records, err := evidence(t, url, q).Sources()[0].Poll(t.Context())
	if err != nil || len(records) != 1 {
		t.Fatalf("%s: %+v %v", q.SQL, records, err)
	}
	return *records[0].Reading
}

// Each query is asked at a real PostgreSQL: what it gives is a value, and what it may
// not do or takes too long for says nothing.
func TestQuery_atPostgreSQL(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	run(t, url,
		"create table payments (id int, status text, amount numeric)",
		"insert into payments values (1, 'PENDING', 12.3456), (2, 'PENDING', 1), (3, 'DONE', 2)",
		"create role reader login", "create table secrets (id int)", "grant select on payments to reader",
		"create function sneaky() returns int language plpgsql as $$ begin insert into payments values (9); return 1; end $$",
	)
	reader := strings.Replace(url, "backout@", "reader@", 1)
	for _, c := range []struct {
		sql   string
		value int64
		why   string
	}{
		{"select count(*) from payments where status = 'PENDING'", 2, ""},
		{"select 7::smallint", 7, ""},
		{"select amount from payments where id = 1", 12345, ""},
		{"select -0.0019::numeric", -1, ""},
		{"select 1e3::numeric", 1_000_000, ""},
		{"select 1e40::numeric", 0, "too large"},
		{"select 'NaN'::numeric", 0, "no finite number"},
		{"select 1.5::float8", 0, "neither an integer nor a numeric"},
		{"select sum(id) from payments where false", 0, "null"},
		{"select id from payments", 0, "more than one row"},
		{"select id from payments where false", 0, "no row"},
		{"select 1, 2", 0, "2 columns"},
		{"select pg_sleep(5)", 0, "longer than its timeout"},
		{"delete from payments", 0, "it would write"},
		{"with gone as (delete from payments returning 1) select count(*) from gone", 0, "it would write"},
		{"select sneaky()", 0, "it would write"},
		{"select 1; drop table payments", 0, "cannot insert multiple commands"},
		{"select count(*) from secrets", 0, "permission denied"},
		{"select count(*) from nowhere", 0, "does not exist"},
		{"select 'kim@example.com'::int", 0, "SQLSTATE 22P02"},
	} {
		began := time.Now()
		r := ask(t, reader, orchestrator.SQLSignal{ID: "q", SQL: c.sql, Timeout: 300})
		took := time.Since(began)
		switch {
		case c.why == "" && (r.Verdict != "ok" || r.Value == nil || *r.Value != c.value):
			t.Errorf("%s: %+v", c.sql, r)
		case c.why != "" && (r.Verdict != "errored" || r.Value != nil || !strings.Contains(r.Text, c.why)):
			t.Errorf("%s: %s %q, want %q", c.sql, r.Verdict, r.Text, c.why)
		case strings.Contains(r.Text, "kim@"):
			t.Errorf("a row's data is in the text: %s", r.Text)
		case took > 4*time.Second:
			t.Errorf("%s took %s", c.sql, took)
		}
	}
	if r := ask(t, reader, orchestrator.SQLSignal{ID: "q", SQL: "select count(*) from payments"}); r.Value == nil || *r.Value != 3 {
		t.Errorf("something was written: %+v", r)
	}
}

// A query that waits for a lock gives up soon: it must not stand behind a migration,
// with everybody else behind it.
func TestQuery_waitsForNoLock(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	run(t, url, "create table payments (id int)")
	locked, unlock := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(unlock) })
	go lockTable(t, url, locked, unlock)
	<-locked
	if r := ask(t, url, orchestrator.SQLSignal{ID: "q", SQL: "select count(*) from payments"}); r.Verdict != "errored" || !strings.Contains(r.Text, "waited for a lock") {
		t.Errorf("%+v", r)
	}
}

func TestEvidence_isReadForGates(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	e := evidence(t, url, orchestrator.SQLSignal{ID: "three", SQL: "select 3"}, orchestrator.SQLSignal{ID: "bad", SQL: "select nothing"})
	do := func(id string) (orchestrator.Output, error) {
		in, _ := json.Marshal(map[string]string{"query": id})
		return e.Do(t.Context(), orchestrator.Call{Project: "shop", Environment: "production", Inputs: in})
	}
	if out, err := do("three"); err != nil || string(out.Data) != `{"query":"three","value":3}` || out.Errored {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := do("bad"); err != nil || !out.Errored {
		t.Errorf("%+v %v", out, err)
	}
	if _, err := do("four"); !orchestrator.IsPermanent(err) {
		t.Errorf("%v", err)
	}
}

func TestNew_neverShowsTheAddress(t *testing.T) {
	t.Parallel()
	if _, err := postgres.New([]postgres.Database{{Project: "shop", Environment: "production", URL: "postgres://u:hunter2@host:port/x"}}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	e, err := postgres.New([]postgres.Database{{Project: "shop", Environment: "production", URL: "postgres://u:hunter2@127.0.0.1:1/x", Queries: []orchestrator.SQLSignal{{ID: "q", SQL: "select 1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	records, err := e.Sources()[0].Poll(t.Context())
	if err != nil || records[0].Reading.Verdict != "errored" || strings.Contains(records[0].Reading.Text, "hunter2") || !strings.Contains(records[0].Reading.Text, "private address") {
		t.Errorf("%+v %v", records, err)
	}
}
