package prisma_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

const applied = "select count(*)::text from _prisma_migrations where finished_at is not null and rolled_back_at is null"

func TestDeploy_isDoneByTheTable(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.migration("2_orders", "create table orders (id integer primary key);")
	c := w.call("")
	deploy := w.action("deploy")
	p, err := deploy.Plan(t.Context(), c)
	if err != nil || !strings.Contains(p.Text, "Apply 2 migration(s)") || !strings.Contains(p.Text, "Prisma 7.10.0: 1_users, 2_orders") {
		t.Fatalf("%+v %v", p, err)
	}
	c.Preview = p.Data
	out, err := deploy.Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	// Again, as after a lost answer: the job that is at work is found.
	again := c
	again.Attempt = "boot/other"
	if second, err := deploy.Do(t.Context(), again); err != nil || second.Accepted == nil || second.Accepted.Token != out.Accepted.Token {
		t.Errorf("%+v %v", second, err)
	}
	o := w.verify("deploy", c, "")
	expect(t, o, orchestrator.OutcomeDone, "applied 1_users, 2_orders")
	if n := w.value(applied); n != "2" || !strings.Contains(string(o.Data), `"exit":0`) {
		t.Errorf("%s rows, %s", n, o.Data)
	}
	if out, err := deploy.Do(t.Context(), w.call("")); err != nil || out.Accepted != nil || !strings.Contains(out.Text, "nothing is pending") {
		t.Errorf("%+v %v", out, err)
	}
	if names, _ := w.jobs.Find(""); len(names) != 1 {
		t.Errorf("%v", names)
	}
	_ = filepath.WalkDir(w.jobs.Root, func(path string, _ os.DirEntry, _ error) error {
		if body, _ := os.ReadFile(path); strings.Contains(string(body), password) {
			t.Errorf("the password is in %s", path)
		}
		return nil
	})
}

func TestDeploy_otherThanApproved(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.call("")
	p, err := w.action("deploy").Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.Preview = p.Data
	w.migration("1_users", "drop schema public cascade;")
	if out, err := w.action("deploy").Do(t.Context(), c); err != nil || !out.Superseded {
		t.Errorf("%+v %v", out, err)
	}
}

// A migration fails, is resolved, mended and applied; the table has both tries.
func TestDeploy_failsAndIsResolved(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.migration("2_bad", "create table half (id int);\nalter table nowhere add column x int;")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeFailed, "migration 2_bad failed", "exit 1", "P3018", "nowhere")
	if w.value("select (to_regclass('half') is null)::text") != "true" {
		t.Error("half of a migration stayed")
	}
	if text, data := w.status(""); !strings.Contains(data, `"failed":["2_bad"]`) || strings.Contains(data, `"up_to_date":true`) {
		t.Errorf("%s %s", text, data)
	}
	if _, err := w.action("deploy").Do(t.Context(), w.call("")); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "P3009") {
		t.Errorf("%v", err)
	}
	for inputs, want := range map[string]string{
		`{"migration":"1_users","as":"rolled_back"}`: "P3012",
		`{"migration":"3_none","as":"rolled_back"}`:  "P3011",
		`{"migration":"--force","as":"applied"}`:     "not the name",
		`{"migration":"2_bad","as":"gone"}`:          "neither applied",
	} {
		if _, err := w.action("resolve").Do(t.Context(), w.call(inputs)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", inputs, err)
		}
	}
	const rolledBack = `{"migration":"2_bad","as":"rolled_back"}`
	expect(t, w.do("resolve", rolledBack), orchestrator.OutcomeDone, "2_bad is marked rolled back")
	if out, err := w.action("resolve").Do(t.Context(), w.call(rolledBack)); err != nil || out.Accepted != nil || !strings.Contains(out.Text, "already") {
		t.Errorf("%+v %v", out, err)
	}
	// Prisma itself says no for a migration that is not there.
	expect(t, w.do("resolve", `{"migration":"9_none","as":"applied"}`), orchestrator.OutcomeFailed, "P3017")
	w.migration("2_bad", "create table half (id int);")
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone, "applied 2_bad")
	if n := w.value("select count(*)::text from _prisma_migrations where migration_name = '2_bad'"); n != "2" {
		t.Errorf("%s rows", n)
	}
}

