package copies_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// damage is what a bad release does after the copy.
func (w *world) damage() {
	w.t.Helper()
	postgrestest.Run(w.t, w.url, "update lines set amount = amount / 100", "insert into orders select n, true, 'new' from generate_series(2001, 2043) n", "drop table \"Odd \"\"name\"\"\"")
}

// restored looks whether the database is as it was copied, with all that belongs to it,
// and the one before is kept.
func (w *world) restored(before, owner string) {
	w.t.Helper()
	for sql, want := range map[string]string{
		"select count(*)::text from orders":                                                                     "1000",
		"select sum(amount)::text from lines":                                                                   "125250",
		`select count(*)::text from "Odd ""name"""`:                                                             "2",
		"select has_table_privilege('shop_app', 'orders', 'insert')::text":                                      "true",
		"select tableowner::text from pg_tables where tablename = 'lines'":                                      owner,
		"select current_setting('work_mem')":                                                                    "5MB",
		"select datconnlimit::text from pg_database where datname = 'shop'":                                     "50",
		"select has_database_privilege('shop_app', 'shop', 'connect')::text":                                    "true",
		"select count(*)::text from pg_database, aclexplode(datacl) a where datname = 'shop' and a.grantee = 0": "0",
	} {
		if got := w.value(w.url, sql); got != want {
			w.t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	if owner == "owner" && w.value(w.url, "select setconfig[1] from pg_db_role_setting s join pg_database d on d.oid = setdatabase where datname = 'shop' and setrole <> 0") != "search_path=public, pg_catalog" {
		w.t.Error("the setting of a role in this database is not there")
	}
	if before == "" || w.databases() != "shop "+before {
		w.t.Errorf("databases: %s, want shop and %q", w.databases(), before)
		return
	}
	old := strings.Replace(w.server, "/postgres?", "/"+before+"?", 1)
	if got := w.value(old, "select count(*)::text from orders"); got != "1043" {
		w.t.Errorf("%s rows are kept", got)
	}
	if got := w.value(w.server, "select shobj_description(oid, 'pg_database') from pg_database where datname = '"+before+"'"); !strings.HasPrefix(got, "the shop's own\nkept by backout") {
		w.t.Errorf("the comment of the one before: %s", got)
	}
}

// Sessions that are there are ended, new ones wait, and the copy takes the name. The
// preview says what is lost.
func TestRestore(t *testing.T) {
	t.Parallel()
	w := start(t)
	l := w.take()
	w.damage()
	c := w.call("")
	p, err := w.action("restore").Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{" second", "as counted at ", "43 rows of public.orders", `that 2 rows of public.Odd "name" were deleted`, "43 paid orders", l.Copy, "kept under another name"} {
		if !strings.Contains(p.Text, word) {
			t.Errorf("%q is missing in: %s", word, p.Text)
		}
	}
	t.Log(p.Text)
	postgrestest.Run(t, w.url, "insert into orders values (9999, true, 'while people think')", "delete from orders where id = 9999")
	if again, err := w.action("restore").Plan(t.Context(), c); err != nil || again.Text != p.Text || string(again.Data) != string(p.Data) {
		t.Errorf("what was shown changed: %v %s", err, again.Text)
	}
	stop := w.traffic()
	c.Preview = p.Data
	o := w.do("restore", c)
	served, ended := stop()
	expect(t, o, orchestrator.OutcomeDone, "shop is restored", "never drops")
	w.restored(w.data(o).Before, "owner")
	if served == 0 || ended == 0 {
		t.Errorf("the application asked %d times and was cut off %d times; want both", served, ended)
	}
	jobs, _ := w.jobs.Find("")
	out, err := w.action("restore").Do(t.Context(), w.attempt(c))
	if err != nil || out.Accepted != nil || !strings.Contains(out.Text, "is restored") {
		t.Errorf("a second start: %+v %v", out, err)
	}
	if now, _ := w.jobs.Find(""); len(now) != len(jobs) {
		t.Error("a second start runs something")
	}
	w.noPassword()
}

// traffic is the application: it holds a session and asks all the time.
func (w *world) traffic() (stop func() (served, ended int64)) {
	var served, ended atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	url := strings.Replace(w.url, "backout:"+password, "shop_app", 1)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				continue
			}
			for err == nil && ctx.Err() == nil {
				if _, err = conn.Exec(ctx, "select count(*) from orders"); err == nil {
					served.Add(1)
				}
			}
			if ctx.Err() == nil {
				ended.Add(1)
			}
			_ = conn.Close(context.Background())
		}
	}()
	w.until(func() bool { return served.Load() > 0 })
	return func() (int64, int64) {
		cancel()
		<-done
		return served.Load(), ended.Load()
	}
}

