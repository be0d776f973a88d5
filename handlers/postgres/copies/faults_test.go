package copies_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/access"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// asItWas looks whether nothing of a restore that failed is seen: the data of now, under
// its own name, and no other database.
func (w *world) asItWas() {
	w.t.Helper()
	if got := w.value(w.url, "select (select count(*) from orders) || ' ' || (select sum(amount) from lines)"); got != "1043 1002" {
		w.t.Errorf("orders and amounts: %s", got)
	}
	if got := w.databases(); got != "shop" {
		w.t.Errorf("databases: %s", got)
	}
}

// hurt is damage with whole amounts, so that a sum tells.
func (w *world) hurt() {
	w.t.Helper()
	postgrestest.Run(w.t, w.url, "update lines set amount = case when id = 1 then 4 else 2 end",
		"insert into orders select n, true, 'new' from generate_series(2001, 2043) n")
}

// A wrong password is said as one, without it, by each action; nothing is done.
func TestFaults_wrongPassword(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.take()
	w.hurt()
	postgrestest.Run(t, w.server, "create role sworn login superuser password 'right'")
	hba := w.value(w.server, "show hba_file")
	body, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, append([]byte("host all sworn 127.0.0.1/32 scram-sha-256\n"), body...), 0o600); err != nil {
		t.Fatal(err)
	}
	postgrestest.Run(t, w.server, "select pg_reload_conf()")
	w.target.URL = strings.Replace(w.url, "backout:", "sworn:", 1)
	w.again()
	w.until(func() bool { // The server reads its file a moment later.
		conn, err := pgx.Connect(t.Context(), w.target.URL)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err != nil
	})
	folders := w.folders()
	o := w.do("snapshot", w.call(""))
	expect(t, o, orchestrator.OutcomeNotDone, "cannot be reached", "password authentication failed")
	_, err = w.action("restore").Plan(t.Context(), w.call(""))
	if err == nil || !strings.Contains(err.Error(), "password authentication failed") {
		t.Errorf("%v", err)
	}
	if strings.Contains(fmt.Sprint(o.Text, err), password) {
		t.Error("the password is told")
	}
	if got := w.folders(); strings.Join(got, " ") != strings.Join(folders, " ") {
		t.Errorf("left behind: %v", got)
	}
	w.asItWas()
	w.noPassword()
}

// smallDisk mounts a small file system where the copies are, seen by the jobs only.
func (w *world) smallDisk(size string) (seen string) {
	w.t.Helper()
	if out, err := exec.CommandContext(w.t.Context(), "unshare", "-rm", "true").CombinedOutput(); err != nil {
		w.t.Skipf("skipped: `unshare -rm` is not possible here (%v: %s), so there is no small disk to fill", err, strings.TrimSpace(string(out)))
	}
	holder := exec.CommandContext(w.t.Context(), "unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec sleep 600`, w.folder, size)
	out, err := holder.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		w.settle()
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "mounted\n" {
		w.t.Fatalf("mounting a small disk: %q %v", line, err)
	}
	pid := fmt.Sprint(holder.Process.Pid)
	w.jobs.Command = append([]string{"nsenter", "-t", pid, "-U", "-m", "--preserve-credentials", "--"}, w.jobs.Command...)
	return "/proc/" + pid + "/root" + w.folder
}

// The disk of the copies fills up while pg_dump writes: it is said, no half copy looks
// whole, and when there is room the next one is whole.
func TestFaults_diskFull(t *testing.T) {
	t.Parallel()
	w := start(t)
	seen := w.smallDisk("128m")
	free := w.pauseDump()
	c := w.call("")
	out, err := w.action("snapshot").Do(t.Context(), c)
	if err != nil || out.Accepted == nil {
		t.Fatal(out, err)
	}
	w.until(func() bool {
		return w.value(w.server, "select count(*)::text from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'lock table%access share%'") != "0"
	})
	ballast := filepath.Join(seen, ".ballast")
	fill(t, ballast)
	free()
	expect(t, w.verify("snapshot", c, out.Accepted.Token), orchestrator.OutcomeNotDone, "there is no room left")
	if names := entries(t, seen); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	expect(t, w.do("snapshot", w.call("")), orchestrator.OutcomeNotDone, "there is no room in "+w.folder, "make room")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	expect(t, w.do("snapshot", w.call(`{"verify":true}`)), orchestrator.OutcomeDone)
	if names := entries(t, seen); len(names) != 1 {
		t.Errorf("copies: %v", names)
	}
}

// pauseDump lets pg_dump wait for a table until free is called.
func (w *world) pauseDump() (free func()) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, sql := range []string{"begin", "lock table lines in access exclusive mode"} {
		if _, err := conn.Exec(w.t.Context(), sql); err != nil {
			w.t.Fatal(err)
		}
	}
	return func() { _ = conn.Close(w.t.Context()) }
}

func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for size := 1 << 20; size > 0; size /= 2 {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = file.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// entries are the names in a folder but hidden ones.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// A restore that fails in the middle leaves the database of now as it is, and nothing
// beside it.
func TestFaults_restoreFails(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.take()
	w.hurt()
	real := strings.TrimSpace(w.value(w.server, "select setting from pg_config where name = 'BINDIR'"))
	for script, words := range map[string]string{
		"echo 'pg_restore: error: could not execute query: ERROR:  could not extend file: No space left on device' >&2; exit 1": "No space left",
		"case \"$*\" in *--list*) exec " + real + "/pg_restore \"$@\";; esac; kill -9 $$":                                       "pg_restore was killed",
		real + "/pg_restore \"$@\"; exit 1": "pg_restore: exit status 1",
	} {
		bin := t.TempDir()
		for name, text := range map[string]string{
			"pg_dump":    "exec " + real + "/pg_dump \"$@\"",
			"pg_restore": "[ \"$1\" = --version ] && exec " + real + "/pg_restore --version\n" + script,
		} {
			if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		w.target.Bin = bin
		w.again()
		o := w.do("restore", w.call(""))
		if o.Kind == orchestrator.OutcomeDone || !strings.Contains(o.Text, words) || !strings.Contains(o.Text, "the database is as it was") {
			t.Errorf("%s: %s", o.Kind, o.Text)
		}
		t.Log(o.Text)
		w.asItWas()
	}
}

// What was taken from the application stays taken over a restore, and comes back after it.
func TestRestore_staysReadOnly(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.take()
	w.hurt()
	rights := w.value(w.url, "select relacl::text from pg_class where relname = 'orders'")
	c, err := access.New([]access.Target{{Project: "shop", Environment: "production", URL: w.url, Roles: []string{"shop_app"}, AllowPrivate: []string{"127.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	call := w.call("")
	call.Incident = "INC-7"
	if _, err := c.Actions()[orchestrator.ReadOnly].Do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	expect(t, w.do("restore", w.call("")), orchestrator.OutcomeDone)
	app := strings.Replace(w.url, "backout:"+password, "shop_app", 1)
	const insert = "insert into public.orders values (5000, true, 'x')"
	if err := postgrestest.Try(t, app, insert); err == nil {
		t.Error("the restored database takes writes")
	}
	out, err := c.Actions()[orchestrator.ReadWrite].Do(t.Context(), w.call(""))
	if err != nil || !strings.Contains(out.Text, "by INC-7") {
		t.Errorf("%v %v", out.Text, err)
	}
	if err := postgrestest.Try(t, app, insert); err != nil {
		t.Error(err)
	}
	if got := w.value(w.url, "select relacl::text from pg_class where relname = 'orders'"); got != rights {
		t.Errorf("rights: %s, want %s", got, rights)
	}
}
