package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestMigrations_known: the screen of `migrations classify PROJECT` says of everything
// that is not known that it is not.
func TestMigrations_known(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 18, 0, 41, 0, time.UTC).UnixMilli()
	class := &orchestrator.MigrationClass{Class: "data", Cut: true, Effects: []orchestrator.MigrationEffect{{
		Does: "ADD VALUE 'TOSS_PAY'", Class: "data", Reads: "by-rows", Writes: "yes", Line: 2, Why: "why",
		Rows: []orchestrator.RowQuery{{Counts: "rows use it", SQL: "select 1"}, {Counts: "rows more", SQL: "select 2\nfrom x"}, {Counts: "rows last", SQL: "select 3"}},
	}}}
	var out bytes.Buffer
	all := []orchestrator.MigrationKnown{
		{Name: "1_a", State: "unread"},
		{Name: "2_b", State: "pending"},
		{Name: "3_c", State: "failed", Class: class, Other: true},
		{Name: "4_d", State: "applied", AppliedAt: at, Between: true, Class: class, Rows: &orchestrator.MigrationRows{At: at, Counts: []orchestrator.RowCount{{N: 9}, {Error: "no right"}}}},
	}
	if err := printMigrations(&out, all); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"1_a: class not known, the database was not asked\n", "2_b: class not known, not applied\n",
		"3_c: class not known, the database has applied another script than the one that was read (data), began and did not end\n",
		"4_d: data, applied 2026-11-24 18:00:41 UTC, between what serves and what could be gone back to\n",
		"  line 2 data: ADD VALUE 'TOSS_PAY'; old code reads: by-rows, writes: yes; why\n    9 rows use it, counted 2026-11-24 18:00:41 UTC\n    select 1\n",
		"    how many rows more: could not be counted, no right\n    select 2\n    from x\n    how many rows last: not counted\n", "  and more that is not kept: read the script\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in\n%s", line, out.String())
		}
	}
	if isProject(".") || isProject("prisma/migrations") || isProject("testdata") || !isProject("shop") {
		t.Error("a folder and the id of a project are not told apart")
	}
}

// TestRecounter_rests: who asks again and again does not keep the database busy.
func TestRecounter_rests(t *testing.T) {
	t.Parallel()
	r := &recounter{at: map[string]time.Time{}}
	now := time.Now()
	for i, c := range []struct {
		env   string
		after time.Duration
		want  bool
	}{{"production", 0, true}, {"production", time.Second, false}, {"staging", time.Second, true}, {"production", 3 * time.Second, true}} {
		if got := r.due("shop", c.env, now.Add(c.after)); got != c.want {
			t.Errorf("%d: due is %v", i, got)
		}
	}
}
