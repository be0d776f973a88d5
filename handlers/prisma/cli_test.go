package prisma_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/handlers/prisma"
	"github.com/aimarketplace/backout/orchestrator"
)

// pretend puts a CLI of that version into the checkout.
func pretend(w *world, version, script string) {
	w.write("node_modules/prisma/package.json", `{"name":"prisma","version":"`+version+`"}`)
	w.write("node_modules/prisma/build/package.json", `{"name":"other","version":"9.9.9"}`)
	w.write("node_modules/prisma/build/index.js", script)
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "Node is not here (Debian package nodejs)")
	}
}

// What the CLI refuses by its guard ends the step with the guard's words, and the CLI
// gets nothing of Backout's environment that is not on the list.
func TestCLI_guardAndEnvironment(t *testing.T) {
	needNode(t)
	t.Setenv("BACKOUT_TOKEN", "backouts-own")
	w := bare(t)
	w.migration("1_users", "create table users (id int);")
	pretend(w, "7.11.0", `console.log(Object.keys(process.env).sort().join(" "));
console.error("Error: Prisma Migrate detected that it was invoked by Somebody.\nAs such you are forbidden from this without explicit consent.");
process.exit(1);`)
	c := w.call("")
	out, err := w.action("deploy").Do(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, w.verify("deploy", c, out.Accepted.Token), orchestrator.OutcomeFailed, "Prisma's own guard stopped it", "detected that it was invoked by Somebody", "explicit consent")
	s, err := w.jobs.Look(out.Accepted.Token)
	first, _, _ := strings.Cut(s.Output, "\n")
	if want := "CHECKPOINT_DISABLE DATABASE_URL HOME LANG NO_COLOR PATH PRISMA_HIDE_UPDATE_MESSAGE"; err != nil || first != want {
		t.Errorf("%s %v", first, err)
	}
}

func TestCLI_adapterByVersion(t *testing.T) {
	needNode(t)
	w := bare(t)
	w.write("x.sql", "select 1;")
	w.migration("1_users", "create table users (id int);")
	args := func(action, inputs string) string {
		t.Helper()
		c := w.call(inputs)
		out, err := w.action(action).Do(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if out.Accepted == nil {
			return string(out.Data) + out.Text
		}
		return w.verify(action, c, out.Accepted.Token).Text
	}
	const echo = `console.error("Error: " + process.argv.slice(2).join(" ")); process.exit(1);`
	schema := w.folder + "/prisma/schema.prisma"
	for version, want := range map[string]map[string]string{
		"6.19.3": {"execute": "script.sql --schema " + schema, "drift": "--from-schema-datasource " + schema + " --to-schema-datamodel " + schema + " --exit-code"},
		"7.10.0": {"execute": "script.sql", "drift": "--from-config-datasource --to-schema " + schema + " --exit-code"},
	} {
		pretend(w, version, echo)
		if got := args("execute", `{"file":"x.sql"}`); !strings.HasSuffix(got, want["execute"]) || !strings.Contains(got, "db execute --file") {
			t.Errorf("%s: %s", version, got)
		}
		if got := args("status", `{"drift":true}`); !strings.Contains(got, want["drift"]) {
			t.Errorf("%s: %s", version, got)
		}
		if got := args("deploy", ""); !strings.Contains(got, "migrate deploy --schema "+schema) {
			t.Errorf("%s: %s", version, got)
		}
	}
	w.target.Kind = orchestrator.KindDisposable
	for version, want := range map[string]string{"6.19.3": " --skip-generate --skip-seed", "7.10.0": ""} {
		pretend(w, version, echo)
		c, _ := w.approved("reset", "")
		out, err := w.action("reset").Do(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.verify("reset", c, out.Accepted.Token).Text; !strings.Contains(got, "there was nothing to drop") || !strings.Contains(got, "migrate reset --force --schema "+schema+want+".") {
			t.Errorf("%s: %s", version, got)
		}
	}
	postgrestest.Run(t, w.url, "create table _prisma_migrations (id text, checksum text, migration_name text, started_at timestamptz, finished_at timestamptz, rolled_back_at timestamptz, logs text)",
		"insert into _prisma_migrations values ('1', '', '1_users', now(), now(), null, null)")
	for version, want := range map[string]string{"6.19.3": "needs a secret among its arguments", "7.10.0": "migrate diff --from-migrations "} {
		pretend(w, version, echo)
		if _, err := w.action("revert").Plan(t.Context(), w.call(`{"migrations":["1_users"]}`)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "write down.sql") {
			t.Errorf("%s: %v", version, err)
		}
	}
	pretend(w, "8.0.0", echo)
	if _, err := w.action("deploy").Do(t.Context(), w.call("")); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "Prisma 8.0.0") {
		t.Errorf("%v", err)
	}
	if err := os.RemoveAll(w.folder + "/node_modules"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.action("deploy").Plan(t.Context(), w.call("")); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "install the project's packages") {
		t.Errorf("%v", err)
	}
}

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	for want, target := range map[string]prisma.Target{
		"absolute path":      {Folder: "shop", URL: "postgres://u:hunter22@h/x"},
		"not the address":    {Folder: "/shop", URL: "mysql://u:hunter22@h/x"},
		"transaction pooler": {Folder: "/shop", URL: "postgres://u:hunter22@h:5432/x?pgbouncer=true"},
		"on port 5432":       {Folder: "/shop", URL: "postgres://u:hunter22@h:6543/x"},
		"a person's own":     {Folder: "/shop", URL: "postgres://u:hunter22@h/x", Env: map[string]string{"PRISMA_USER_CONSENT_X": "yes"}},
	} {
		_, err := prisma.New(prisma.Options{Targets: []prisma.Target{target}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", want, err)
		}
	}
	c, err := prisma.New(prisma.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range c.Actions() {
		if _, err := a.Do(t.Context(), orchestrator.Call{Project: "shop", Environment: "production"}); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "has no Prisma") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
