package access_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// world is a shop's database with an owner and two roles of the application.
type world struct {
	t     *testing.T
	url   string
	roles []string
	calls int
}

func start(t *testing.T) *world {
	t.Helper()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create role shop_owner login", "create role app login", "create role worker login", "create role reader login",
		"create database shop owner shop_owner", "grant create on database shop to worker")
	w := &world{t: t, url: strings.Replace(server, "/postgres?", "/shop?", 1), roles: []string{"app", "worker"}}
	postgrestest.Run(t, w.as("shop_owner"),
		`create table orders (id int generated always as identity primary key, amount int not null)`,
		`create table "Audit Log" (at timestamptz not null default now(), line text)`,
		`create table users (id serial primary key, email text, name text)`,
		`create type state as enum ('new', 'paid')`,
		`create table payments (state state not null, id int not null primary key)`,
		`create view cheap as select * from orders where amount < 10`,
		`create schema billing`,
		`create table billing.lines (id int)`,
		`insert into orders (amount) values (5), (500)`,
		`grant usage on schema billing to app`,
		`grant create on schema billing to worker`,
		`grant select, insert, update, delete on orders, payments, billing.lines to app`,
		`grant select, insert, update on cheap to app`,
		// The only right of the first: taken, its entry goes, and comes back behind the reader's.
		`grant insert on "Audit Log" to app`,
		`grant select on "Audit Log" to reader`,
		`grant select, update (name) on users to app`,
		`grant insert on users to worker with grant option`,
		`grant truncate, select on orders to worker`,
		`grant usage on sequence users_id_seq to worker`,
		`grant usage, select on sequence users_id_seq to app`,
	)
	return w
}

func (w *world) as(role string) string { return strings.Replace(w.url, "backout@", role+"@", 1) }

