package copies_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

const password = "hunter22"

// The test binary is also the supervisor of its jobs and their child.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		var err error
		switch os.Args[1] {
		case "supervise":
			err = job.Supervise(context.Background(), os.Args[2], func(s string) string { return s })
		case "copy":
			err = copies.Run(context.Background(), os.Args[2], killer(os.Args[2]), access.Carry)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killer kills the child with SIGKILL at the point that a file names, once. A point that
// begins with "wait " waits there until the file is gone.
func killer(request string) copies.Stop {
	var r struct{ Folder string }
	_ = json.Unmarshal([]byte(request), &r)
	file := r.Folder + ".stop"
	return func(point string) {
		body, _ := os.ReadFile(file)
		switch string(body) {
		case point:
			_ = os.Remove(file)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		case "wait " + point:
			_ = os.WriteFile(file, []byte("there "+point), 0o600)
			for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
				if _, err := os.Stat(file); err != nil {
					return
				}
			}
		}
	}
}

// world is a shop with a database of its own.
type world struct {
	t      *testing.T
	server string
	url    string
	folder string
	jobs   *job.Runner
	target copies.Target
	one    *copies.Client
	calls  int
}

func start(t *testing.T) *world {
	t.Helper()
	server := strings.Replace(postgrestest.Start(t), "backout@", "backout:"+password+"@", 1)
	dir := t.TempDir()
	w := &world{t: t, server: server, url: strings.Replace(server, "/postgres?", "/shop?", 1), folder: filepath.Join(dir, "copies")}
	w.jobs = &job.Runner{Root: filepath.Join(dir, "jobs"), Command: []string{os.Args[0], "supervise"}}
	postgrestest.Run(t, server, "create role shop_app login", "create role owner nologin", "create database shop", "alter database shop connection limit 50",
		"alter database shop set work_mem = '5MB'", "alter role shop_app in database shop set search_path = public, pg_catalog",
		"revoke all on database shop from public", "grant connect on database shop to shop_app", "comment on database shop is 'the shop''s own'")
	postgrestest.Run(t, w.url,
		"create table orders (id int primary key, paid boolean not null, note text, at timestamptz not null default now())",
		"create table lines (id int primary key, order_id int references orders, amount numeric check (amount >= 0))",
		`create table "Odd ""name""" (id serial primary key, data bytea, f float8)`,
		"insert into orders select n, n % 2 = 0, 'note ' || n from generate_series(1, 1000) n",
		"insert into lines select n, n, n from generate_series(1, 500) n",
		`insert into "Odd ""name""" (data, f) values ('\x00ff', 0.1), (null, 'NaN')`,
		"grant select, insert, update, delete on orders to shop_app", "alter table lines owner to owner", "create materialized view sums as select count(*) from orders")
	w.target = copies.Target{
		Project: "shop", Environment: "production", URL: w.url, Folder: w.folder, Timeout: time.Minute, AppRoles: []string{"shop_app"},
		AllowPrivate: []string{"127.0.0.0/8"}, Loss: []copies.Query{{ID: "paid_orders", SQL: "select count(*) from orders where paid and at > $1"}},
		Checks: []copies.Query{{ID: "orphans", SQL: "select count(*) from lines l left join orders o on o.id = l.order_id where o.id is null"}},
	}
	if err := os.MkdirAll(w.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.settle)
	return w
}

// settle waits for what the test started, so that its folder can go.
func (w *world) settle() {
	_ = os.Remove(w.folder + ".stop")
	names, _ := w.jobs.Find("")
	for _, name := range names {
		w.until(func() bool {
			s, err := w.jobs.Look(name)
			return err != nil || (s.State != job.Running && s.State != job.Starting)
		})
	}
}

func (w *world) until(ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(90 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatal("it does not come")
		}
	}
}

// client is the same for all calls until again is called: then it is a new process's.
func (w *world) client() *copies.Client {
	w.t.Helper()
	if w.one == nil {
		c, err := copies.New(copies.Options{Targets: []copies.Target{w.target}, Jobs: w.jobs, Command: []string{os.Args[0], "copy"}, Path: os.Getenv("PATH")})
		if err != nil {
			w.t.Fatal(err)
		}
		w.one = c
	}
	return w.one
}

func (w *world) again() { w.one = nil }

func (w *world) action(name string) orchestrator.Action {
	return w.client().Actions()["postgres."+name]
}

// call is a new step.
func (w *world) call(inputs string) orchestrator.Call {
	w.calls++
	return orchestrator.Call{
		Key: fmt.Sprintf("key%d", w.calls), Attempt: fmt.Sprintf("boot/a%d", w.calls), Step: "s",
		Project: "shop", Environment: "production", Inputs: json.RawMessage(inputs),
	}
}

// attempt is another attempt of the same step.
func (w *world) attempt(c orchestrator.Call) orchestrator.Call {
	w.calls++
	c.Attempt = fmt.Sprintf("boot/a%d", w.calls)
	return c
}

// do makes the call and waits for its end.
func (w *world) do(name string, c orchestrator.Call) orchestrator.Outcome {
	w.t.Helper()
	out, err := w.action(name).Do(w.t.Context(), c)
	if err != nil || out.Accepted == nil {
		w.t.Fatalf("%s: %+v %v", name, out, err)
	}
	return w.verify(name, c, out.Accepted.Token)
}

func (w *world) verify(name string, c orchestrator.Call, token string) orchestrator.Outcome {
	w.t.Helper()
	var o orchestrator.Outcome
	w.until(func() bool {
		var err error
		if o, err = w.action(name).Verify(w.t.Context(), c, token); err != nil {
			w.t.Fatal(err)
		}
		return o.Kind != orchestrator.OutcomeRunning
	})
	return o
}

// left is what an outcome tells.
type left struct {
	Copy     string
	Before   string
	Verified bool
	Owners   bool
	Rows     int64
	Dropped  []string
}

func (w *world) data(o orchestrator.Outcome) left {
	w.t.Helper()
	var l left
	if err := json.Unmarshal(o.Data, &l); err != nil {
		w.t.Fatalf("%v: %+v", err, o)
	}
	return l
}

// take takes a copy and proves it.
func (w *world) take() left {
	w.t.Helper()
	o := w.do("snapshot", w.call(`{"verify":true}`))
	expect(w.t, o, orchestrator.OutcomeDone)
	return w.data(o)
}

func (w *world) value(url, sql string) string {
	w.t.Helper()
	return postgrestest.Value(w.t, url, sql)
}

func (w *world) databases() string {
	return w.value(w.server, "select string_agg(datname, ' ' order by datname) from pg_database where not datistemplate and datname <> 'postgres'")
}

func (w *world) stopAt(point string) {
	w.t.Helper()
	if err := os.WriteFile(w.folder+".stop", []byte(point), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// arrived waits until the child waits at its point.
func (w *world) arrived(point string) {
	w.t.Helper()
	w.until(func() bool {
		body, _ := os.ReadFile(w.folder + ".stop")
		return string(body) == "there "+point
	})
}

func (w *world) goOn() { _ = os.Remove(w.folder + ".stop") }

// folders are the copies' folders, whole or not.
func (w *world) folders() []string {
	entries, _ := os.ReadDir(w.folder)
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out
}

func expect(t *testing.T, o orchestrator.Outcome, kind orchestrator.OutcomeKind, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(o.Text, word) {
			t.Errorf("%q is missing in: %s", word, o.Text)
		}
	}
	if o.Kind != kind {
		t.Errorf("%s, want %s: %s %s", o.Kind, kind, o.Text, o.Data)
	}
}
