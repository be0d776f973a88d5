package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// effect is one effect with what the code from before can do.
func effect(does, class, reads, writes string, rows ...orchestrator.RowQuery) orchestrator.MigrationEffect {
	return orchestrator.MigrationEffect{Does: does, Class: class, Reads: reads, Writes: writes, Why: "because", Line: 1, Statement: does + " …", Rows: rows}
}

func newColumn() orchestrator.MigrationEffect { return effect("ADD COLUMN", "additive", "yes", "yes") }

func newValue() orchestrator.MigrationEffect {
	return effect("ADD VALUE 'TOSS_PAY'", "data", "by-rows", "yes", orchestrator.RowQuery{Counts: "rows use it", SQL: "select 9", Decides: "reads"})
}

func dropped() orchestrator.MigrationEffect {
	e := effect(`DROP COLUMN "payouts"."amount_krw"`, "destructive", "no", "no")
	e.Loss = "the values of amount_krw"
	return e
}

// classed tells what a migration does, and its class is the worst of its effects.
func (b *book) classed(name string, effects ...orchestrator.MigrationEffect) {
	order := []string{"additive", "data", "unknown", "breaking", "destructive"}
	worst := 0
	for _, e := range effects {
		for i, c := range order {
			if c == e.Class && i > worst {
				worst = i
			}
		}
	}
	b.act(orchestrator.Record{Class: &orchestrator.MigrationClass{Project: "shop", Name: name, Sum: "s-" + name, Class: order[worst], Effects: effects}})
}

func (b *book) rows(name string, counts ...orchestrator.RowCount) {
	b.act(orchestrator.Record{Rows: &orchestrator.MigrationRows{Project: "shop", Environment: "production", Name: name, Sum: "s-" + name, At: b.now, Counts: counts}})
}

// inDatabase is a reading in which the migrations were all applied a second ago.
func (b *book) inDatabase(names ...string) {
	r := orchestrator.SchemaRead{Project: "shop", Environment: "production", Applied: names, All: len(names), At: b.now}
	for range names {
		r.AppliedAt, r.Sums = append(r.AppliedAt, b.now-1000), append(r.Sums, "")
	}
	b.act(orchestrator.Record{Schema: &r})
}

// crossing puts 3_toss between dpl_new, which serves, and dpl_old.
func (b *book) crossing() {
	b.after(30 * aDay)
	b.act(orchestrator.Record{Deploys: b.twoBuilds()})
	b.observed("dpl_new")
	b.migrations("c3", "1_init", "2_pay", "3_toss")
	b.migrations("c2", "1_init", "2_pay")
}

