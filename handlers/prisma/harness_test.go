package prisma_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/handlers/prisma"
	"github.com/aimarketplace/backout/orchestrator"
)

// The test binary is also the supervisor of its jobs.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "supervise" {
		if err := job.Supervise(context.Background(), os.Args[2], func(s string) string { return s }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "deploy" {
		deployAndWait(os.Args[2])
	}
	os.Exit(m.Run())
}

// deployAndWait is a Backout that starts a deploy and is to be killed.
func deployAndWait(file string) {
	var g given
	body, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(body, &g)
	}
	var out orchestrator.Output
	if err == nil {
		var c *prisma.Client
		runner := &job.Runner{Root: g.Root, Command: []string{os.Args[0], "supervise"}}
		if c, err = prisma.New(prisma.Options{Targets: []prisma.Target{g.Target}, Jobs: runner, Path: os.Getenv("PATH")}); err == nil {
			out, err = c.Actions()["prisma.deploy"].Do(context.Background(), g.Call)
		}
	}
	fmt.Println("started", out.Accepted != nil, err)
	select {}
}

// given is what such a Backout is given.
type given struct {
	Target prisma.Target
	Root   string
	Call   orchestrator.Call
}

const password = "hunter22"

// missing fails in CI and skips elsewhere.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip("skipped: " + what)
}

// real is the engine for the real CLI, after a look at Node and at the packages.
func real(t *testing.T) (engine, packages string) {
	t.Helper()
	var major, minor int
	out, err := exec.Command("node", "--version").Output()
	if _, scanned := fmt.Sscanf(string(out), "v%d.%d.", &major, &minor); err != nil || scanned != nil {
		missing(t, "Node is not here (Debian package nodejs)")
	}
	if major < 20 || (major == 20 && minor < 19) {
		missing(t, fmt.Sprintf("Node %s is too old for Prisma 7, which needs 20.19", strings.TrimSpace(string(out))))
	}
	shared := os.Getenv("BACKOUT_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	engine, _ = filepath.Abs(filepath.Join(shared, "prisma-kit", "schema-engine.mjs"))
	if _, err := os.Stat(engine); err != nil {
		missing(t, "the engine for Prisma's CLI is not here; set BACKOUT_SHARED to the folder that has prisma-kit/")
	}
	packages, _ = filepath.Abs("testdata")
	if _, err := os.Stat(filepath.Join(packages, "node_modules", "prisma")); err != nil {
		missing(t, "Prisma's CLI is not installed; run make prisma-cli")
	}
	return engine, packages
}

// world is a project with a database of its own.
type world struct {
	t      *testing.T
	folder string
	url    string
	jobs   *job.Runner
	target prisma.Target
	calls  int
}

// bare is a world whose CLI is not there yet.
func bare(t *testing.T) *world {
	t.Helper()
	server := postgrestest.Start(t)
	// Not backout: that is also the schema of the marks, which "$user" would put first.
	postgrestest.Run(t, server, "create role owner superuser login", "create database shop owner owner")
	url := strings.Replace(server, "backout@", "owner:"+password+"@", 1)
	w := &world{t: t, folder: t.TempDir(), url: strings.Replace(url, "/postgres?", "/shop?", 1)}
	w.jobs = &job.Runner{Root: filepath.Join(t.TempDir(), "jobs"), Command: []string{os.Args[0], "supervise"}}
	w.target = prisma.Target{
		Project: "shop", Environment: "production", Folder: w.folder, URL: w.url + "&schema=public&connection_limit=1",
		Timeout: time.Minute, AllowPrivate: []string{"127.0.0.0/8"},
	}
	w.write("prisma/schema.prisma", "datasource db {\n  provider = \"postgresql\"\n}\nmodel users {\n  id Int @id\n}\n")
	w.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n")
	w.write("prisma.config.ts", `import { defineConfig, env } from "prisma/config";
export default defineConfig({ schema: "prisma/schema.prisma", migrations: { path: "prisma/migrations" }, datasource: { url: env("DATABASE_URL") } });
`)
	t.Cleanup(w.settle)
	return w
}

// start is a world with the real CLI and one migration.
func start(t *testing.T) *world {
	t.Helper()
	engine, packages := real(t)
	w := bare(t)
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(w.folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	w.target.Env = map[string]string{"PRISMA_SCHEMA_ENGINE_BINARY": engine, "PRISMA_SHIM_ROOT": packages}
	w.migration("1_users", "create table users (id integer not null, constraint users_pkey primary key (id));")
	return w
}

// settle waits for what the test started, so that its folder can go.
func (w *world) settle() {
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

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) migration(name, sql string) { w.write("prisma/migrations/"+name+"/migration.sql", sql) }

func (w *world) client() *prisma.Client {
	w.t.Helper()
	c, err := prisma.New(prisma.Options{Targets: []prisma.Target{w.target}, Jobs: w.jobs, Path: os.Getenv("PATH")})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) action(name string) orchestrator.Action { return w.client().Actions()["prisma."+name] }

// call is a new attempt.
func (w *world) call(inputs string) orchestrator.Call {
	w.calls++
	return orchestrator.Call{
		Key: fmt.Sprintf("key%d", w.calls), Attempt: fmt.Sprintf("boot/a%d", w.calls), Step: "s",
		Project: "shop", Environment: "production", Inputs: json.RawMessage(inputs),
	}
}

// do makes the call and waits for its end.
func (w *world) do(name, inputs string) orchestrator.Outcome {
	w.t.Helper()
	c := w.call(inputs)
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

// value asks the database for one text.
func (w *world) value(sql string) string {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var v string
	if err := conn.QueryRow(w.t.Context(), sql).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// hold takes Prisma's lock as somebody else would.
func (w *world) hold() (release func()) { return w.lock(72707369) }

func (w *world) lock(key int) (release func()) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := conn.Exec(w.t.Context(), "select pg_advisory_lock($1)", key); err != nil {
		w.t.Fatal(err)
	}
	return func() { _ = conn.Close(context.Background()) }
}

const gate = 4711

// slow adds a migration that waits in the middle until release is called.
func (w *world) slow() (release func()) {
	w.t.Helper()
	w.migration("2_slow", fmt.Sprintf("select pg_advisory_lock(%d);\ncreate table slow (id int);", gate))
	release = sync.OnceFunc(w.lock(gate))
	w.t.Cleanup(release) // Before settle, which waits for the job.
	return release
}

// inTheMiddle waits until the slow migration waits.
func (w *world) inTheMiddle() {
	w.t.Helper()
	w.until(func() bool {
		return w.value(fmt.Sprintf("select count(*)::text from pg_locks where objid = %d and not granted", gate)) == "1"
	})
}

// status reads until there is data: on a slow machine the CLI may not be in time.
func (w *world) status(inputs string) (text, data string) {
	w.t.Helper()
	var out orchestrator.Output
	w.until(func() bool {
		var err error
		if out, err = w.action("status").Do(w.t.Context(), w.call(inputs)); err != nil || (out.Errored && !strings.Contains(out.Text, "deadline")) {
			w.t.Fatalf("%+v %v", out, err)
		}
		return !out.Errored
	})
	return out.Text, string(out.Data)
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

// begin is a transaction that somebody else holds until end.
func (w *world) begin() (tx pgx.Tx, end func()) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	if tx, err = conn.Begin(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return tx, func() { _ = conn.Close(context.Background()) }
}
