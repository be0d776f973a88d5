package copies_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestRestore_whileReadOnly: the record of the read-only stays in the database that is
// replaced, so its seat belt must not come along: the application writes again.
func TestRestore_whileReadOnly(t *testing.T) {
	t.Parallel()
	w := start(t)
	l := w.take()
	rights, err := access.New([]access.Target{{Project: "shop", Environment: "production", URL: w.url, Roles: []string{"shop_app"}, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rights.Actions()["postgres.readonly"].Do(t.Context(), w.call("")); err != nil {
		t.Fatal(err)
	}
	app := strings.Replace(w.url, "backout:"+password+"@", "shop_app@", 1)
	const write = "insert into orders values (5000, true)"
	if postgrestest.Try(t, app, write) == nil {
		t.Fatal("it is not read-only")
	}
	expect(t, w.do("restore", w.call(`{"copy":"`+l.Copy+`"}`)), orchestrator.OutcomeDone)
	if err := postgrestest.Try(t, app, write); err != nil {
		t.Errorf("after the restore: %v", err)
	}
	if got := w.value(app, "select current_setting('search_path')"); got != "public, pg_catalog" {
		t.Errorf("its other settings: %s", got)
	}
	out, err := rights.Actions()["postgres.readwrite"].Do(t.Context(), w.call(""))
	if err != nil || !strings.Contains(out.Text, "is not read-only by Backout") {
		t.Errorf("%+v %v", out, err)
	}
}