// TestVerdict_classes: each class gives its answer, and nothing is safe that is not
// known to be.
func TestVerdict_classes(t *testing.T) {
	const all = "1_init 2_pay 3_toss"
	for name, c := range map[string]struct {
		effects []orchestrator.MigrationEffect
		applied string
		rows    []orchestrator.RowCount
		late    int64
		answer  string
		says    string // in the reasons that count
		tells   string // in any reason
	}{
		"additive":                {effects: []orchestrator.MigrationEffect{newColumn()}, applied: all, answer: "safe", tells: "ADD COLUMN (fine)"},
		"nothing in it":           {effects: nil, applied: all, answer: "safe", tells: "3_toss changes nothing"},
		"a value that rows hold":  {effects: []orchestrator.MigrationEffect{newColumn(), newValue()}, applied: all, rows: []orchestrator.RowCount{{N: 9}}, answer: "ask", says: "ADD VALUE 'TOSS_PAY': 9 rows use it, the old code cannot read them"},
		"a value of one row":      {effects: []orchestrator.MigrationEffect{newValue()}, applied: all, rows: []orchestrator.RowCount{{N: 1}}, answer: "ask", says: "1 row uses it, the old code cannot read it"},
		"a value no row holds":    {effects: []orchestrator.MigrationEffect{newValue()}, applied: all, rows: []orchestrator.RowCount{{}}, answer: "safe", tells: "fine, no rows stand in the way"},
		"rows nobody counted":     {effects: []orchestrator.MigrationEffect{newValue()}, applied: all, answer: "ask", says: "nobody has counted the rows yet"},
		"rows that cannot be":     {effects: []orchestrator.MigrationEffect{newValue()}, applied: all, rows: []orchestrator.RowCount{{Error: "permission denied"}}, answer: "ask", says: "the rows could not be counted (permission denied)"},
		"rows counted long ago":   {effects: []orchestrator.MigrationEffect{newValue()}, applied: all, rows: []orchestrator.RowCount{{}}, late: 30 * minute, answer: "ask", says: "the rows were last counted at"},
		"by rows without a query": {effects: []orchestrator.MigrationEffect{effect("X", "data", "by-rows", "yes")}, applied: all, answer: "ask", says: "nobody can tell whether old code can read"},
		"one of two answers":      {effects: []orchestrator.MigrationEffect{effect("X", "data", "by-rows", "unknown", newValue().Rows...)}, applied: all, rows: []orchestrator.RowCount{{}}, answer: "ask", says: "nobody can tell whether old code can write"},
		"rows changed":            {effects: []orchestrator.MigrationEffect{effect("UPDATE", "data", "yes", "yes")}, applied: all, answer: "ask", says: "UPDATE: it changed rows"},
		"unknown":                 {effects: []orchestrator.MigrationEffect{effect("DO", "unknown", "unknown", "unknown")}, applied: all, answer: "ask", says: "nobody can tell whether old code can read or write"},
		"a class from tomorrow":   {effects: []orchestrator.MigrationEffect{effect("DO", "tomorrow", "yes", "yes")}, applied: all, answer: "ask", says: "nobody can tell"},
		"old code cannot write":   {effects: []orchestrator.MigrationEffect{effect("SET NOT NULL", "breaking", "yes", "no")}, applied: all, answer: "refuse", says: "SET NOT NULL: old code cannot write (because)"},
		"destructive":             {effects: []orchestrator.MigrationEffect{newColumn(), dropped()}, applied: all, answer: "refuse", says: "lost: the values of amount_krw"},
		"refuse leads somewhere":  {effects: []orchestrator.MigrationEffect{dropped()}, applied: all, answer: "refuse", says: "contain it first (read-only or maintenance), then leave the database, revert the migration, repair rows, restore or reset"},
		"not applied":             {effects: []orchestrator.MigrationEffect{dropped()}, applied: "1_init 2_pay", answer: "ask", says: "the code is ahead of the database", tells: "not applied, so the old code does not meet it: 3_toss"},
		"nobody asked":            {effects: []orchestrator.MigrationEffect{dropped()}, answer: "refuse", says: "DROP COLUMN"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
			b.crossing()
			if c.applied != "" {
				b.inDatabase(strings.Fields(c.applied)...)
			}
			b.classed("3_toss", c.effects...)
			if c.rows != nil {
				b.rows("3_toss", c.rows...)
			}
			if c.late > 0 {
				b.after(c.late)
				b.inDatabase(strings.Fields(c.applied)...)
			}
			v := b.state.VerdictNow("shop", "production")
			if v.Answer != c.answer || !strings.Contains(strings.Join(v.Reasons, "; "), c.says) {
				t.Errorf("%s because %s", v.Answer, strings.Join(v.Reasons, "; "))
			}
			tells := ""
			for _, r := range v.Because {
				if tells += r.Text + "; "; r.Kind == "" || r.Text == "" || r.Evidence == "" {
					t.Errorf("a reason without evidence: %+v", r)
				}
			}
			if !strings.Contains(tells, c.tells) {
				t.Errorf("%q is not in %s", c.tells, tells)
			}
			if len(v.Weighed) != 1 || v.Weighed[0].Name != "3_toss" {
				t.Errorf("weighed %+v", v.Weighed)
			}
			b.wantSameEverywhere()
		})
	}
}

// TestVerdict_anotherScript: the database has applied something else than was read, so
// its class is not known, and it is wanted again.
func TestVerdict_anotherScript(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.crossing()
	if w := b.state.ClassesWanted("shop"); len(w) != 1 || w[0] != (orchestrator.MigrationWanted{Name: "3_toss", Commit: "c3"}) {
		t.Fatalf("wanted %+v", w)
	}
	b.classed("3_toss", newColumn())
	if w := b.state.ClassesWanted("shop"); len(w) != 0 {
		t.Fatalf("wanted %+v", w)
	}
	b.act(orchestrator.Record{Schema: &orchestrator.SchemaRead{
		Project: "shop", Environment: "production", Applied: []string{"3_toss"}, All: 3, AppliedAt: []int64{b.now}, Sums: []string{"another"}, At: b.now,
	}})
	if v := b.state.VerdictNow("shop", "production"); v.Answer != "ask" || !strings.Contains(strings.Join(v.Reasons, "; "), "whose class is not known: 3_toss") {
		t.Errorf("%s because %v", v.Answer, v.Reasons)
	}
	if w := b.state.ClassesWanted("shop"); len(w) != 1 {
		t.Errorf("wanted %+v", w)
	}
	if k := b.state.MigrationsKnown("shop", "production"); len(k) != 3 || !k[2].Other || !k[2].Between || k[2].State != "applied" {
		t.Errorf("known %+v", k)
	}
}

