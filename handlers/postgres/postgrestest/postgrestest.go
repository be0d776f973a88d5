// Package postgrestest starts a PostgreSQL of a test's own, on loopback and in a folder
// that goes with the test. It needs Debian's package postgresql: without it tests skip,
// and fail where CI is set.
package postgrestest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const startWait = time.Minute

// Start answers the address of a new cluster's database postgres, of its owner backout.
func Start(tb testing.TB) string {
	tb.Helper()
	initdb, server := bin(tb, "initdb"), bin(tb, "postgres")
	dir := tb.TempDir()
	data := filepath.Join(dir, "data")
	ctx, cancel := context.WithTimeout(tb.Context(), startWait)
	defer cancel()
	if out, err := as(tb, dir, exec.CommandContext(ctx, initdb, "-D", data, "-U", "backout", "-A", "trust", "-E", "UTF8", "--no-sync")).CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	port := freePort(tb)
	cmd := as(tb, dir, exec.CommandContext(context.WithoutCancel(ctx), server, "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", "", "-c", "fsync=off"))
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		tb.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	url := fmt.Sprintf("postgres://backout@127.0.0.1:%d/postgres?sslmode=disable", port)
	if err := answers(ctx, url); err != nil {
		said, _ := os.ReadFile(logs.Name())
		tb.Fatalf("PostgreSQL does not answer: %v\n%s", err, said)
	}
	return url
}

// LockMigrations takes the lock that Prisma holds while it migrates, until unlock.
func LockMigrations(tb testing.TB, url string) (unlock func()) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := conn.Exec(tb.Context(), "select pg_advisory_lock(72707369)"); err != nil {
		tb.Fatal(err)
	}
	return func() {
		if err := conn.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	}
}

// Run speaks to a database, statement by statement.
func Run(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(tb.Context()) }()
	for _, s := range statements {
		if _, err := conn.Exec(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// Value asks a database for one text.
func Value(tb testing.TB, url, sql string) string {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(tb.Context()) }()
	var v string
	if err := conn.QueryRow(tb.Context(), sql).Scan(&v); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return v
}

// bin finds a program of PostgreSQL, which Debian keeps off the path.
func bin(tb testing.TB, name string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	if os.Getenv("CI") != "" {
		tb.Fatalf("%s of PostgreSQL is not here (Debian package postgresql)", name)
	}
	tb.Skipf("%s of PostgreSQL is not here (Debian package postgresql)", name)
	return ""
}

// as runs a command as somebody PostgreSQL accepts: it refuses to be root.
func as(tb testing.TB, dir string, cmd *exec.Cmd) *exec.Cmd {
	tb.Helper()
	cmd.Dir = dir
	if os.Getuid() != 0 {
		return cmd
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		tb.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		tb.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return cmd
}

func freePort(tb testing.TB) int {
	tb.Helper()
	ln, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

// answers waits until the server takes connections.
func answers(ctx context.Context, url string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
