package main

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestRepair_ofTheNight: the release of the night wrote amounts a hundredth of what they
// were, beside what is right. After the rollback people choose repair; the first answer
// is none that can be used, the second is; two people say yes; Backout is killed
// meanwhile. Then the question comes again, and a restore takes two people and the name.
func TestRepair_ofTheNight(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create role shop_owner login superuser", "create database shop owner shop_owner")
	db := strings.Replace(strings.Replace(server, "/postgres?", "/shop?", 1), "backout@", "shop_owner@", 1)
	postgrestest.Run(t, db, "create table payouts (id int primary key, amount numeric, status text, version int default 1)",
		"insert into payouts select n, n * 100, 'open' from generate_series(1, 30000) n")
	s := newShop(t, shopOptions{Kind: true, Database: db, Copies: t.TempDir()})
	s.waitServing("dpl_good2")
	var v orchestrator.Verdict
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/verdict", map[string][]string{"project": {"shop"}}, &v) == nil && v.Restore != nil
	}) {
		t.Fatal("there is no restore point")
	}
	s.ship("dpl_bad", commitNew, true)
	s.waitServing("dpl_bad")
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": commitNew})
	postgrestest.Run(t, db, "update payouts set amount = amount / 100, version = 2 where id % 2 = 0",
		"update payouts set amount = 7 where id = 1", "update payouts set status = 'paid' where id % 3 = 0")
	s.fires("health")
	s.mustApprove("INC-1", "back")
	s.waitBack()
	s.ends("health")
	waits := func(step string) {
		t.Helper()
		s.waitIncident("INC-1", "asking "+step, func(inc *console.Incident) bool { return stepOf(inc, step).State == "awaiting" })
	}
	waits("database")
	s.mustSay("choose INC-1 database repair")
	waits("rows")
	inc := s.waitIncident("INC-1", "compared", func(inc *console.Incident) bool { return stepOf(inc, "compare").State == "done" })
	s.wantTold(told(&inc), "public.payouts: 20001 changed (amount 15001, version 15000, status 10000), 0 new, 0 deleted")
	var one map[string]any
	s.wantTold(s.asks(&one, "incident", "evidence", "INC-1", "rows.json"), `"samples"`, `"status"`)
	s.mustSay("answer INC-1 rows repair_table=payouts repair_columns=amount repair_where='verzion = 2'")
	waits("database_then")
	inc = s.waitIncident("INC-1", "refused", func(inc *console.Incident) bool { return stepOf(inc, "stage").State == "failed" })
	s.wantTold(told(&inc), `where is no condition on a row of public.payouts`, "verzion")
	s.mustSay("choose INC-1 database_then repair")
	waits("rows_again")
	s.mustSay("answer INC-1 rows_again repair_table=payouts repair_columns=amount repair_where='version = 2'")
	s.mustApprove("INC-1", "repair_again")
	inc = s.waitIncident("INC-1", "waiting for the second", func(inc *console.Incident) bool { return stepOf(inc, "repair_again").State == "awaiting" })
	s.wantTold(stepOf(&inc, "repair_again").Preview.Text, "15000 rows of public.payouts would get back amount", "rows where version = 2", "1 differ and the condition does not hold for them", "2: amount 2", "is not distinct from b.s1")
	s.token = s.newToken("bob", "person")
	s.mustSay("approve INC-1 repair_again")
	s.waitIncident("INC-1", "at work", func(inc *console.Incident) bool {
		state := stepOf(inc, "repair_again").State
		return state == "accepted" || state == "done"
	})
	s.backout.kill9()
	s.restart("")
	inc = s.waitIncident("INC-1", "repaired and sound", func(inc *console.Incident) bool { return stepOf(inc, "sound_again").State == "done" })
	s.wantTold(told(&inc), "15000 rows of public.payouts have their values back")
	const state = "select count(*) filter (where amount <> id * 100) || ' ' || count(*) filter (where status = 'paid') || ' ' || count(*) filter (where version = 2) || ' ' || (select amount from payouts where id = 1) from payouts"
	if got := postgrestest.Value(t, db, state); got != "1 10000 15000 7" {
		t.Errorf("wrong amounts, paid, touched by the release, changed rightly: %s", got)
	}
	waits("investigate")
	s.backout.stop(t)
}

// TestRestore_ofTheNight: chosen at the question about the database, it takes two people
// and the name typed back.
func TestRestore_ofTheNight(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create role shop_owner login superuser", "create database shop owner shop_owner")
	db := strings.Replace(strings.Replace(server, "/postgres?", "/shop?", 1), "backout@", "shop_owner@", 1)
	postgrestest.Run(t, db, "create table payouts (id int primary key)", "insert into payouts select generate_series(1, 100)")
	s := newShop(t, shopOptions{Kind: true, Database: db, Copies: t.TempDir()})
	s.waitServing("dpl_good2")
	var v orchestrator.Verdict
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/verdict", map[string][]string{"project": {"shop"}}, &v) == nil && v.Restore != nil
	}) {
		t.Fatal("there is no restore point")
	}
	s.ship("dpl_bad", commitNew, true)
	s.waitServing("dpl_bad")
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": commitNew})
	postgrestest.Run(t, db, "delete from payouts where id > 10")
	s.fires("health")
	s.mustApprove("INC-1", "back")
	s.waitBack()
	s.ends("health")
	s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "database").State == "awaiting" })
	s.mustSay("choose INC-1 database restore")
	inc := s.waitIncident("INC-1", "asking about the restore", func(inc *console.Incident) bool {
		st := stepOf(inc, "restore")
		return st.State == "awaiting" && st.Preview != nil && !strings.HasPrefix(st.WaitingOn, "a preview")
	})
	s.wantTold(stepOf(&inc, "restore").Preview.Text, "deletes everything written since", "that 90 rows of public.payouts were deleted")
	if text, ok := s.say("approve INC-1 restore"); ok || !strings.Contains(text, "add confirm=NAME") {
		t.Errorf("without the name: %s", text)
	}
	s.mustSay("approve INC-1 restore confirm=shop")
	s.token = s.newToken("bob", "person")
	s.mustSay("approve INC-1 restore confirm=shop")
	inc = s.waitIncident("INC-1", "restored and sound", func(inc *console.Incident) bool { return stepOf(inc, "sound_again").State == "done" })
	s.wantTold(told(&inc), "shop is restored; the database that was replaced is kept as shop_before_")
	if got := postgrestest.Value(t, db, "select count(*)::text from payouts"); got != "100" {
		t.Errorf("%s rows", got)
	}
	s.backout.stop(t)
}