// TestVerdict_withoutARepository: the database says what it applied after the target was
// built.
func TestVerdict_withoutARepository(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	b.act(orchestrator.Record{Deploys: b.twoBuilds()})
	b.observed("dpl_new")
	r := orchestrator.SchemaRead{Project: "shop", Environment: "production", Applied: []string{"1_init", "3_toss"}, All: 2, AppliedAt: []int64{b.now - 20*aDay, b.now - minute}, At: b.now}
	b.act(orchestrator.Record{Schema: &r})
	if w := b.state.ClassesWanted("shop"); len(w) != 1 || w[0] != (orchestrator.MigrationWanted{Name: "3_toss"}) {
		t.Fatalf("wanted %+v", w)
	}
	b.classed("3_toss", dropped())
	if v := b.state.VerdictNow("shop", "production"); v.Answer != "refuse" || len(*v.Migrations) != 1 {
		t.Errorf("%s because %v", v.Answer, v.Reasons)
	}
}

// TestVerdict_isBounded: fifty migrations of many statements do not make a verdict that
// nobody can read, and none of what speaks against it is lost.
func TestVerdict_isBounded(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.crossing()
	var names []string
	for i := range 20 {
		names = append(names, "4_"+string(rune('a'+i)))
	}
	b.migrations("c1", "1_init")
	ds := b.twoBuilds()
	ds.List[0].Commit = "c4"
	ds.List[0].ID, ds.List[0].CreatedAt, ds.List[0].AliasedAt = "dpl_next", b.now, b.now
	ds.List = append(ds.List[:1:1], b.twoBuilds().List...)
	b.act(orchestrator.Record{Deploys: ds})
	b.observed("dpl_next")
	b.migrations("c4", append([]string{"1_init", "2_pay", "3_toss"}, names...)...)
	for _, name := range names {
		var effects []orchestrator.MigrationEffect
		for range 40 {
			effects = append(effects, effect("UPDATE", "data", "yes", "yes"))
		}
		b.classed(name, append(effects[:30], dropped())...)
	}
	v := b.state.VerdictNow("shop", "production")
	if v.Answer != "ask" || len(v.Weighed) != 8 || len(v.Weighed[0].Effects) != 8 {
		t.Errorf("%s, %d weighed", v.Answer, len(v.Weighed))
	}
	if text := strings.Join(v.Reasons, "; "); !strings.Contains(text, "more statements of these migrations against it") || len(text) > 4000 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

// TestWorth_countsOnlyWhatIsNew: the same number is an entry every ten minutes.
func TestWorth_countsOnlyWhatIsNew(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.crossing()
	class := orchestrator.MigrationClass{Project: "shop", Name: "3_toss", Sum: "s-3_toss", Class: "data", Effects: []orchestrator.MigrationEffect{newValue()}}
	count := func(n, after int64) orchestrator.Record {
		return orchestrator.Record{Rows: &orchestrator.MigrationRows{Project: "shop", Environment: "production", Name: "3_toss", Sum: "s-3_toss", At: b.now + after, Counts: []orchestrator.RowCount{{N: n}}}}
	}
	worth := func(r orchestrator.Record) bool { return b.fold.Worth(b.state, &r, b.now) }
	if worth(count(9, 0)) || !worth(orchestrator.Record{Class: &class}) {
		t.Fatal("before the class is known")
	}
	b.act(orchestrator.Record{Class: &class})
	if worth(orchestrator.Record{Class: &class}) || !worth(count(9, 0)) {
		t.Fatal("once the class is known")
	}
	if w := b.state.RowsWanted("shop", "production"); len(w) != 1 || len(w[0].Queries) != 1 || w[0].Queries[0].SQL != "select 9" {
		t.Fatalf("wanted %+v", w)
	}
	b.act(count(9, 0))
	if worth(count(9, minute)) || !worth(count(10, minute)) || !worth(count(9, 10*minute)) {
		t.Fatal("the same number again")
	}
	b.act(count(8, -minute)) // late
	if k := b.state.MigrationsKnown("shop", "production"); k[2].Rows == nil || k[2].Rows.Counts[0].N != 9 {
		t.Errorf("%+v", k[2].Rows)
	}
}