// Killed at any point, production is either as it was or restored, and the next attempt
// goes on from there; it never restores twice.
func TestRestore_killed(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		point, databases string
		done             bool
	}{
		{point: "created", databases: "shop shop_restore_"},
		{point: "restored", databases: "shop shop_restore_"},
		{point: "loaded", databases: "shop shop_restore_"},
		{point: "between", databases: "shop shop_restore_"},
		{point: "switched", databases: "shop shop_before_", done: true},
	} {
		t.Run(at.point, func(t *testing.T) {
			w := start(t)
			w.take()
			w.damage()
			c := w.call("")
			w.stopAt(at.point)
			o := w.do("restore", c)
			if got := w.databases(); !strings.HasPrefix(got, at.databases) {
				t.Errorf("databases: %s", got)
			}
			if at.done {
				expect(t, o, orchestrator.OutcomeDone, "is restored")
				w.restored(w.data(o).Before, "owner")
				return
			}
			expect(t, o, orchestrator.OutcomeNotDone, "killed", "as it was")
			if n := w.value(w.url, "select count(*)::text from orders"); n != "1043" {
				t.Errorf("%s orders in production", n)
			}
			w.again()
			o = w.do("restore", w.attempt(c))
			expect(t, o, orchestrator.OutcomeDone, "is restored")
			w.restored(w.data(o).Before, "owner")
		})
	}
}

// What can be seen to fail is refused before anything is done.
func TestRestore_refuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	refused := func(c orchestrator.Call, words ...string) {
		t.Helper()
		w.again()
		_, planned := w.action("restore").Plan(t.Context(), c)
		_, err := w.action("restore").Do(t.Context(), c)
		if !orchestrator.IsPermanent(err) || !orchestrator.IsPermanent(planned) {
			t.Fatalf("%v, %v", planned, err)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q is missing in: %v", word, err)
			}
		}
	}
	refused(w.call(""), "there is no verified copy")
	unproven := w.data(w.do("snapshot", w.call(""))).Copy
	refused(w.call(""), "there is no verified copy")
	refused(w.call(`{"copy":"`+unproven+`"}`), "never restored and compared")
	refused(w.call(`{"copy":"../`+unproven+`"}`), "cannot be the name of a copy")
	l := w.take()
	refused(w.call(`{"before":"2020-01-01T00:00:00Z"}`), "no verified copy from before 2020")

	taken := w.call("")
	p, err := w.action("restore").Plan(t.Context(), taken)
	if err != nil {
		t.Fatal(err)
	}
	var note map[string]any
	if err := json.Unmarshal(p.Data, &note); err != nil || note["database"] != "shop" || note["copy"] != l.Copy {
		t.Errorf("%s %v", p.Data, err)
	}
	note["manifest"] = "another"
	taken.Preview, _ = json.Marshal(note)
	if out, err := w.action("restore").Do(t.Context(), taken); err != nil || !out.Superseded {
		t.Errorf("%+v %v", out, err)
	}

	// The role that may not.
	postgrestest.Run(t, w.server, "create role weak login")
	strong := w.target.URL
	w.target.URL = strings.Replace(w.url, "backout:", "weak:", 1)
	postgrestest.Run(t, w.server, "grant connect on database shop to weak")
	refused(w.call(""), "may not make databases")
	postgrestest.Run(t, w.server, "alter role weak createdb")
	refused(w.call(""), "does not own database shop")
	postgrestest.Run(t, w.server, "alter database shop owner to weak")
	refused(w.call(""), "may not end the sessions of shop_app", "pg_signal_backend")
	w.target.URL = strong

	// A database of that name, of somebody else.
	name := w.restoreName(w.call(""))
	postgrestest.Run(t, w.server, "create database "+name)
	postgrestest.Run(t, strings.Replace(w.server, "/postgres?", "/"+name+"?", 1), "create table theirs (id int)")
	w.calls--
	refused(w.call(""), "there is a database "+name+" already")

	m := w.manifest(l.Copy)
	if err := os.Truncate(filepath.Join(w.folder, l.Copy, "data", m.Files[0].Path), 3); err != nil {
		t.Fatal(err)
	}
	refused(w.call(""), "is damaged")
	if got := w.databases(); got != "shop "+name {
		t.Errorf("databases: %s", got)
	}
}

