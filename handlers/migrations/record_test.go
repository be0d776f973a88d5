//go:build !race

package migrations_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/migrations"
	"github.com/aimarketplace/backout/orchestrator"
)

func plain(s string) string { return s }

// record judges one script as the server does.
func record(t *testing.T, sql string, clean func(string) string) orchestrator.MigrationClass {
	t.Helper()
	all := migrations.NewClassifier(&migrations.Postgres{}).Each([]migrations.Migration{{Name: "1_x", Script: []byte(sql)}}, func(string) bool { return true })
	if len(all) != 1 {
		t.Fatalf("%d judged", len(all))
	}
	return all[0].Record("shop", []byte(sql), clean)
}

// TestRecord_titles: what people read on the screen of the verdict.
func TestRecord_titles(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`ALTER TABLE "Order" ADD COLUMN "receipt" TEXT;`:    "ADD COLUMN",
		`ALTER TYPE "Method" ADD VALUE 'TOSS_PAY';`:         "ADD VALUE 'TOSS_PAY'",
		`ALTER TABLE "Payout" DROP COLUMN "amount";`:        `DROP COLUMN "Payout"."amount"`,
		`CREATE INDEX "i" ON "Order"("at");`:                "CREATE INDEX",
		`CREATE TABLE "N" ("id" INTEGER);`:                  "CREATE TABLE",
		`ALTER TABLE "A" ALTER COLUMN "b" DROP NOT NULL;`:   `DROP NOT NULL ON "A"."b"`,
		`COMMENT ON TABLE "A" IS 'x';`:                      "COMMENT ON AN OBJECT",
		`ALTER TABLE "Order" RENAME COLUMN "note" TO "txt"`: `RENAME COLUMN "Order"."note" to "txt"`,
	} {
		m := record(t, sql, plain)
		if len(m.Effects) != 1 || m.Effects[0].Does != want {
			t.Errorf("%s: %+v", sql, m.Effects)
		}
	}
}

// TestRecord_whatIsKept: the sum as Prisma has it, the queries that decide, and no more
// than a record can hold.
func TestRecord_whatIsKept(t *testing.T) {
	t.Parallel()
	m := record(t, "SELECT 1;\r\n", plain)
	other := record(t, "SELECT 1;\n", plain)
	if len(m.Sum) != 64 || m.Also != other.Sum || m.Sum != other.Also {
		t.Errorf("%s and %s, %s and %s", m.Sum, m.Also, other.Sum, other.Also)
	}
	var b strings.Builder
	for range 30 {
		b.WriteString("ALTER TABLE \"Order\" ADD COLUMN \"x\" TEXT;\n")
	}
	for range 10 {
		b.WriteString("ALTER TYPE \"Method\" ADD VALUE 'TOSS_PAY';\n")
	}
	m = record(t, b.String(), plain)
	queries := 0
	for _, e := range m.Effects {
		queries += len(e.Rows)
	}
	if last := m.Effects[len(m.Effects)-1]; len(m.Effects) != 24 || queries != 8 || m.Cut || last.Class != "data" || m.Class != "data" {
		t.Errorf("%d effects, %d queries, cut %v, last %+v", len(m.Effects), queries, m.Cut, last)
	}
	m = record(t, strings.Repeat("ALTER TABLE \"Order\" DROP COLUMN \"x\";\n", 30), plain)
	if len(m.Effects) != 24 || !m.Cut {
		t.Errorf("%d effects, cut %v", len(m.Effects), m.Cut)
	}
}

// TestRecord_masks: what no log may hold is masked, and a query with it is left out
// rather than changed.
func TestRecord_masks(t *testing.T) {
	t.Parallel()
	mask := func(s string) string { return strings.ReplaceAll(s, "SECRET", "[masked]") }
	m := record(t, `ALTER TYPE "Method" ADD VALUE 'SECRET';`, mask)
	if e := m.Effects[0]; len(e.Rows) != 0 || e.Reads != "by-rows" || strings.Contains(e.Does+e.Statement+e.Why, "SECRET") {
		t.Errorf("%+v", e)
	}
}
