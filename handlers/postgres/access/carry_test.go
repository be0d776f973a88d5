package access_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// carry brings what stands in shop over to its copy, which then takes the name.
func (w *world) carry() {
	w.t.Helper()
	connect := func(name string) *pgx.Conn {
		conn, err := pgx.Connect(w.t.Context(), strings.Replace(w.url, "/shop?", "/"+name+"?", 1))
		if err != nil {
			w.t.Fatal(err)
		}
		return conn
	}
	from, to := connect("shop"), connect("shop_copy")
	for range 2 {
		if err := access.Carry(w.t.Context(), from, to); err != nil {
			w.t.Fatal(err)
		}
	}
	_, _ = from.Close(w.t.Context()), to.Close(w.t.Context())
	postgrestest.Run(w.t, strings.Replace(w.url, "/shop?", "/postgres?", 1), "alter database shop rename to shop_old", "alter database shop_copy rename to shop")
}

// copied makes a database like shop, as a restore does: with its settings and rights.
func (w *world) copied() {
	w.t.Helper()
	postgrestest.Run(w.t, strings.Replace(w.url, "/shop?", "/postgres?", 1), "create database shop_copy template shop owner shop_owner")
}

// A copy from before is as read-only as what it replaces, and everything comes back.
func TestCarry(t *testing.T) {
	t.Parallel()
	w := start(t)
	before := w.rights()
	w.copied()
	c := w.call()
	w.do(orchestrator.ReadOnly, c)
	postgrestest.Run(t, strings.Replace(w.url, "/shop?", "/postgres?", 1), "alter role app in database shop_copy set default_transaction_read_only = on", "alter role worker in database shop_copy set default_transaction_read_only = on")
	w.carry()
	if err := postgrestest.Try(t, w.as("app"), "set transaction_read_only = off; insert into orders (amount) values (1)"); err == nil {
		t.Error("the restored database takes writes")
	}
	if r := w.do(orchestrator.ReadOnly, w.call()); !r.Adopted || r.By != c.Incident {
		t.Errorf("the record did not come with it: %+v", r)
	}
	if r := w.do(orchestrator.ReadWrite, w.call()); r.By != c.Incident || r.Done == 0 {
		t.Errorf("%+v", r)
	}
	postgrestest.Run(t, strings.Replace(w.url, "/shop?", "/postgres?", 1), "drop database shop_old")
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if err := postgrestest.Try(t, w.as("app"), "insert into orders (amount) values (1)"); err != nil {
		t.Error(err)
	}
}

// A copy that was made while the database was read-only is not, when that is over.
func TestCarry_ends(t *testing.T) {
	t.Parallel()
	w := start(t)
	before := w.rights()
	w.do(orchestrator.ReadOnly, w.call())
	w.copied()
	w.do(orchestrator.ReadWrite, w.call())
	w.carry()
	postgrestest.Run(t, strings.Replace(w.url, "/shop?", "/postgres?", 1), "grant create on database shop to worker", "drop database shop_old")
	if err := postgrestest.Try(t, w.as("app"), "insert into orders (amount) values (1)"); err != nil {
		t.Error(err)
	}
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// What is read-only by nobody stays as it was copied, without a trace of Backout.
func TestCarry_nothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.copied()
	w.carry()
	if got := postgrestest.Value(t, w.url, "select count(*)::text from pg_namespace where nspname = 'backout'"); got != "0" {
		t.Error("it left a schema of its own")
	}
}
