package copies

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// debian is where Debian keeps PostgreSQL's programs, off the PATH.
const debian = "/usr/lib/postgresql/*/bin"

// tools are pg_dump and pg_restore of one version.
type tools struct {
	dir   string
	major int
}

// findTools looks in the folder of the configuration, otherwise in the PATH and where
// Debian keeps them, for programs not older than the server: pg_dump refuses a newer one.
func findTools(ctx context.Context, bin, path string, server int) (tools, error) {
	dirs := []string{bin}
	if bin == "" {
		dirs = filepath.SplitList(path)
		more, _ := filepath.Glob(debian)
		slices.Reverse(more)
		dirs = append(dirs, more...)
	}
	oldest := 0
	for _, dir := range dirs {
		major, err := toolVersion(ctx, dir)
		if err == nil && major >= server {
			return tools{dir, major}, nil
		}
		oldest = max(oldest, major)
	}
	where := "the PATH"
	if bin != "" {
		where = bin
	}
	if oldest > 0 {
		return tools{}, fmt.Errorf("pg_dump is of PostgreSQL %d and the server of %d: an older one cannot copy a newer server; install postgresql-client-%d, or write snapshots.bin", oldest, server, server)
	}
	return tools{}, fmt.Errorf("pg_dump and pg_restore are not in %s; install postgresql-client-%d, or write snapshots.bin", where, server)
}

func toolVersion(ctx context.Context, dir string) (int, error) {
	if !filepath.IsAbs(dir) {
		return 0, errors.New("no absolute path")
	}
	if _, err := os.Stat(filepath.Join(dir, "pg_restore")); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "pg_dump"), "--version")
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`\) (\d+)`).FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("%s tells no version", dir)
	}
	return strconv.Atoi(string(m[1]))
}

// serverMajor is the server's version, such as 17.
func serverMajor(ctx context.Context, db direct.Executor) (int, error) {
	var n int
	if err := db.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the server's version: %w", err)
	}
	return n / 10000, nil
}

// command is one of the programs. The address goes by its environment; it ends with us.
func (t tools) command(ctx context.Context, a *direct.Address, name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, filepath.Join(t.dir, name), args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + t.dir}
	for k, v := range a.Variables() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	said := &bytes.Buffer{}
	cmd.Stderr = said
	endWithUs(cmd)
	return cmd, said
}

// failed says why a program did not do it, without a row's data.
func failed(ctx context.Context, name string, err error, said *bytes.Buffer) error {
	if err == nil {
		return nil
	}
	text := words(said.String())
	var exit *exec.ExitError
	switch {
	case strings.Contains(said.String(), "No space left on device"):
		return fmt.Errorf("%s: there is no room left: %s", name, text)
	case ctx.Err() != nil:
		return fmt.Errorf("%s was stopped: %w: %s", name, context.Cause(ctx), text)
	case errors.As(err, &exit) && !exit.Exited():
		return fmt.Errorf("%s was killed (%w): %s", name, err, text)
	}
	return fmt.Errorf("%s: %w: %s", name, err, text)
}

const wordsMost = 600

// words keeps what a program says of its error. DETAIL and CONTEXT may hold a row.
func words(said string) string {
	var kept []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "DETAIL:") || strings.HasPrefix(line, "CONTEXT:") || strings.HasPrefix(line, "Command was:") || !strings.Contains(line, ": ") {
			continue
		}
		kept = append(kept, line)
	}
	text := []rune(strings.Join(kept, "; "))
	if len(text) > wordsMost {
		text = append(text[:wordsMost], '…')
	}
	return string(text)
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }
