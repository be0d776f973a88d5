package prisma_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// approved is a call whose preview was shown.
func (w *world) approved(action, inputs string) (orchestrator.Call, orchestrator.Preview) {
	w.t.Helper()
	c := w.call(inputs)
	p, err := w.action(action).Plan(w.t.Context(), c)
	if err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
	c.Preview = p.Data
	return c, p
}

const ledger = "select string_agg(migration_name || case when rolled_back_at is not null then ' back' when finished_at is null then ' failed' else '' end, ', ' order by started_at, migration_name) from _prisma_migrations"

func TestRevert_byTheReviewedFile(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.migration("2_mail", "alter table users add column mail text;")
	w.migration("3_orders", "create table orders (id int primary key);")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone)
	w.write("prisma/migrations/2_mail/down.sql", "alter table users drop column mail;\n")
	const both = `{"migrations":["2_mail","3_orders"]}`
	revert := w.action("revert")
	if _, err := revert.Plan(t.Context(), w.call(both)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "3_orders has no down.sql") {
		t.Errorf("%v", err)
	}
	w.write("prisma/migrations/3_orders/down.sql", "drop table orders;\ncommit;\n")
	if _, err := revert.Plan(t.Context(), w.call(both)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "commit;") {
		t.Errorf("%v", err)
	}
	w.write("prisma/migrations/3_orders/down.sql", "drop table orders;\n")
	c, p := w.approved("revert", both)
	for _, want := range []string{"Take 3_orders, 2_mail back", "drop table orders;", "drop column mail", "migration 3_orders_reverted"} {
		if !strings.Contains(p.Text, want) {
			t.Errorf("%q is missing in: %s", want, p.Text)
		}
	}
	o, err := revert.Verify(t.Context(), c, "")
	if err != nil || o.Kind != orchestrator.OutcomeNotDone {
		t.Errorf("%+v %v", o, err)
	}
	unseen := c
	unseen.Preview = nil
	if _, err := revert.Do(t.Context(), unseen); !orchestrator.IsPermanent(err) {
		t.Errorf("it ran unseen: %v", err)
	}
	w.write("prisma/migrations/3_orders/down.sql", "drop table orders, users;\n")
	if out, err := revert.Do(t.Context(), c); err != nil || !out.Superseded {
		t.Errorf("%+v %v", out, err)
	}
	w.write("prisma/migrations/3_orders/down.sql", "drop table orders;\n")
	for range 2 { // The second is after a lost answer.
		out, err := revert.Do(t.Context(), c)
		if err != nil || !strings.Contains(string(out.Data), `3_orders_reverted"`) {
			t.Fatalf("%+v %v", out, err)
		}
	}
	if o, err = revert.Verify(t.Context(), c, ""); err != nil || o.Kind != orchestrator.OutcomeDone {
		t.Errorf("%+v %v", o, err)
	}
	if got := w.value(ledger); got != "1_users, 2_mail, 3_orders, 3_orders_reverted" {
		t.Error(got)
	}
	if got := w.value("select (to_regclass('orders') is null)::text || (select count(*) from information_schema.columns where table_name = 'users')"); got != "true1" {
		t.Error(got)
	}
	// The CLI goes on with the commit that brought them, and takes the record into its history.
	if out, err := w.action("deploy").Do(t.Context(), w.call("")); err != nil || !strings.Contains(out.Text, "nothing is pending") {
		t.Errorf("%+v %v", out, err)
	}
	var note struct{ SQL string }
	if err := json.Unmarshal(c.Preview, &note); err != nil {
		t.Fatal(err)
	}
	w.migration("3_orders_reverted", note.SQL)
	if text, data := w.status(""); !strings.Contains(data, `"up_to_date":true`) || !strings.Contains(data, `"exit":0`) || strings.Contains(data, "edited") {
		t.Errorf("%s %s", text, data)
	}
	w.migration("4_more", "create table more (id int primary key);")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone, "applied 4_more")
}

func TestRevert_generatedByPrisma(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.migration("2_mail", "alter table users add column mail text;")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone)
	w.migration("9_pending", "create table later (id int primary key);")
	var c orchestrator.Call
	var p orchestrator.Preview
	w.until(func() bool { // On a slow machine the CLI may not be in time.
		c = w.call(`{"migrations":["2_mail"]}`)
		var err error
		p, err = w.action("revert").Plan(t.Context(), c)
		if err != nil && !strings.Contains(err.Error(), "deadline") {
			t.Fatal(err)
		}
		return err == nil
	})
	c.Preview = p.Data
	if !strings.Contains(p.Text, "by prisma migrate diff") || !strings.Contains(p.Text, `DROP COLUMN "mail"`) || strings.Contains(p.Text, "later") {
		t.Errorf("%s", p.Text)
	}
	if _, err := w.action("revert").Do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := w.value("select count(*)::text from information_schema.columns where table_name = 'users'"); got != "1" {
		t.Error(got)
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "backout-revert-*"))
	if got := w.value("select count(*)::text from pg_database where datname like '%shadow%'"); got != "0" || len(left) > 0 {
		t.Errorf("%s shadow databases, %v", got, left)
	}
}

// What fails leaves nothing; a failed migration is marked rolled back and gets no record.
func TestRevert_allOrNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.migration("2_bad", "create table half (id int);\nalter table nowhere add column x int;")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeFailed, "2_bad failed")
	w.write("prisma/migrations/2_bad/down.sql", "drop table if exists half;\ndrop table nowhere;\n")
	const bad = `{"migrations":["2_bad"]}`
	c, _ := w.approved("revert", bad)
	if _, err := w.action("revert").Do(t.Context(), c); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v", err)
	}
	if got := w.value(ledger); got != "1_users, 2_bad failed" {
		t.Error(got)
	}
	w.write("prisma/migrations/2_bad/down.sql", "drop table if exists half;\n")
	release := w.hold()
	if _, err := w.action("revert").Plan(t.Context(), w.call(bad)); orchestrator.RetryDelay(err) == 0 {
		t.Errorf("a migration runs: %v", err)
	}
	release()
	w.until(func() bool { return w.value("select count(*)::text from pg_locks where objid = 72707369") == "0" })
	c, _ = w.approved("revert", bad)
	if _, err := w.action("revert").Do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := w.value(ledger); got != "1_users, 2_bad back" {
		t.Error(got)
	}
	w.migration("2_bad", "create table half (id int);")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone, "applied 2_bad")
	// Somebody holds the table: it gives up in time, with nothing done.
	w.write("prisma/migrations/2_bad/down.sql", "drop table half;\n")
	c, _ = w.approved("revert", bad)
	unlock := w.lockTable("half")
	if _, err := w.action("revert").Do(t.Context(), c); orchestrator.RetryDelay(err) == 0 || !strings.Contains(err.Error(), "for a lock") {
		t.Errorf("%v", err)
	}
	unlock()
	for inputs, want := range map[string]string{`{"migrations":[]}`: "not known which", `{"migrations":["7_none"]}`: "nothing to take back"} {
		if _, err := w.action("revert").Plan(t.Context(), w.call(inputs)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", inputs, err)
		}
	}
}

// lockTable keeps a table from being dropped.
func (w *world) lockTable(name string) (release func()) {
	w.t.Helper()
	tx, end := w.begin()
	if _, err := tx.Exec(w.t.Context(), "lock table "+name+" in access share mode"); err != nil {
		w.t.Fatal(err)
	}
	return end
}
