package copies_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

func (w *world) manifest(name string) copies.Manifest {
	w.t.Helper()
	var m copies.Manifest
	body, err := os.ReadFile(filepath.Join(w.folder, name, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// A copy has what was there at one moment, whatever is written meanwhile, and its
// manifest fits it.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.call("")
	w.stopAt("wait dumping")
	out, err := w.action("snapshot").Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	w.arrived("dumping")
	postgrestest.Run(t, w.url, "insert into orders values (5000, true, 'late')", "delete from lines where id = 1")
	if again, err := w.action("snapshot").Do(t.Context(), w.attempt(c)); err != nil || again.Accepted == nil || again.Accepted.Token != out.Accepted.Token {
		t.Errorf("a second attempt starts a second copy: %+v %v", again, err)
	}
	w.goOn()
	o := w.verify("snapshot", c, out.Accepted.Token)
	expect(t, o, orchestrator.OutcomeDone, "1502 rows of 3 tables", "nobody has proven")
	m := w.manifest(w.data(o).Copy)
	if m.Rows != 1502 || m.Database != "shop" || m.DatabaseSize == 0 || m.Size == 0 || len(m.Files) < 4 || time.Since(time.UnixMilli(m.At)) > time.Minute {
		t.Errorf("%+v", m)
	}
	o = w.do("verify_snapshot", w.call(""))
	expect(t, o, orchestrator.OutcomeDone, "restored and compared")
	if l := w.data(o); !l.Verified || !l.Owners {
		t.Errorf("%+v", l)
	}
	if got := w.databases(); got != "shop" {
		t.Errorf("databases: %s", got)
	}
	w.noPassword()
}

// noPassword looks through all that jobs and copies left in files.
func (w *world) noPassword() {
	w.t.Helper()
	for _, root := range []string{w.jobs.Root, w.folder} {
		_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if body, _ := os.ReadFile(path); err == nil && !e.IsDir() && strings.Contains(string(body), password) {
				w.t.Errorf("the password is in %s", path)
			}
			return nil
		})
	}
}