func (w *world) client() *access.Client {
	w.t.Helper()
	c, err := access.New([]access.Target{{Project: "shop", Environment: "production", URL: w.url, Roles: w.roles, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) action(name string) orchestrator.Action { return w.client().Actions()[name] }

func (w *world) call() orchestrator.Call {
	w.calls++
	return orchestrator.Call{Key: fmt.Sprintf("key%d", w.calls), Incident: fmt.Sprintf("INC-%d", w.calls), Step: "s", Project: "shop", Environment: "production"}
}

// told is the output of an action.
type told struct {
	orchestrator.Access
	Tables  int      `json:"tables"`
	Refused int      `json:"refused"`
	Done    int      `json:"done"`
	Ended   int      `json:"sessions_ended"`
	Notes   []string `json:"notes"`
	Adopted bool     `json:"adopted"`
}

func (w *world) do(name string, c orchestrator.Call) told {
	w.t.Helper()
	out, err := w.action(name).Do(w.t.Context(), c)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	w.t.Log(out.Text)
	var r told
	if err := json.Unmarshal(out.Data, &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// rights is every list of privileges and every setting of a role, to the byte.
func (w *world) rights() string {
	w.t.Helper()
	return w.value(`select string_agg(line, e'\n' order by line) from (
		select c.oid::regclass || ' ' || coalesce(c.relacl::text, '-') from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'billing')
		union all select a.attrelid::regclass || '.' || a.attname || ' ' || a.attacl::text from pg_attribute a where a.attacl is not null and a.attrelid > 16384
		union all select nspname || ' ' || coalesce(nspacl::text, '-') from pg_namespace where nspname in ('public', 'billing')
		union all select datname || ' ' || coalesce(datacl::text, '-') from pg_database
		union all select setrole::regrole || ' ' || setdatabase || ' ' || setconfig::text from pg_db_role_setting) x(line)`)
}

func (w *world) value(sql string) string {
	w.t.Helper()
	conn := connect(w.t, w.url)
	defer func() { _ = conn.Close(context.Background()) }()
	var v string
	if err := conn.QueryRow(w.t.Context(), sql).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// write tries as a role on a connection of its own.
func (w *world) write(role, sql string) error {
	conn := connect(w.t, w.as(role))
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(w.t.Context(), "set default_transaction_read_only = off"); err != nil {
		w.t.Error(err)
	}
	_, err := conn.Exec(w.t.Context(), sql)
	return err
}

func (w *world) verified(name string, c orchestrator.Call, want orchestrator.OutcomeKind) {
	w.t.Helper()
	o, err := w.action(name).Verify(w.t.Context(), c, "")
	if err != nil || o.Kind != want {
		w.t.Errorf("verify %s: %+v %v, want %s", name, o, err, want)
	}
}

// Read-only takes every way to write of the roles, ends their sessions, and what it gives
// back is what was there, to the byte.
func TestReadonly_andBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	postgrestest.Run(t, w.url, "alter role app in database shop set default_transaction_read_only = off")
	before := w.rights()
	open := connect(t, w.as("app"))
	defer func() { _ = open.Close(context.Background()) }()
	if _, err := open.Exec(t.Context(), "begin; insert into orders (amount) values (7)"); err != nil {
		t.Fatal(err)
	}
	c := w.call()
	w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeNotDone)
	p, err := w.action(orchestrator.ReadOnly).Plan(t.Context(), c)
	if err != nil || !strings.Contains(p.Text, "Take the right to write from app, worker in shop at 127.0.0.1") {
		t.Fatalf("%+v %v", p, err)
	}
	r := w.do(orchestrator.ReadOnly, c)
	if r.Tables != 6 || r.Refused != 30 || r.Done != 0 || r.Ended != 1 || r.By != c.Incident || r.Since == 0 {
		t.Errorf("%+v", r)
	}
	if _, err := open.Exec(t.Context(), "commit"); err == nil {
		t.Error("a session with a write begun was not ended")
	}
	for role, statements := range map[string][]string{
		"app":    {"insert into orders (amount) values (1)", "update orders set amount = 1", "delete from orders", "insert into cheap (amount) values (1)", "update users set name = 'x'", `insert into "Audit Log" (line) values ('x')`, "select nextval('users_id_seq')", "insert into billing.lines values (1)"},
		"worker": {"truncate orders", "insert into users (email) values ('x')", "create table billing.mine (id int)", "create schema mine"},
	} {
		for _, sql := range statements {
			if err := w.write(role, sql); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s: %s: %v", role, sql, err)
			}
		}
	}
	if err := w.write("app", "select * from orders"); err != nil {
		t.Errorf("reading: %v", err)
	}
	if got := w.value("select count(*)::text from orders"); got != "2" {
		t.Errorf("%s orders", got)
	}
	w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeDone)
	back := w.call()
	p, err = w.action(orchestrator.ReadWrite).Plan(t.Context(), back)
	if err != nil || !strings.Contains(p.Text, "by INC-1") {
		t.Errorf("%+v %v", p, err)
	}
	r = w.do(orchestrator.ReadWrite, back)
	if r.Done == 0 || len(r.Notes) != 0 || r.By != "INC-1" {
		t.Errorf("%+v", r)
	}
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	w.verified(orchestrator.ReadWrite, back, orchestrator.OutcomeDone)
	if err := w.write("app", "insert into orders (amount) values (1)"); err != nil {
		t.Error(err)
	}
	if r = w.do(orchestrator.ReadWrite, w.call()); r.By != "" || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
	if _, err := w.action(orchestrator.ReadOnly).Do(t.Context(), c); !orchestrator.IsPermanent(err) {
		t.Errorf("the step of before was done again: %v", err)
	}
}

// The second adopts the record of the first, takes what was granted in between, and
// giving back gives both.
func TestReadonly_adopts(t *testing.T) {
	t.Parallel()
	w := start(t)
	first := w.do(orchestrator.ReadOnly, w.call())
	postgrestest.Run(t, w.as("shop_owner"), "grant update on orders to app")
	c := w.call()
	second := w.do(orchestrator.ReadOnly, c)
	if !second.Adopted || second.By != first.By || second.Since != first.Since || second.Tables != first.Tables {
		t.Errorf("%+v, then %+v", first, second)
	}
	if err := w.write("app", "update orders set amount = 1"); err == nil {
		t.Error("what was granted in between can be used")
	}
	if n := w.value("select count(*)::text from backout.readonly"); n != "1" {
		t.Errorf("%s records", n)
	}
	p, err := w.action(orchestrator.ReadOnly).Plan(t.Context(), w.call())
	if err != nil || !strings.Contains(p.Text, "is read-only already") {
		t.Errorf("%+v %v", p, err)
	}
}

// A crash after the commit leaves sessions open: the same step goes on with them.
func TestReadonly_goesOnAfterACrash(t *testing.T) {
	t.Parallel()
	w := start(t)
	before := w.rights()
	c := w.call()
	w.do(orchestrator.ReadOnly, c)
	postgrestest.Run(t, w.url, "update backout.mark set state = 'revoked', note = '{}'")
	w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeNotDone)
	if r := w.do(orchestrator.ReadOnly, c); r.Adopted || r.By != c.Incident {
		t.Errorf("%+v", r)
	}
	w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeDone)
	back := w.call()
	w.do(orchestrator.ReadWrite, back)
	postgrestest.Run(t, w.url, `update backout.mark set state = 'given_back', note = (select jsonb_build_object('Key', key, 'Incident', incident, 'At', at, 'Roles', roles) from backout.readonly) where key = 'key2'`)
	w.verified(orchestrator.ReadWrite, back, orchestrator.OutcomeNotDone)
	if r := w.do(orchestrator.ReadWrite, back); r.Done == 0 {
		t.Errorf("%+v", r)
	}
	w.verified(orchestrator.ReadWrite, back, orchestrator.OutcomeDone)
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// Roles and grants from which nothing can be taken in earnest are refused with what to do,
// and nothing is changed.
func TestReadonly_refuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	postgrestest.Run(t, w.url, "create role writers", "create role heir login", "create role root superuser login", "create role all_writer login", "create role member login", "create role passed login")
	postgrestest.Run(t, w.url, "grant shop_owner to heir", "grant pg_write_all_data to all_writer", "grant writers to member", "grant update on payments to writers")
	postgrestest.Run(t, w.as("worker"), "grant insert on users to passed")
	for role, want := range map[string]string{
		"shop_owner": "owns", "heir": "may become shop_owner", "root": "is a superuser", "all_writer": "pg_write_all_data", "nobody_such": "does not exist",
		"member": "UPDATE on payments through writers", "passed": "INSERT on users through passed (granted by worker)",
	} {
		w.roles = []string{role}
		before := w.rights()
		for what, err := range map[string]error{
			"do":   second(w.action(orchestrator.ReadOnly).Do(t.Context(), w.call())),
			"plan": second(w.action(orchestrator.ReadOnly).Plan(t.Context(), w.call())),
		} {
			if !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %v", what, role, err)
			}
		}
		if after := w.rights(); after != before {
			t.Errorf("%s: something was changed: %s", role, after)
		}
	}
	w.roles = []string{"app"}
	postgrestest.Run(t, w.url, "grant delete on payments to public")
	if _, err := w.action(orchestrator.ReadOnly).Do(t.Context(), w.call()); err == nil || !strings.Contains(err.Error(), "DELETE on payments through PUBLIC") {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// What taking grants does not close is told.
func TestReadonly_tells(t *testing.T) {
	t.Parallel()
	w := start(t)
	postgrestest.Run(t, w.as("shop_owner"),
		"create function sneak() returns void language sql security definer as 'insert into public.orders (amount) values (1)'",
		"alter default privileges in schema billing grant insert on tables to app", "grant create on schema billing to public")
	c := w.call()
	r := w.do(orchestrator.ReadOnly, c)
	all := strings.Join(r.Notes, "\n")
	for _, want := range []string{"sneak()", "default privileges in billing", "PUBLIC or another role, in billing"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not told: %s", want, all)
		}
	}
	// Somebody grants and drops meanwhile: both stand, and are told.
	postgrestest.Run(t, w.as("shop_owner"), "grant select on payments to reader", "drop table billing.lines")
	r = w.do(orchestrator.ReadWrite, w.call())
	all = strings.Join(r.Notes, "\n")
	for _, want := range []string{"gone meanwhile", "billing.lines", "somebody changed", "public.payments"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not told: %s", want, all)
		}
	}
}