// atWork starts a deploy and waits until its second migration is in the middle.
func atWork(t *testing.T, w *world) (c orchestrator.Call, token string, s job.Status, release func()) {
	t.Helper()
	release = w.slow()
	c = w.call("")
	out, err := w.action("deploy").Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	w.inTheMiddle()
	if s, err = w.jobs.Look(out.Accepted.Token); err != nil || s.Started.Child == 0 {
		t.Fatalf("%+v %v", s, err)
	}
	return c, out.Accepted.Token, s, release
}

// Everything of the CLI is killed in the middle. PostgreSQL goes on and commits, so
// nobody claims to know before a person has looked.
func TestDeploy_killedInTheMiddle(t *testing.T) {
	t.Parallel()
	w := start(t)
	c, token, s, release := atWork(t, w)
	if err := syscall.Kill(-s.Started.Child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until(func() bool {
		s, err := w.jobs.Look(token)
		return err == nil && s.State == job.Over
	})
	if o, err := w.action("deploy").Verify(t.Context(), c, token); err != nil || o.Kind != orchestrator.OutcomeRunning || !strings.Contains(o.Text, "a migration is running, by pid") {
		t.Errorf("%+v %v", o, err)
	}
	release()
	o := w.verify("deploy", c, token)
	expect(t, o, orchestrator.OutcomeCannotTell, "2_slow was begun", "killed by SIGKILL", "prisma.resolve")
	if !o.Never {
		t.Error("a later look was asked for")
	}
	if w.value("select (to_regclass('slow') is not null)::text") != "true" {
		t.Error("PostgreSQL did not go on; then this could be told")
	}
	expect(t, w.do("resolve", `{"migration":"2_slow","as":"applied"}`), orchestrator.OutcomeDone, "2_slow is marked applied")
	if n := w.value(applied); n != "2" {
		t.Errorf("%s applied", n)
	}
}

// Backout is killed while Prisma runs, before its answer is anywhere. The next one finds
// the job by the attempt, and does nothing twice.
func TestDeploy_goesOnWithoutBackout(t *testing.T) {
	t.Parallel()
	w := start(t)
	release := w.slow()
	c := w.call("{}")
	body, err := json.Marshal(given{w.target, w.jobs.Root, c})
	if err != nil {
		t.Fatal(err)
	}
	w.write("given.json", string(body))
	backout := exec.Command(os.Args[0], "deploy", filepath.Join(w.folder, "given.json"))
	said, err := backout.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := backout.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 300)
	if n, _ := said.Read(buf); string(buf[:n]) != "started true <nil>\n" {
		t.Fatalf("%s", buf[:n])
	}
	if err := backout.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = backout.Wait()
	if o, err := w.action("deploy").Verify(t.Context(), c, ""); err != nil || o.Kind != orchestrator.OutcomeRunning {
		t.Errorf("%+v %v", o, err)
	}
	w.inTheMiddle()
	release()
	expect(t, w.verify("deploy", c, ""), orchestrator.OutcomeDone, "applied 1_users, 2_slow")
	if n := w.value("select count(*)::text from _prisma_migrations"); n != "2" {
		t.Errorf("%s rows", n)
	}
}

// The supervisor is killed, and the CLI with it. The engine finishes what it began, and
// the table tells.
func TestDeploy_lostWithItsSupervisor(t *testing.T) {
	t.Parallel()
	w := start(t)
	c, token, s, release := atWork(t, w)
	if err := syscall.Kill(s.Started.Supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until(func() bool {
		s, err := w.jobs.Look(token)
		return err == nil && s.State == job.Lost
	})
	if o, err := w.action("deploy").Verify(t.Context(), c, token); err != nil || o.Kind != orchestrator.OutcomeRunning {
		t.Errorf("%+v %v", o, err)
	}
	release()
	o := w.verify("deploy", c, token)
	if o.Kind != orchestrator.OutcomeDone && o.Kind != orchestrator.OutcomeCannotTell {
		t.Errorf("%+v", o)
	}
	expect(t, o, o.Kind, "killed together with its supervisor")
}

// The engine dies at once and the CLI says nothing is wrong.
func TestCLI_exitZeroIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.write("dead-engine", "#!/bin/sh\nexit 0\n")
	w.write("undo.sql", "create table undone (id int);")
	w.target.Env["PRISMA_SCHEMA_ENGINE_BINARY"] = filepath.Join(w.folder, "dead-engine")
	o := w.do("deploy", "")
	t.Logf("%s %s %s", o.Kind, o.Text, o.Data)
	if o.Kind != orchestrator.OutcomeNotDone || !strings.Contains(string(o.Data)+o.Text, "exit 0") {
		t.Errorf("%+v", o)
	}
	if o := w.do("execute", `{"file":"undo.sql"}`); o.Kind != orchestrator.OutcomeCannotTell && o.Kind != orchestrator.OutcomeFailed {
		t.Errorf("%+v", o)
	}
}

