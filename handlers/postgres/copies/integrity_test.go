package copies_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// numbers are what integrity gives to a gate.
type numbers struct {
	Problems   int64
	Unknown    int64
	Violations int64
	NotValid   int64 `json:"not_valid"`
	Corrupt    int64
	Amcheck    int64
	Checks     map[string]int64
	Missing    int64
	Fewer      int64
	Copy       string
}

func (w *world) integrity() (numbers, orchestrator.Output) {
	w.t.Helper()
	var n numbers
	out, err := w.action("integrity").Do(w.t.Context(), w.call(""))
	if err == nil {
		err = json.Unmarshal(out.Data, &n)
	}
	if err != nil {
		w.t.Fatalf("%v: %+v", err, out)
	}
	return n, out
}

func TestIntegrity(t *testing.T) {
	t.Parallel()
	w := start(t)
	l := w.take()
	n, out := w.integrity()
	if n.Problems != 0 || n.Unknown != 0 || out.Errored || n.Copy != l.Copy || n.Checks["orphans"] != 0 || !strings.Contains(out.Text, "is sound") {
		t.Errorf("%+v %+v", n, out)
	}
	postgrestest.Run(t, w.server, "alter database shop set session_replication_role = 'replica'") // foreign keys are not looked at
	postgrestest.Run(t, w.url, "create extension amcheck", "delete from orders where id <= 3", "alter table orders add constraint short check (length(note) < 8) not valid",
		`drop table "Odd ""name"""`)
	postgrestest.Run(t, w.server, "alter database shop reset session_replication_role")
	n, out = w.integrity()
	t.Log(out.Text)
	if n.Violations != 3+901 || n.NotValid != 1 || n.Missing != 1 || n.Fewer != 3 || n.Checks["orphans"] != 3 || n.Amcheck < 2 || n.Problems != 3+901+1+3 || out.Errored {
		t.Errorf("%+v", n)
	}
	if !strings.Contains(out.Text, "901 rows of orders break short, which is NOT VALID") {
		t.Errorf("%s", out.Text)
	}
	w.target.Checks = append(w.target.Checks, copies.Query{ID: "broken", SQL: "select count(*) from nowhere"})
	w.again()
	if n, _ = w.integrity(); n.Unknown != 1 {
		t.Errorf("%+v", n)
	}
	w.target.URL = strings.Replace(w.url, "/shop?", "/gone?", 1)
	w.again()
	if out, err := w.action("integrity").Do(t.Context(), w.call("")); err != nil || !out.Errored {
		t.Errorf("%+v %v", out, err)
	}
}

// What would fail at a restore is found before.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.target.Every = time.Hour
	found := func(text, fix string) {
		t.Helper()
		w.again()
		var all []string
		for _, f := range w.client().Check(t.Context()) {
			all = append(all, f.Text+" | "+f.Fix)
			if strings.Contains(f.Text, text) && strings.Contains(f.Fix, fix) && (fix == "") == (f.Fix == "") {
				return
			}
		}
		t.Errorf("%q %q is not found in:\n%s", text, fix, strings.Join(all, "\n"))
	}
	found("role shop_app of the application owns no table", "")
	found("pg_dump and pg_restore are of PostgreSQL", "")
	found("can be written, and a copy", "")
	found("may make and rename databases", "")
	found("there is no restore point", "start Backout")
	w.take()
	found("the newest restore point shows", "")
	w.target.Every = time.Nanosecond
	postgrestest.Run(t, w.url, "alter table lines owner to shop_app")
	found("role shop_app of the application owns 1 tables (lines)", "owns nothing")
	postgrestest.Run(t, w.server, "create role weak login", "grant connect on database shop to weak")
	strong := w.target.URL
	w.target.URL = strings.Replace(w.url, "backout:", "weak:", 1)
	found("role weak may not make databases", "createdb")
	found("role weak does not own database shop", "owner to it")
	w.target.URL, w.target.Bin = strong, "/nowhere"
	found("are not in /nowhere", "postgresql-client")
	w.target.Bin, w.target.Folder = "", filepath.Join("/proc", "nowhere")
	found("cannot be written", "give Backout's user")
	w.target.AppRoles = []string{"nobody"}
	found("there is no role nobody", "app_roles")
	w.target.AppRoles = []string{"backout"}
	found("is a superuser", "owns nothing")
}