// An owner that is no superuser takes the rights; what it may not do is told.
func TestReadonly_byAPlainOwner(t *testing.T) {
	t.Parallel()
	w := start(t)
	postgrestest.Run(t, w.url, "revoke create on database shop from worker", "alter schema public owner to shop_owner")
	w.url = w.as("shop_owner")
	w.url = strings.Replace(w.url, "shop_owner@", "backout@", 1)
	before := w.rights()
	c, err := access.New([]access.Target{{Project: "shop", Environment: "production", URL: w.as("shop_owner"), Roles: w.roles, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Actions()[orchestrator.ReadOnly].Do(t.Context(), w.call())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the seat belt", "no write was tried as app"} {
		if !strings.Contains(out.Text, want) {
			t.Errorf("%q is not told: %s", want, out.Text)
		}
	}
	if err := w.write("app", "delete from orders"); err == nil {
		t.Error("a write went through")
	}
	if _, err := c.Actions()[orchestrator.ReadWrite].Do(t.Context(), w.call()); err != nil {
		t.Fatal(err)
	}
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestUnreachable_cannotTell(t *testing.T) {
	t.Parallel()
	c, err := access.New([]access.Target{{Project: "shop", Environment: "production", URL: "postgresql://x@127.0.0.1:1/y?sslmode=disable", Roles: []string{"app"}, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	call := orchestrator.Call{Key: "k", Project: "shop", Environment: "production"}
	for _, name := range []string{orchestrator.ReadOnly, orchestrator.ReadWrite} {
		if o, err := c.Actions()[name].Verify(t.Context(), call, ""); err != nil || o.Kind != orchestrator.OutcomeCannotTell {
			t.Errorf("%+v %v", o, err)
		}
		call.Environment = "staging"
		if _, err := c.Actions()[name].Do(t.Context(), call); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "app_roles") {
			t.Error(err)
		}
		call.Environment = "production"
	}
}