// restoreName is what a call's restore is made in, as a killed one shows it.
func (w *world) restoreName(c orchestrator.Call) string {
	w.t.Helper()
	w.stopAt("created")
	w.again()
	_ = w.do("restore", c)
	name := strings.TrimPrefix(w.databases(), "shop ")
	postgrestest.Run(w.t, w.server, "drop database "+name)
	return name
}

// Another machine, which does not know the job, sees that a restore is at work; a second
// start waits for it and finds it done. A name may have blanks in it.
func TestRestore_elsewhere(t *testing.T) {
	t.Parallel()
	w := start(t)
	postgrestest.Run(t, w.server, `alter database shop rename to "my shop"`)
	w.url = strings.Replace(w.url, "/shop?", "/my%20shop?", 1)
	w.target.URL = w.url
	w.take()
	c := w.call("")
	w.stopAt("wait between")
	out, err := w.action("restore").Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatal(out, err)
	}
	w.arrived("between")
	here := w.jobs
	w.jobs = &job.Runner{Root: filepath.Join(t.TempDir(), "jobs"), Command: here.Command}
	w.again()
	if o, err := w.action("restore").Verify(t.Context(), c, out.Accepted.Token); err != nil || o.Kind != orchestrator.OutcomeRunning {
		t.Errorf("%+v %v", o, err)
	}
	second := w.attempt(c)
	if out, err := w.action("restore").Do(t.Context(), second); err != nil || out.Accepted == nil {
		t.Errorf("%+v %v", out, err)
	}
	w.goOn()
	o := w.verify("restore", second, "")
	expect(t, o, orchestrator.OutcomeDone, "my shop is restored")
	w.settle()
	w.jobs = here
	if got := w.databases(); got != "my shop "+w.data(o).Before {
		t.Errorf("databases: %s", got)
	}
}

// A server that is gone tells nothing: neither done nor not done.
func TestRestore_blind(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.take()
	c := w.call("")
	w.target.URL = "postgres://backout@127.0.0.1:1/shop?sslmode=disable"
	w.again()
	if o, err := w.action("restore").Verify(t.Context(), c, ""); err == nil {
		t.Errorf("%+v", o)
	}
	if _, err := w.action("restore").Do(t.Context(), c); err == nil || orchestrator.IsPermanent(err) {
		t.Errorf("%v", err)
	}
}

// A role with just the rights that are needed restores, and what it owns is its own.
func TestRestore_leastRights(t *testing.T) {
	t.Parallel()
	w := start(t)
	postgrestest.Run(t, w.server, "create role least login createdb", "grant pg_signal_backend to least", "grant shop_app to least", "alter database shop owner to least")
	postgrestest.Run(t, w.url, "grant all on schema public to least", "alter table orders owner to least", `alter table "Odd ""name""" owner to least`, "alter materialized view sums owner to least", "alter table lines owner to least")
	w.target.URL = strings.Replace(w.url, "backout:", "least:", 1)
	if l := w.take(); l.Owners {
		t.Errorf("settings of a role were restored by one who may not: %+v", l)
	}
	if _, err := w.action("restore").Plan(t.Context(), w.call("")); err == nil || !strings.Contains(err.Error(), "alter role") || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("%v", err)
	}
	postgrestest.Run(t, w.server, "alter role shop_app in database shop reset search_path")
	l := w.take()
	if !l.Owners {
		t.Fatalf("owners could not be restored: %+v", l)
	}
	w.damage()
	stop := w.traffic()
	began := time.Now()
	o := w.do("restore", w.call(""))
	stop()
	expect(t, o, orchestrator.OutcomeDone)
	t.Log(time.Since(began))
	w.restored(w.data(o).Before, "least")
	if got := w.value(w.server, "select pg_get_userbyid(datdba)::text from pg_database where datname = 'shop'"); got != "least" {
		t.Errorf("owner: %s", got)
	}
}
