package prisma

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// downFile is the reviewed way back that stands beside a migration; Prisma ignores it.
const downFile = "down.sql"

// downMost bounds the SQL of a way back, in bytes: all of it is shown and approved.
const downMost = 100 << 10

// The places a way back comes from.
const (
	fromFile   = downFile
	fromPrisma = "prisma migrate diff"
)

// wayBack is the SQL that takes migrations back, newest first.
type wayBack struct {
	From string `json:"from"`
	SQL  string `json:"sql"`
	Sum  string `json:"sum"`
}

func newWayBack(from, sql string) (wayBack, error) {
	if len(sql) > downMost {
		return wayBack{}, orchestrator.Permanent(fmt.Errorf("the way back by %s is larger than %d bytes, more than anybody reviews; revert by a migration of your own", from, downMost))
	}
	if word := transactional(sql); word != "" {
		return wayBack{}, orchestrator.Permanent(fmt.Errorf("the way back by %s has the statement %s: it runs in one transaction with its record, which it must not end; take it out", from, word))
	}
	sum := sha256.Sum256([]byte(sql))
	return wayBack{from, sql, hex.EncodeToString(sum[:])}, nil
}

// transactional finds a statement that would begin or end a transaction.
func transactional(sql string) string {
	re := regexp.MustCompile(`(?im)^\s*(begin|start\s+transaction|commit|rollback|abort)(\s+(work|transaction))?\s*;`)
	return strings.TrimSpace(re.FindString(sql))
}

// written reads down.sql of each migration; false when none has one.
func (t *target) written(newestFirst []string) (wayBack, bool, error) {
	root, err := os.OpenRoot(t.Migrations)
	if err != nil {
		return wayBack{}, false, orchestrator.Permanent(fmt.Errorf("opening the migrations of %s/%s: %w", t.Project, t.Environment, err))
	}
	defer func() { _ = root.Close() }()
	var sql strings.Builder
	var lacking []string
	for _, name := range newestFirst {
		body, err := root.ReadFile(filepath.Join(name, downFile))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			lacking = append(lacking, name)
		case err != nil:
			return wayBack{}, false, fmt.Errorf("reading %s of migration %s: %w", downFile, name, err)
		default:
			fmt.Fprintf(&sql, "-- back from %s\n%s\n", name, strings.TrimSpace(string(body)))
		}
	}
	switch {
	case len(lacking) == len(newestFirst):
		return wayBack{}, false, nil
	case len(lacking) > 0:
		return wayBack{}, false, orchestrator.Permanent(fmt.Errorf("%s has no %s while others of the same way back have; write it, or take theirs away so that all of it is generated", strings.Join(lacking, ", "), downFile))
	}
	w, err := newWayBack(fromFile, sql.String())
	return w, true, err
}

// generated lets Prisma compare the applied migrations with those that are to stay. It
// brings columns back, never what was in them.
func (r *revert) generated(ctx context.Context, c orchestrator.Call, t *target, stay, all []string) (wayBack, error) {
	command, err := t.command()
	if err != nil {
		return wayBack{}, err
	}
	dir, err := os.MkdirTemp("", "backout-revert-")
	if err != nil {
		return wayBack{}, fmt.Errorf("making a folder for the migrations that stay: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	from, to, file := filepath.Join(dir, "from"), filepath.Join(dir, "to"), filepath.Join(dir, downFile)
	if err := errors.Join(t.copyOf(from, all), t.copyOf(to, stay)); err != nil {
		return wayBack{}, err
	}
	args := command.between(from, to, file)
	const write = "; write down.sql beside migration.sql, have it reviewed, and try again"
	if args == nil {
		return wayBack{}, orchestrator.Permanent(fmt.Errorf("no down.sql stands beside these migrations, and Prisma %s needs a secret among its arguments to generate it%s", command.version, write))
	}
	seen, err := (&status{r.client}).ask(ctx, c, t, append(command.argv, args...))
	if err != nil {
		return wayBack{}, err
	}
	body, err := os.ReadFile(file)
	if seen.Ended.Exit != 0 || err != nil || strings.TrimSpace(string(body)) == "" {
		return wayBack{}, orchestrator.Permanent(fmt.Errorf("Prisma could not generate the way back (it needs a shadow database): exit %d, %s%s", seen.Ended.Exit, words(seen.Output), write)) //nolint:staticcheck // A name begins it.
	}
	return newWayBack(fromPrisma, string(body))
}

// copyOf copies migrations into a folder of their own.
func (t *target) copyOf(to string, names []string) error {
	files := []string{"migration_lock.toml"}
	for _, name := range names {
		files = append(files, filepath.Join(name, "migration.sql"))
	}
	for _, name := range files {
		body, err := os.ReadFile(filepath.Join(t.Migrations, name))
		if errors.Is(err, fs.ErrNotExist) && name == files[0] {
			continue
		}
		path := filepath.Join(to, name)
		if err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700)); err == nil {
			err = os.WriteFile(path, body, 0o600)
		}
		if err != nil {
			return orchestrator.Permanent(fmt.Errorf("copying %s of the checkout: %w", name, err))
		}
	}
	return nil
}

// without are the members of all that are not in some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}
