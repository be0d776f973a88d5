package repair_test

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

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/handlers/postgres/repair"
	"github.com/aimarketplace/backout/orchestrator"
)

// The test binary is also the supervisor of its jobs and their child.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		var err error
		switch os.Args[1] {
		case "supervise":
			err = job.Supervise(context.Background(), os.Args[2], func(s string) string { return s })
		case "copy":
			err = copies.Run(context.Background(), os.Args[2], nil, nil)
		case "repair":
			err = repair.Run(context.Background(), os.Args[2], stopper())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// stopper kills the child with SIGKILL at the point that the file beside the jobs names,
// once: "batch 3" at the third time. "wait staged" waits there until the file is gone.
func stopper() repair.Stop {
	dir, _ := os.Getwd() // The job's folder.
	file := filepath.Join(dir, "..", "..", "stop")
	times := map[string]int{}
	return func(point string) {
		times[point]++
		body, _ := os.ReadFile(file)
		switch string(body) {
		case fmt.Sprintf("%s %d", point, times[point]):
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

// world is a shop with a database of its own, its copies, and what was kept of it.
type world struct {
	t      *testing.T
	server string
	url    string
	dir    string
	jobs   *job.Runner
	copies *copies.Client
	kept   map[string][]byte
	calls  int
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, server: postgrestest.Start(t), dir: t.TempDir(), kept: map[string][]byte{}}
	w.url = strings.Replace(strings.Replace(w.server, "/postgres?", "/shop?", 1), "backout@", "shop_owner@", 1)
	w.jobs = &job.Runner{Root: filepath.Join(w.dir, "jobs"), Command: []string{os.Args[0], "supervise"}}
	postgrestest.Run(t, w.server, "create role shop_owner login createdb", "create database shop owner shop_owner", "grant pg_signal_backend to shop_owner")
	t.Cleanup(w.settle)
	var err error
	w.copies, err = copies.New(copies.Options{
		Targets: []copies.Target{{
			Project: "shop", Environment: "production", URL: w.url, Folder: filepath.Join(w.dir, "copies"), Timeout: 2 * time.Minute,
			AllowPrivate: []string{"127.0.0.0/8"},
		}},
		Jobs: w.jobs, Command: []string{os.Args[0], "copy"}, Path: os.Getenv("PATH"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// settle waits for what the test started, so that its folder can go.
func (w *world) settle() {
	w.goOn()
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
	late := time.After(120 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatal("it does not come")
		}
	}
}

func (w *world) stopAt(point string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "stop"), []byte(point), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) goOn() { _ = os.Remove(filepath.Join(w.dir, "stop")) }

// arrived waits until the child waits at its point.
func (w *world) arrived(point string) {
	w.t.Helper()
	w.until(func() bool {
		body, _ := os.ReadFile(filepath.Join(w.dir, "stop"))
		return string(body) == "there "+point
	})
}

// action is that of a new process each time.
func (w *world) action(name string) orchestrator.Action {
	w.t.Helper()
	if a, ok := w.copies.Actions()["postgres."+name]; ok {
		return a
	}
	c, err := repair.New(repair.Options{
		Targets: []repair.Target{{Project: "shop", Environment: "production", URL: w.url, Timeout: 2 * time.Minute, AllowPrivate: []string{"127.0.0.0/8"}}},
		Copies:  w.copies, Jobs: w.jobs, Command: []string{os.Args[0], "repair"}, Path: os.Getenv("PATH"),
		Keep: func(_ context.Context, data []byte) (string, int, error) {
			hash := fmt.Sprintf("blob%d", len(w.kept))
			w.kept[hash] = data
			return hash, len(data), nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Actions()["postgres."+name]
}

// call is a new step.
func (w *world) call(inputs any) orchestrator.Call {
	w.t.Helper()
	w.calls++
	data, err := json.Marshal(inputs)
	if err != nil {
		w.t.Fatal(err)
	}
	return orchestrator.Call{
		Key: fmt.Sprintf("key%d", w.calls), Attempt: fmt.Sprintf("boot/a%d", w.calls), Step: "s",
		Project: "shop", Environment: "production", Inputs: data,
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

// found is what outcomes tell.
type found struct {
	Scratch, Stage, Sum string
	Tables              []struct {
		Table                 string
		Changed, New, Deleted int64
		Columns               map[string]int64
		Other                 []string
	}
	Unseen, Dropped      []string
	Rows, Repaired, Left int64
	New, Same, Other     int64
	Evidence             []orchestrator.Evidence
	Samples              []any
	Staged               any
	Database, Table      string
}

// done makes the call, which must succeed, and answers what it tells.
func (w *world) done(name string, c orchestrator.Call) found {
	w.t.Helper()
	o := w.do(name, c)
	expect(w.t, o, orchestrator.OutcomeDone)
	return w.read(o.Data)
}

func (w *world) read(data []byte) found {
	w.t.Helper()
	var f found
	if err := json.Unmarshal(data, &f); err != nil {
		w.t.Fatalf("%v: %s", err, data)
	}
	return f
}

// copy takes a copy and proves it.
func (w *world) copy() {
	w.t.Helper()
	expect(w.t, w.do("snapshot", w.call(map[string]any{"verify": true})), orchestrator.OutcomeDone)
}

// staged compares and stages.
func (w *world) staged(table, columns, where string) found {
	w.t.Helper()
	c := w.done("compare", w.call(map[string]any{}))
	return w.done("stage", w.call(map[string]any{"scratch": c.Scratch, "table": table, "columns": columns, "where": where}))
}

// approved is a repair of what is staged that people have said yes to.
func (w *world) approved(s found) orchestrator.Call {
	w.t.Helper()
	c := w.call(map[string]any{"stage": map[string]any{"scratch": s.Scratch, "stage": s.Stage, "sum": s.Sum, "rows": s.Rows}})
	p, err := w.action("repair").Plan(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Preview = p.Data
	return c
}

// refused wants the call to be refused for good, in these words.
func (w *world) refused(name string, inputs any, words ...string) {
	w.t.Helper()
	_, err := w.action(name).Do(w.t.Context(), w.call(inputs))
	if !orchestrator.IsPermanent(err) {
		w.t.Errorf("%s: %v is not for good", name, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("%q is missing in: %s", word, err)
		}
	}
}

func (w *world) run(statements ...string) {
	w.t.Helper()
	postgrestest.Run(w.t, w.url, statements...)
}

func (w *world) value(sql string) string {
	w.t.Helper()
	return postgrestest.Value(w.t, w.url, sql)
}

func expect(t *testing.T, o orchestrator.Outcome, kind orchestrator.OutcomeKind, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(o.Text, word) {
			t.Errorf("%q is missing in: %s", word, o.Text)
		}
	}
	if o.Kind != kind {
		t.Fatalf("%s, want %s: %s %s", o.Kind, kind, o.Text, o.Data)
	}
}

// holding runs a statement in a transaction that stays open until end.
func (w *world) holding(sql string) (end func()) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range []string{"begin", sql} {
		if _, err := conn.Exec(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
	}
	return func() {
		w.t.Helper()
		if _, err := conn.Exec(w.t.Context(), "commit"); err != nil {
			w.t.Error(err)
		}
		_ = conn.Close(w.t.Context())
	}
}

// scratch names the scratch databases.
func (w *world) scratch() string {
	return w.value("select coalesce(string_agg(datname, ' '), '') from pg_database where datname like 'backout\\_compare\\_%'")
}

// tableIn names the staging table of a scratch database.
func (w *world) tableIn(scratch string) string {
	return postgrestest.Value(w.t, strings.Replace(w.url, "/shop?", "/"+scratch+"?", 1), "select relname from pg_class where relname ~ '^stage_[0-9a-f]+$'")
}
