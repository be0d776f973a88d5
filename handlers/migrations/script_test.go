//go:build !race

package migrations_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aimarketplace/backout/handlers/migrations"
)

func script(src string) []migrations.Statement {
	return migrations.NewClassifier(&migrations.Postgres{}).Script(migrations.NewScope(), []byte(src))
}

// TestScript_empty: Prisma writes such a file for a migration that does nothing.
func TestScript_empty(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"", "-- This is an empty migration.", " \r\n;;/* */\n", "-- no line end"} {
		if got := script(src); len(got) != 0 || migrations.Worst(got) != migrations.Additive {
			t.Errorf("%q: %+v", src, got)
		}
	}
}

// TestScript_keepsLooking: one wrong statement hides neither those before nor after it.
func TestScript_keepsLooking(t *testing.T) {
	t.Parallel()
	got := script("\ufeff-- bom\nCREATE TABLE a (x int);\nCREATE TABEL b (x int);\n\nDROP TABLE c;")
	var words []string
	for _, s := range got {
		words = append(words, fmt.Sprintf("%d %s", s.Line, s.Class))
	}
	if all := strings.Join(words, ", "); all != "1 unknown, 2 additive, 3 unknown, 5 destructive" {
		t.Error(all)
	}
	if migrations.Worst(got) != migrations.Destructive {
		t.Error(migrations.Worst(got))
	}
}

// TestScript_long: ten megabytes are read in parts, and every statement is judged.
func TestScript_long(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	n := 0
	for ; b.Len() < 10<<20; n++ {
		fmt.Fprintf(&b, "-- CreateTable\nCREATE TABLE \"T%d\" (\"id\" TEXT NOT NULL, \"note\" TEXT DEFAULT '%s');\n", n, strings.Repeat("x", 200))
	}
	b.WriteString("DROP TABLE \"Old\";")
	start := time.Now()
	got := script(b.String())
	t.Logf("%d statements, %d bytes: %s", len(got), b.Len(), time.Since(start))
	if len(got) != n+1 || got[n].Class != migrations.Destructive || got[n].Line != 2*n+1 || got[n-1].Class != migrations.Additive {
		t.Errorf("%d statements, the last is %+v", len(got), got[len(got)-1])
	}
}

// FuzzClassify: any input gives classes, never a panic; what is not known is never
// additive: every statement that is must come from a tree of known kinds.
func FuzzClassify(f *testing.F) {
	for _, j := range append(prismaCases(), handCases()...) {
		f.Add(j.sql)
	}
	for _, j := range hostileCases() {
		if len(j.sql) < 1000 {
			f.Add(j.sql)
		}
	}
	parser := &migrations.Postgres{}
	if _, err := parser.Parse("SELECT 1"); err != nil { // loading it is no input's time
		f.Fatal(err)
	}
	c := migrations.NewClassifier(parser)
	f.Fuzz(func(t *testing.T, src string) {
		got := c.Script(migrations.NewScope(), []byte(src))
		parsed, err := parser.Parse(src)
		readable := utf8.ValidString(src) && !strings.Contains(src, "\x00") // otherwise it is refused as a whole
		if err == nil && readable && len(parsed) > 0 && len(got) < len(parsed) {
			t.Errorf("%d statements of %d were judged", len(got), len(parsed))
		}
		if err != nil && migrations.Worst(got) == migrations.Additive {
			t.Errorf("PostgreSQL refuses it (%v), and it is additive", err)
		}
		known := additiveKinds()
		for _, p := range parsed {
			if err == nil && !known[p.Kind] && migrations.Worst(got) == migrations.Additive {
				t.Errorf("a %s is additive", p.Kind)
			}
		}
		for _, s := range got {
			if len(s.Findings) == 0 || s.Class == 0 || s.Line < 1 {
				t.Errorf("%+v", s)
			}
		}
		_ = told(t, got...)
	})
}

// additiveKinds are the kinds of statement that can be additive at all.
func additiveKinds() map[string]bool {
	out := map[string]bool{}
	for kind := range strings.FieldsSeq(`CreateStmt CreateTableAsStmt AlterTableStmt IndexStmt CreateEnumStmt CompositeTypeStmt AlterEnumStmt CreateSchemaStmt CreateSeqStmt
		CreateExtensionStmt ViewStmt CreatePolicyStmt CreateTrigStmt DropStmt RenameStmt InsertStmt UpdateStmt DeleteStmt TruncateStmt CommentStmt GrantStmt TransactionStmt VariableSetStmt`) {
		out[kind] = true
	}
	return out
}
