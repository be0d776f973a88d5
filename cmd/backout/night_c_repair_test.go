package main

import (
	"fmt"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

// TestNight_c_repair is night (c) with the way back that loses nothing: 200,000 payouts
// are written over by a destructive migration, and beside wrong writes right ones go on.
// Writes are stopped, going back is refused, and exactly the wrong rows get their values
// back, by two people and over a kill. What was written rightly since stays as it is.
func TestNight_c_repair(t *testing.T) {
	t.Parallel()
	n := newNightCOf(t, 200_000, inPlaceScript())
	n.restorePoint()
	promoted := n.release()
	for _, sql := range []string{
		"update payouts set amount_krw = 150 where id between 11 and 50", // the new code, wrong
		"update payouts set seller = 7777 where id % 1000 = 3",           // right, in another column
		"update payouts set amount_krw = 990000 where id in (5, 6)",      // right, by hand
		"insert into payouts (seller, amount_krw) values (1, 20000)",     // right, and new
	} {
		if err := postgrestest.Try(t, n.app, sql); err != nil {
			t.Fatal(err)
		}
	}
	const others = "select md5(string_agg(id || ' ' || seller || ' ' || at, ',' order by id)) from payouts"
	before := postgrestest.Value(t, n.owner, others)
	n.waitVerdict("DROP COLUMN")
	n.cli("emergency", "shop", "payouts 100x too small", "--component", "checkout", "--since", promoted.UTC().Format("2006-01-02T15:04:05Z07:00"), "--server", n.at("admin"), "--token", n.token)
	n.chooses("contain", "readonly")
	n.asked("contain_readonly")
	n.mustSay("approve INC-1 contain_readonly")
	n.waitIncident("INC-1", "read-only", func(inc *console.Incident) bool {
		return stepOf(inc, "contain_readonly").State == "done" && inc.ReadOnly != ""
	})
	if postgrestest.Try(t, n.app, "update payouts set amount_krw = 1 where id = 1") == nil {
		t.Error("the application writes on")
	}
	inc := n.incident("INC-1")
	n.wantTold(told(&inc), "answer refuse", `DROP COLUMN "payouts"."note"`)

	n.chooses("ways", "repair")
	n.waitIncident("INC-1", "asking which rows", func(inc *console.Incident) bool { return stepOf(inc, "rows").State == "awaiting" })
	n.mustSay("answer INC-1 rows repair_table=payouts repair_columns=amount_krw repair_where='amount_krw < 10000'")
	text := n.asked("repair")
	n.wantTold(text, fmt.Sprintf("%d rows of public.payouts would get back amount_krw", n.rows-2), "rows where amount_krw < 10000")
	n.mustSay("approve INC-1 repair")
	n.refused(n.token, "approve INC-1 repair", "has approved already")
	n.cut("repair", atWork, func() { n.sayAs(n.bob, "approve INC-1 repair") })
	n.step("repair", "done")
	n.step("sound", "done")
	wrong := n.number(n.owner, fmt.Sprintf("select count(*) from payouts where amount_krw <> 10000 + id and id not in (5, 6, %d)", n.rows+1))
	if kept := n.number(n.owner, "select count(*) from payouts where amount_krw = 990000"); wrong != 0 || kept != 2 {
		t.Errorf("%d rows are wrong still, %d right corrections are left of 2", wrong, kept)
	}
	if after := postgrestest.Value(t, n.owner, others); after != before {
		t.Error("something else than the amounts was changed")
	}
	n.asked("writes_on")
	n.mustSay("approve INC-1 writes_on")
	n.waitIncident("INC-1", "taking writes", func(inc *console.Incident) bool {
		return stepOf(inc, "writes_on").State == "done" && inc.ReadOnly == ""
	})
	if err := postgrestest.Try(t, n.app, "update payouts set seller = 1 where id = 1"); err != nil {
		t.Error(err)
	}
	if got := n.changes(); len(got) != 0 || len(n.databases()) != 1 {
		t.Errorf("at Vercel: %v; databases: %v", got, n.databases())
	}
	n.backout.stop(t)
}