// Nothing that fails leaves what looks like a copy, and each says why.
func TestSnapshot_fails(t *testing.T) {
	t.Parallel()
	w := start(t)
	fake := filepath.Join(t.TempDir(), "bin")
	program := func(script string) {
		t.Helper()
		for _, name := range []string{"pg_dump", "pg_restore"} {
			text := "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) 99.1'; exit 0; fi\n" + script + "\n"
			if err := os.MkdirAll(fake, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(fake, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		w.target.Bin = fake
		w.again()
	}
	fails := func(kind orchestrator.OutcomeKind, words ...string) {
		t.Helper()
		expect(t, w.do("snapshot", w.call("")), kind, words...)
		if got := w.folders(); len(got) != 0 {
			t.Errorf("left behind: %v", got)
		}
	}
	program("echo 'pg_dump: error: could not write to output file: No space left on device' >&2\nexit 1")
	fails(orchestrator.OutcomeNotDone, "there is no room left", "No space left")
	program("/bin/kill -9 $$")
	fails(orchestrator.OutcomeNotDone, "pg_dump was killed")
	program("echo 'pg_dump: error: query failed: ERROR:  bad' >&2\necho 'DETAIL:  row of ann@example.com' >&2\nexit 1")
	o := w.do("snapshot", w.call(""))
	if strings.Contains(o.Text, "ann@") {
		t.Errorf("a row is told: %s", o.Text)
	}
	w.target.Bin = "/nowhere"
	w.again()
	fails(orchestrator.OutcomeFailed, "not in /nowhere", "install postgresql-client")
	w.target.Bin, w.target.URL = "", strings.Replace(w.url, "/shop?", "/gone?", 1)
	w.again()
	fails(orchestrator.OutcomeNotDone, `"gone" does not exist`)
	w.target.URL = strings.Replace(w.url, "backout:"+password, "nobody:"+password, 1)
	w.again()
	fails(orchestrator.OutcomeNotDone, "cannot be reached")
	w.noPassword()
}

// A copy that was killed in the middle is none, and the next one clears it away.
func TestSnapshot_killed(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, point := range []string{"dumping", "dumped"} {
		w.stopAt(point)
		expect(t, w.do("snapshot", w.call("")), orchestrator.OutcomeNotDone, "killed")
		if got := w.folders(); len(got) != 1 || !strings.HasSuffix(got[0], ".partial") {
			t.Errorf("%s: %v", point, got)
		}
		if _, err := w.action("verify_snapshot").Do(t.Context(), w.call("")); !orchestrator.IsPermanent(err) {
			t.Errorf("%s: half a copy looks whole: %v", point, err)
		}
	}
	l := w.take()
	if got := w.folders(); len(got) != 1 || got[0] != l.Copy {
		t.Errorf("%v", got)
	}
}

// What a verification that was killed leaves on the server goes with the next one.
func TestVerify_killed(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.stopAt("scratch")
	expect(t, w.do("snapshot", w.call(`{"verify":true}`)), orchestrator.OutcomeNotDone, "killed")
	if got := w.databases(); !strings.Contains(got, "backout_verify_") {
		t.Errorf("databases: %s", got)
	}
	expect(t, w.do("verify_snapshot", w.call("")), orchestrator.OutcomeDone)
	if got := w.databases(); got != "shop" {
		t.Errorf("databases: %s", got)
	}
}

// A copy that is damaged, or not what was copied, is not verified.
func TestVerify_damaged(t *testing.T) {
	t.Parallel()
	w := start(t)
	l := w.data(w.do("snapshot", w.call("")))
	data := filepath.Join(w.folder, l.Copy, "data")
	m := w.manifest(l.Copy)
	path := filepath.Join(data, m.Files[0].Path)
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(words ...string) {
		t.Helper()
		expect(t, w.do("verify_snapshot", w.call("")), orchestrator.OutcomeFailed, words...)
	}
	if err := os.WriteFile(path, append(body[:len(body)-1:len(body)-1], body[len(body)-1]^1), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged("is damaged", m.Files[0].Path, "SHA-256")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	damaged("is damaged", "is missing")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	m.Tables[0].Sum = "1"
	changed, _ := json.Marshal(m)
	if err := os.WriteFile(filepath.Join(w.folder, l.Copy, "manifest.json"), changed, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged("not what was copied", "with other contents")
}

// Copies go when they are old, but never the newest verified one.
func TestPrune(t *testing.T) {
	t.Parallel()
	w := start(t)
	verified := w.take().Copy
	w.target.Keep = time.Millisecond
	w.again()
	first := w.data(w.do("snapshot", w.call("")))
	if len(first.Dropped) != 0 {
		t.Errorf("dropped: %v", first.Dropped)
	}
	second := w.data(w.do("snapshot", w.call("")))
	if len(second.Dropped) != 1 || second.Dropped[0] != first.Copy {
		t.Errorf("dropped %v, want %s", second.Dropped, first.Copy)
	}
	held, err := os.Open(filepath.Join(w.folder, verified))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	third := w.data(w.do("snapshot", w.call(`{"verify":true}`)))
	if len(third.Dropped) != 1 || third.Dropped[0] != second.Copy {
		t.Errorf("dropped %v, want only %s: the other one is in use", third.Dropped, second.Copy)
	}
}

// The schedule takes, proves and tells; what fails is told until the next one succeeds.
func TestSource(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.target.Every = time.Hour
	poll := func() (point *orchestrator.RestorePointSeen, reading *orchestrator.Reading) {
		t.Helper()
		records, err := w.client().Sources()[0].Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Restore != nil {
				point = r.Restore
			}
			if r.Reading != nil {
				reading = r.Reading
			}
		}
		return point, reading
	}
	point, reading := poll()
	if !point.None || reading.Verdict != orchestrator.ReadOK || !strings.Contains(reading.Text, "is being taken") {
		t.Errorf("%+v %+v", point, reading)
	}
	w.until(func() bool {
		point, reading = poll()
		return !point.None && strings.Contains(reading.Text, "newest verified")
	})
	if !point.Verified || point.Rows != 1502 || point.At == 0 || reading.Verdict != orchestrator.ReadOK {
		t.Errorf("%+v %+v", point, reading)
	}
	if names, _ := w.jobs.Find(""); len(names) != 1 {
		t.Errorf("jobs: %v", names)
	}
	broken := start(t)
	broken.target.Every, broken.target.URL = time.Hour, strings.Replace(broken.url, "/shop?", "/gone?", 1)
	w = broken
	poll()
	w.until(func() bool { point, reading = poll(); return reading.Verdict == orchestrator.ReadErrored })
	if !point.None || !reading.Denied || !strings.Contains(reading.Text, "does not exist") {
		t.Errorf("%+v %+v", point, reading)
	}
	poll()
	if names, _ := w.jobs.Find(""); len(names) != 1 {
		t.Errorf("it is tried again at once: %v", names)
	}
}
