//go:build !race

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const shopMigrations = "../../handlers/migrations/testdata/shop"

func runMigrations(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"migrations"}, args...), stdio{strings.NewReader(""), &stdout, &stderr})
	return code, stdout.String() + stderr.String()
}

func TestMigrationsClassify(t *testing.T) {
	code, out := runMigrations(t, "classify", shopMigrations)
	for _, want := range []string{"20260201000000_toss: data\n", "'TOSS_PAY'", "20260301000000_amount: destructive (waived by Dana", "20260303000000_nothing: additive"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is missing in:\n%s", code, want, out)
		}
	}
	code, out = runMigrations(t, "classify", filepath.Join(shopMigrations, "20260302000000_role"), "-o", "json")
	var judged []struct {
		Migration, Class string
		Statements       []struct{ Line int }
	}
	if err := json.Unmarshal([]byte(out), &judged); code != 0 || err != nil || len(judged) != 1 || judged[0].Class != "breaking" || len(judged[0].Statements) != 2 {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if code, out = runMigrations(t, "classify", filepath.Join(t.TempDir(), "none")); code != 1 || !strings.Contains(out, "no folder") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// shopRepository is a git repository with one shipped migration; the test stands in it.
func shopRepository(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	inShop(t, "git", "init", "-q", "-b", "main", ".")
	writeMigration(t, "1_init", "CREATE TABLE \"User\" (\"id\" INTEGER NOT NULL);\n")
	commitAll(t)
	inShop(t, "git", "checkout", "-q", "-b", "work")
}

func inShop(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func commitAll(t *testing.T) {
	t.Helper()
	inShop(t, "git", "add", "-A")
	inShop(t, "git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "x")
}

func writeMigration(t *testing.T, name, sql string) {
	t.Helper()
	writeShop(t, filepath.Join("prisma", "migrations", name, "migration.sql"), sql)
}

func writeShop(t *testing.T, file, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantCheck(t *testing.T, code int, words ...string) {
	t.Helper()
	got, out := runMigrations(t, "check", "--base", "main")
	if got != code {
		t.Errorf("exit %d, want %d:\n%s", got, code, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("%q is missing in:\n%s", w, out)
		}
	}
}

// TestMigrationsCheck walks a branch through what CI would say.
func TestMigrationsCheck(t *testing.T) {
	shopRepository(t)
	wantCheck(t, 0, "0 new migrations since main")
	writeMigration(t, "2_nick", "-- AlterTable\nALTER TABLE \"User\" ADD COLUMN \"nick\" TEXT;\n")
	wantCheck(t, 0, "2_nick: additive", "1 new migrations")
	commitAll(t)
	wantCheck(t, 0, "2_nick: additive")

	writeMigration(t, "3_drop", "-- AlterTable\n\nALTER TABLE \"User\" DROP COLUMN \"id\";\n")
	wantCheck(t, 1, "prisma/migrations/3_drop/migration.sql:3: destructive: drop column \"User\".\"id\"", "\n    ALTER TABLE \"User\" DROP COLUMN \"id\"", "backout-waiver.yaml")
	writeShop(t, "prisma/migrations/3_drop/backout-waiver.yaml", "by: Dana\nreason: nobody reads it since 2.40\n")
	wantCheck(t, 0, "3_drop: destructive, waived by Dana: nobody reads it since 2.40")
	writeShop(t, "prisma/migrations/3_drop/backout-waiver.yaml", "by: Dana\n")
	wantCheck(t, 1, "who says so and why")
	inShop(t, "rm", "-r", "prisma/migrations/3_drop")

	writeMigration(t, "1_init", "CREATE TABLE \"User\" (\"id\" BIGINT NOT NULL);\n")
	wantCheck(t, 1, "1_init/migration.sql: the migration is changed")
	inShop(t, "rm", "-r", "prisma/migrations/1_init")
	wantCheck(t, 1, "1_init/migration.sql: the migration is deleted", "put 1_init back")
	inShop(t, "git", "checkout", "-q", "--", "prisma")
	wantCheck(t, 0)
}

// TestMigrationsCheck_mainMovedOn: what the revision got since the branch left it was
// not deleted by the branch.
func TestMigrationsCheck_mainMovedOn(t *testing.T) {
	shopRepository(t)
	inShop(t, "git", "checkout", "-q", "main")
	writeMigration(t, "2_main", "DROP TABLE \"User\";\n")
	commitAll(t)
	inShop(t, "git", "checkout", "-q", "work")
	wantCheck(t, 0, "0 new migrations")
}

func TestMigrationsCheck_refuses(t *testing.T) {
	shopRepository(t)
	for want, args := range map[string][]string{
		"say against what": {"check"},
		"fetch-depth: 0":   {"check", "--base", "origin/none"},
		"names a folder":   {"check", "--base", "main", "--dir", "."},
		"no folder":        {"check", "--base", "main", "--dir", "elsewhere"},
	} {
		if code, out := runMigrations(t, args...); code == 0 || !strings.Contains(out, want) {
			t.Errorf("%v: exit %d: %s", args, code, out)
		}
	}
}

// TestMigrationsCheck_workflow: the workflow of the README runs the check that there is.
func TestMigrationsCheck_workflow(t *testing.T) {
	_, fences := readme(t)
	for _, f := range fences {
		if !strings.HasPrefix(f.body, "# .github/workflows/migrations.yml") {
			continue
		}
		var w struct {
			On   map[string]any
			Jobs map[string]struct{ Steps []struct{ Run string } }
		}
		if err := yaml.Unmarshal([]byte(f.body), &w); err != nil || w.On["pull_request"] == nil {
			t.Fatalf("%v: %+v", err, w)
		}
		steps := w.Jobs["migrations"].Steps
		_, args, found := strings.Cut(steps[len(steps)-1].Run, "cmd/backout@latest ")
		if problem := misused(t, shellWords(args)); !found || problem != "" {
			t.Errorf("%q: %s", args, problem)
		}
		return
	}
	t.Error("README.md shows no workflow for migrations")
}

func TestBenchClassify(t *testing.T) {
	var r benchReport
	if err := json.Unmarshal([]byte(runBench(t, "classify", "--count", "60", "--rounds", "2", "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Classify == nil || r.Classify.Statements != 60 || r.Classify.Load <= 0 || len(r.Classify.Classify.Rounds) != 2 || r.Fsync.Samples == 0 {
		t.Errorf("%+v", r.Classify)
	}
}
