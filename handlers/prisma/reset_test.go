package prisma_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// onlyOurs fails unless the database is one that this test made on loopback: nothing else
// is ever emptied.
func (w *world) onlyOurs() {
	w.t.Helper()
	if !strings.Contains(w.url, "@127.0.0.1:") || w.value("select current_setting('data_directory')") == "" {
		w.t.Fatal("this is no database of the test's own")
	}
	dir := w.value("select current_setting('data_directory')")
	if !strings.HasPrefix(dir, os.TempDir()) {
		w.t.Fatalf("the database in %s is not the test's own", dir)
	}
}

// full is a world with rows, a table no migration makes and another schema.
func full(t *testing.T, kind string, loss bool) *world {
	t.Helper()
	w := start(t)
	w.onlyOurs()
	w.target.Kind, w.target.AllowDataLoss = kind, loss
	w.migration("2_orders", "create table orders (id int primary key);")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone)
	postgrestest.Run(t, w.url, "insert into users values (1), (2)", "create table unrelated (id int)", "create schema other", "create table other.keep as select 1 as id")
	return w
}

const copied = `{"snapshot":{"copy":"shop-production-1","verified":true}}`

// Each guard of the handler stops it alone.
func TestReset_eachGuardAlone(t *testing.T) {
	t.Parallel()
	w := full(t, orchestrator.KindProduction, true)
	good, _ := w.approved("reset", copied)
	unseen, other := good, good
	unseen.Preview = nil
	other.Preview = json.RawMessage(strings.Replace(string(good.Preview), `"shop"`, `"other"`, 1))
	for name, one := range map[string]struct {
		change func(*world)
		call   orchestrator.Call
		want   string
	}{
		"no allow_data_loss":   {func(w *world) { w.target.AllowDataLoss = false }, good, "allow_data_loss is not true"},
		"staging is no excuse": {func(w *world) { w.target.AllowDataLoss, w.target.Kind = false, orchestrator.KindStaging }, good, "allow_data_loss is not true"},
		"no copy":              {func(*world) {}, with(good, ""), "no copy was taken"},
		"copy not verified":    {func(*world) {}, with(good, `{"snapshot":{"copy":"x","verified":false}}`), "no copy was taken"},
		"nobody has seen it":   {func(*world) {}, unseen, "approve it first"},
		"another database":     {func(*world) {}, other, "superseded"},
		"another copy":         {func(*world) {}, with(good, `{"snapshot":{"copy":"x","verified":true}}`), "superseded"},
	} {
		before := w.target
		one.change(w)
		out, err := w.action("reset").Do(t.Context(), one.call)
		w.target = before
		if one.want == "superseded" {
			if err != nil || !out.Superseded {
				t.Errorf("%s: %+v %v", name, out, err)
			}
		} else if !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %+v %v", name, out, err)
		}
	}
	// What is in it changed since it was shown.
	postgrestest.Run(t, w.url, "create table fresh (id int)")
	if out, err := w.action("reset").Do(t.Context(), good); err != nil || !out.Superseded || !strings.Contains(out.Text, "fresh") {
		t.Errorf("%+v %v", out, err)
	}
	w.untouched()
}

func with(c orchestrator.Call, inputs string) orchestrator.Call {
	c.Inputs = json.RawMessage(inputs)
	return c
}

func (w *world) untouched() {
	w.t.Helper()
	if got := w.value("select count(*)::text from users"); got != "2" {
		w.t.Errorf("%s rows are left", got)
	}
	if names, _ := w.jobs.Find(""); len(names) != 1 {
		w.t.Errorf("jobs: %v", names)
	}
}

// Prisma's own guard fires where it takes its caller for a machine: its words end it.
func TestReset_prismasOwnGuard(t *testing.T) {
	t.Parallel()
	w := full(t, orchestrator.KindDisposable, false)
	w.target.Env["GEMINI_CLI"] = "1"
	c, _ := w.approved("reset", "")
	out, err := w.action("reset").Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	expect(t, w.verify("reset", c, out.Accepted.Token), orchestrator.OutcomeFailed, "Prisma's own guard stopped it", "detected that it was invoked by")
	if got := w.value("select count(*)::text from users"); got != "2" {
		t.Errorf("%s rows are left", got)
	}
}

// The whole road, on a disposable database with nothing but a yes and on one of kind
// production with every guard met.
func TestReset_wholeRoad(t *testing.T) {
	t.Parallel()
	for kind, inputs := range map[string]string{orchestrator.KindDisposable: "", orchestrator.KindProduction: copied} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := full(t, kind, kind == orchestrator.KindProduction)
			c, p := w.approved("reset", inputs)
			for _, want := range []string{"DROP EVERYTHING in schema public of shop at 127.0.0.1", "4 tables (_prisma_migrations, orders, unrelated, users)", "apply 2 migrations"} {
				if !strings.Contains(p.Text, want) {
					t.Errorf("%q is missing in: %s", want, p.Text)
				}
			}
			if o, err := w.action("reset").Verify(t.Context(), c, ""); err != nil || o.Kind != orchestrator.OutcomeNotDone {
				t.Errorf("%+v %v", o, err)
			}
			out, err := w.action("reset").Do(t.Context(), c)
			if err != nil || out.Accepted == nil {
				t.Fatalf("%+v %v", out, err)
			}
			o := w.verify("reset", c, out.Accepted.Token)
			expect(t, o, orchestrator.OutcomeDone, "everything was dropped", "unrelated")
			if !strings.Contains(string(o.Data), `"gone":["unrelated"]`) {
				t.Errorf("%s", o.Data)
			}
			got := w.value("select (select count(*) from users) || ' ' || (select count(*) from other.keep) || ' ' || (select count(*) from backout.mark)")
			if got != "0 1 1" {
				t.Errorf("users, other.keep, marks: %s", got)
			}
			expect(t, w.verify("reset", c, ""), orchestrator.OutcomeDone)
		})
	}
}

// A connection that would mix the application with the marks is refused.
func TestReset_notAmongTheMarks(t *testing.T) {
	t.Parallel()
	w := bare(t)
	w.target.Kind = orchestrator.KindDisposable
	for _, url := range []string{strings.Replace(w.target.URL, "schema=public", "schema=backout", 1), strings.Replace(w.target.URL, "owner:", "backout:", 1)} {
		w.target.URL = url
		for action, inputs := range map[string]string{"reset": "", "revert": `{"migrations":["1_users"]}`} {
			if _, err := w.action(action).Plan(t.Context(), w.call(inputs)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "keeps its marks") {
				t.Errorf("%s: %v", action, err)
			}
		}
	}
}

// A reset whose CLI fails after the drop says so; it is never done twice by itself.
func TestReset_halfDone(t *testing.T) {
	t.Parallel()
	w := full(t, orchestrator.KindDisposable, false)
	w.migration("3_bad", "alter table nowhere add column x int;")
	c, _ := w.approved("reset", "")
	out, err := w.action("reset").Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	expect(t, w.verify("reset", c, out.Accepted.Token), orchestrator.OutcomeFailed, "everything was dropped and 3_bad is not applied again")
}
