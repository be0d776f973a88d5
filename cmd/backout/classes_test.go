//go:build !race

package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/migrations"
	"github.com/aimarketplace/backout/orchestrator"
)

// wants is a state that wants classes.
type wants struct {
	orchestrator.Memory
	all []orchestrator.MigrationWanted
}

func (w *wants) ClassesWanted(context.Context, string) ([]orchestrator.MigrationWanted, error) {
	return w.all, nil
}

func (w *wants) RowsWanted(context.Context, string, string) ([]orchestrator.RowsWanted, error) {
	return nil, nil
}

func newClassSource(w *wants) *classSource {
	return &classSource{
		project: "shop", asking: w, classifier: migrations.NewClassifier(&migrations.Postgres{}), logger: slog.New(slog.DiscardHandler),
		asked: map[orchestrator.MigrationWanted]time.Time{},
	}
}

// TestMigrations_classesOnce: each script is read once, and one that cannot be read is
// left alone for a while.
func TestMigrations_classesOnce(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("c", 40)
	w := &wants{all: []orchestrator.MigrationWanted{{Name: "2_b", Commit: commit}, {Name: "1_a", Commit: commit}, {Name: "3_no", Commit: "short"}}}
	r := &repository{}
	c := newClassSource(w)
	c.scripts = r
	for i, want := range []int{2, 0, 0} {
		got, err := c.Poll(t.Context())
		if err != nil || len(got) != want || r.asked != 2 {
			t.Fatalf("poll %d: %d records after asking %d times, %v", i, len(got), r.asked, err)
		}
		if want > 0 && (got[0].Class.Name != "1_a" || got[0].Class.Class != "additive" || got[0].Class.Commit != commit || got[0].Class.Project != "shop") {
			t.Errorf("%+v", got[0].Class)
		}
	}
	r.fails = true
	w.all = append(w.all, orchestrator.MigrationWanted{Name: "4_d", Commit: commit})
	for range 3 {
		if got, err := c.Poll(t.Context()); err != nil || len(got) != 0 || r.asked != 3 {
			t.Errorf("%d records after asking %d times, %v", len(got), r.asked, err)
		}
	}
}

// TestMigrations_classesOfACheckout: without a repository the folder that Prisma runs in
// has the scripts, and those before tell what an enum is.
func TestMigrations_classesOfACheckout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, sql := range map[string]string{
		"1_init": `CREATE TYPE "Role" AS ENUM ('A');`, "2_role": `ALTER TABLE "User" ADD COLUMN "role" "Role";`,
		"3_drop": `DROP TABLE "User";`,
	} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "migration.sql"), []byte(sql), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := newClassSource(&wants{all: []orchestrator.MigrationWanted{{Name: "2_role"}, {Name: "3_drop"}, {Name: "9_gone"}}})
	c.checkout = dir
	got, err := c.Poll(t.Context())
	if err != nil || len(got) != 2 || got[0].Class.Class != "additive" || got[1].Class.Class != "destructive" || got[0].Class.Commit != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