func TestLock_isHonoured(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.write("x.sql", "select 1;")
	busy := func() {
		t.Helper()
		for name, inputs := range map[string]string{"deploy": "", "resolve": `{"migration":"1_users","as":"applied"}`, "execute": `{"file":"x.sql"}`} {
			_, err := w.action(name).Do(t.Context(), w.call(inputs))
			if orchestrator.RetryDelay(err) == 0 || !strings.Contains(err.Error(), "a migration is running, by pid") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	release := w.hold()
	busy()
	if text, _ := w.status(""); !strings.Contains(text, "a migration is running, by pid") {
		t.Errorf("%s", text)
	}
	if _, err := w.client().Hold(t.Context(), "shop", "production"); err == nil {
		t.Error("a lock was taken twice")
	}
	release()
	w.until(func() bool {
		var err error
		release, err = w.client().Hold(t.Context(), "shop", "production")
		return err == nil
	})
	busy()
	release()
	w.until(func() bool { return w.value("select count(*)::text from pg_locks where objid = 72707369") == "0" })
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone, "applied 1_users")
	if names, _ := w.jobs.Find(""); len(names) != 1 {
		t.Errorf("something was started under the lock, or a read left its job: %v", names)
	}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.write("good.sql", "create table a (id int);\ninsert into a values (1), (2);")
	w.write("bad.sql", "create table b (id int);\ninsert into nowhere values (1);")
	c := w.call(`{"file":"good.sql"}`)
	p, err := w.action("execute").Plan(t.Context(), c)
	if err != nil || !strings.Contains(p.Text, "insert into a values") {
		t.Fatalf("%+v %v", p, err)
	}
	expect(t, w.do("execute", `{"file":"good.sql"}`), orchestrator.OutcomeDone, "the script ran")
	if n := w.value("select count(*)::text from a"); n != "2" {
		t.Errorf("%s rows", n)
	}
	expect(t, w.do("execute", `{"file":"bad.sql"}`), orchestrator.OutcomeFailed, "nowhere")
	for _, file := range []string{"", "../x.sql", "/etc/passwd", "missing.sql"} {
		in, _ := json.Marshal(map[string]string{"file": file})
		if _, err := w.action("execute").Do(t.Context(), w.call(string(in))); !orchestrator.IsPermanent(err) {
			t.Errorf("%q: %v", file, err)
		}
	}
	c.Preview = p.Data
	w.write("good.sql", "drop table a;")
	if out, err := w.action("execute").Do(t.Context(), c); err != nil || !out.Superseded {
		t.Errorf("%+v %v", out, err)
	}
}

// The table, the folder and the schema are compared; Prisma's own status overlooks what
// was added by hand, what was edited, and what the checkout lacks.
func TestStatus(t *testing.T) {
	t.Parallel()
	w := start(t)
	if _, data := w.status(""); !strings.Contains(data, `"up_to_date":false,"pending":[{"name":"1_users"`) || !strings.Contains(data, `"exit":1`) {
		t.Errorf("%s", data)
	}
	expect(t, w.do("deploy", ""), orchestrator.OutcomeDone)
	if _, data := w.status(""); !strings.Contains(data, `"up_to_date":true,"pending":[]`) || !strings.Contains(data, "Database schema is up to date!") {
		t.Errorf("%s", data)
	}
	if _, data := w.status(`{"drift":true}`); !strings.Contains(data, `"drift":false`) {
		t.Errorf("%s", data)
	}
	postgrestest.Run(t, w.url, "alter table users add column by_hand int",
		"insert into _prisma_migrations (id, checksum, migration_name, finished_at) values ('x', 'y', '0_gone', now())")
	w.migration("1_users", "create table users (id bigint);")
	text, data := w.status(`{"drift":true}`)
	for _, want := range []string{`"drift":true`, `"missing":["0_gone"]`, `"edited":["1_users"]`} {
		if !strings.Contains(data, want) {
			t.Errorf("%s is missing in %s", want, data)
		}
	}
	if !strings.Contains(text, "not in the checkout: 0_gone") {
		t.Errorf("%s", text)
	}
}
