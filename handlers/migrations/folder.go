package migrations

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The names inside prisma/migrations.
const (
	ScriptFile = "migration.sql"
	LockFile   = "migration_lock.toml"
	// Provider is the only one whose SQL is read.
	Provider = "postgresql"
)

// Migration is one folder of prisma/migrations.
type Migration struct {
	Name   string
	Script []byte
	// Waiver is nil when nobody has given one.
	Waiver *Waiver
}

// Folder reads prisma/migrations: its migrations by name, which is the order in
// which Prisma applies them.
func Folder(root fs.FS) ([]Migration, error) {
	if err := checkProvider(root); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(root, ".")
	if err != nil {
		return nil, fmt.Errorf("listing the migrations: %w", err)
	}
	var out []Migration
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		m, err := migration(root, e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Migration) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Only reads one migration by its own folder.
func Only(root fs.FS, name string) (Migration, error) {
	m, err := migration(root, ".")
	m.Name = name
	return m, err
}

func migration(root fs.FS, name string) (m Migration, err error) {
	m.Name = name
	file := path.Join(name, ScriptFile)
	if m.Script, err = bounded(root, file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return m, fmt.Errorf("%s has no %s, and Prisma refuses the folder (P3015): remove it or add the file", name, ScriptFile)
		}
		return m, err
	}
	m.Waiver, err = readWaiver(root, path.Join(name, WaiverFile))
	return m, err
}

// bounded reads a file up to one byte beyond what is looked at, so that a longer one
// is known to be.
func bounded(root fs.FS, file string) (body []byte, err error) {
	f, err := root.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(f, maxScript+1)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return body, nil
}

// checkProvider refuses another database's migrations; a folder without the lock
// file has not said, as old versions of Prisma did not.
func checkProvider(root fs.FS) error {
	body, err := bounded(root, LockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`(?m)^\s*provider\s*=\s*"([^"\n]*)"`).FindSubmatch(body)
	if found == nil {
		return fmt.Errorf("%s names no provider: expected provider = %q", LockFile, Provider)
	}
	if p := string(found[1]); p != Provider {
		return fmt.Errorf("%s says provider = %q: only the SQL of %q is read", LockFile, p, Provider)
	}
	return nil
}

// Judged is a migration with what its statements do.
type Judged struct {
	Name       string      `json:"migration"`
	Class      Class       `json:"class"`
	Statements []Statement `json:"statements"`
	Waiver     *Waiver     `json:"waiver,omitempty"`
}

// Each judges every wanted migration for the code from right before it. The others are
// only read for what they tell about the schema.
func (c *Classifier) Each(all []Migration, wanted func(name string) bool) (out []Judged) {
	scope := NewScope()
	for _, m := range all {
		scope.Begin()
		statements := c.Script(scope, m.Script)
		if wanted(m.Name) {
			out = append(out, Judged{m.Name, Worst(statements), statements, m.Waiver})
		}
	}
	return out
}
