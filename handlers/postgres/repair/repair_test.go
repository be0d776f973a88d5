package repair_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// payouts is the shop of a night: 200,000 payouts with their amounts in won twice, a
// table that is right, and one with a key of two columns.
func (w *world) payouts(rows string) {
	w.t.Helper()
	w.run("create table payouts (id bigint primary key, amount numeric not null, amount_krw numeric not null, status text not null, version int not null default 1, note text)",
		"insert into payouts select n, n * 100, n * 100, 'open', 1, case when n % 7 = 0 then repeat('secret ', 20) end from generate_series(1, "+rows+") n",
		"create table rates (code text, day date, rate float8, primary key (code, day))",
		"insert into rates select c, date '2026-01-01' + n, 1 / (n + 1.0) from generate_series(0, 99) n, unnest(array['KRW', 'usd', 'Ünit', 'eur']) c",
		"create table log (text text)")
}

// corrupt is the release of the night and what was written for 40 minutes: the column
// dropped, amounts a hundredth of what they were, by code that marks its rows; beside it
// what was right.
func (w *world) corrupt() {
	w.t.Helper()
	w.run("alter table payouts drop column amount_krw",
		"update payouts set amount = amount / 100, version = 2 where id % 10 < 4",
		"insert into payouts select n, n, 'open', 2, null from generate_series(900001, 900040) n", // new and wrong: no old value
		"update payouts set status = 'paid' where id % 3 = 0",                                     // another column, also of wrong rows
		"update payouts set amount = amount + 5 where id % 10 = 7",                                // right changes of the same column
		"delete from payouts where id % 1000 = 1",                                                 // 900001, too
		"insert into payouts select n, n * 100, 'open', 1, null from generate_series(910001, 910010) n",
		"update rates set rate = 0 where code = 'Ünit' and day < '2026-01-11'")
}

const rest = "select md5(string_agg(t::text, '|' order by id)) from (select id, status, version, note, case when version = 1 or id > 900000 then amount end from payouts) t"

// TestRepair_exactlyTheWrongRows is the night with the corruption that was noticed late.
func TestRepair_exactlyTheWrongRows(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.payouts("200000")
	w.run("create table truth as select id, amount from payouts", "alter table truth add primary key (id)")
	w.copy()
	w.corrupt()
	before := w.value(rest)
	wrong := w.value("select count(*) from payouts p join truth using (id) where version = 2")

	began := time.Now()
	c := w.done("compare", w.call(map[string]any{"before": "2099-01-01T00:00:00Z"}))
	compared := time.Since(began)
	if len(c.Tables) != 2 || c.Tables[0].Table != "public.payouts" || c.Tables[0].New != 49 || c.Tables[0].Deleted != 200 ||
		c.Tables[0].Columns["amount"] < 90000 || c.Tables[1].Changed != 10 || c.Tables[1].Columns["rate"] != 10 || !slices.Contains(c.Tables[0].Other, "amount_krw is only in the copy") {
		t.Errorf("%+v", c.Tables)
	}
	if !slices.Contains(c.Unseen, "public.log has no primary key") || len(c.Evidence) != 1 || c.Evidence[0].Name != "rows.json" {
		t.Errorf("%+v %+v", c.Unseen, c.Evidence)
	}
	if body := string(w.kept[c.Evidence[0].Blob]); strings.Count(body, `"key"`) != 30 || strings.Contains(body, strings.Repeat("secret ", 20)) {
		t.Errorf("samples of %d rows: %.2000s", strings.Count(body, `"key"`), body)
	}

	s := w.done("stage", w.call(map[string]any{"scratch": c.Scratch, "table": "payouts", "columns": "amount", "where": "version = 2"}))
	if got := w.value("select " + wrong + " || ' ' || (select count(*) from payouts where id % 10 = 7 and id < 900000)"); got != strings.Join([]string{itoa(s.Rows), itoa(s.Other)}, " ") {
		t.Errorf("%+v, want %s", s, got)
	}
	call := w.call(map[string]any{"stage": s})
	p, err := w.action("repair").Plan(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{wrong + " rows of public.payouts would get back amount", "rows where version = 2", "49 are newer than the copy", "Samples of 20 rows", "update only", "10: amount 10"} {
		if !strings.Contains(p.Text, word) {
			t.Errorf("%q is missing in: %s", word, p.Text)
		}
	}
	if strings.Contains(p.Text+string(p.Data), "secret") {
		t.Error("the preview has texts of rows in it")
	}
	if again, err := w.action("repair").Plan(t.Context(), call); err != nil || again.Text != p.Text || string(again.Data) != string(p.Data) {
		t.Errorf("the preview changes by itself: %v", err)
	}
	if _, err := w.action("repair").Do(t.Context(), call); !orchestrator.IsPermanent(err) {
		t.Errorf("it runs without an approval: %v", err)
	}
	call.Preview = p.Data
	began = time.Now()
	o := w.do("repair", call)
	t.Logf("200,000 rows restored beside and compared in %s, %s of them put back in %s", compared, wrong, time.Since(began))
	expect(t, o, orchestrator.OutcomeDone, wrong+" rows of public.payouts have their values back")
	if r := w.read(o.Data); itoa(r.Repaired) != wrong || r.Left != 0 {
		t.Errorf("%+v", r)
	}
	if got := w.value("select count(*) from payouts p join truth t using (id) where version = 2 and p.amount is distinct from t.amount"); got != "0" {
		t.Errorf("%s wrong rows are still wrong", got)
	}
	if after := w.value(rest); after != before {
		t.Error("something else was changed")
	}
	if got := w.value("select count(*) from payouts p join truth t using (id) where version = 1 and id % 10 = 7 and p.amount = t.amount"); got != "0" {
		t.Errorf("%s rows with right changes lost them", got)
	}
	// Once more: nothing happens twice.
	if out, err := w.action("repair").Do(t.Context(), w.attempt(call)); err != nil || out.Accepted != nil || !strings.Contains(out.Text, "have their values back") {
		t.Errorf("%+v %v", out, err)
	}
}

func itoa(n int64) string { data, _ := json.Marshal(n); return string(data) }

// TestRepair_leavesWhatChangedMeanwhile: rows that somebody writes after they were seen,
// also in a transaction that is open while the batch runs.
func TestRepair_leavesWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.payouts("3000")
	w.copy()
	w.run("update payouts set amount = amount / 100")
	s := w.staged("public.payouts", "amount", "all")
	if s.Rows != 3000 {
		t.Fatalf("%+v", s)
	}
	call := w.approved(s)
	w.run("update payouts set amount = 7 where id = 5", "delete from payouts where id = 6", "update payouts set note = 'other column' where id = 7")
	w.stopAt("wait staged")
	out, err := w.action("repair").Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	w.arrived("staged")
	end := w.holding("update payouts set amount = 8 where id = 1500") // the batch must wait for it
	w.goOn()
	w.until(func() bool { return w.value("select count(*) from pg_locks where not granted") != "0" })
	end()
	o := w.verify("repair", call, out.Accepted.Token)
	expect(t, o, orchestrator.OutcomeDone, "2997 rows", "3 were left because they changed meanwhile or are gone")
	if got := w.value("select count(*) filter (where amount = id * 100) || ' ' || (select string_agg(id || '=' || amount, ' ' order by id) from payouts where amount <> id * 100) from payouts"); got != "2997 5=7 1500=8" {
		t.Error(got)
	}
}

// TestRepair_goesOnWhereItWasKilled: kill -9 between the rows and the first batch, and
// after the third batch; the next attempt does the rest, none twice.
func TestRepair_goesOnWhereItWasKilled(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.payouts("5500")
	w.copy()
	w.run("update payouts set amount = amount / 100",
		"create table writes (id bigint)", "create function note_write() returns trigger language plpgsql as $$ begin insert into writes values (new.id); return new; end $$",
		"create trigger noted after update on payouts for each row execute function note_write()")
	call := w.approved(w.staged("payouts", "amount", ""))
	w.stopAt("staged 1")
	expect(t, w.do("repair", call), orchestrator.OutcomeNotDone, "killed", "0 of 5500 rows are put back, the next attempt goes on")
	w.stopAt("batch 3")
	expect(t, w.do("repair", w.attempt(call)), orchestrator.OutcomeNotDone, "3000 of 5500 rows are put back, the next attempt goes on")
	postgrestest.Run(t, w.server, "select pg_terminate_backend(pid) from pg_stat_activity where datname like 'backout_compare_%'", "drop database "+w.scratch()) // The rows are in production by now.
	expect(t, w.do("repair", w.attempt(call)), orchestrator.OutcomeDone, "5500 rows")
	if got := w.value("select count(*) || ' ' || count(distinct id) || ' ' || (select count(*) from payouts where amount <> id * 100) from writes"); got != "5500 5500 0" {
		t.Error(got)
	}
}

// TestRepair_refuses what cannot be repaired, for good and in words.
func TestRepair_refuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.payouts("50")
	w.run("create table made (id int primary key, a int, twice int generated always as (a * 2) stored, of_other text)")
	w.refused("compare", map[string]any{}, "looking for copies")
	w.copy()
	w.refused("compare", map[string]any{"before": 1_600_000_000_000}, "no verified copy from before 2020-09-13")
	w.run("alter table payouts drop column amount_krw", "alter table made alter column of_other type int using 1", "alter table rates drop constraint rates_pkey", "update payouts set amount = 1")
	c := w.done("compare", w.call(map[string]any{}))
	stage := func(table, columns, where string, words ...string) {
		t.Helper()
		w.refused("stage", map[string]any{"scratch": c.Scratch, "table": table, "columns": columns, "where": where}, words...)
	}
	stage("nothing", "a", "", "there is no table nothing")
	stage("log", "text", "", "no primary key")
	stage("rates", "rate", "", "no primary key")
	stage("made", "of_other", "", "integer here and text in the copy")
	stage("made", "twice", "", "computed by the server")
	stage("payouts", "id", "", "of the primary key")
	stage("payouts", "amount_krw", "", "only the copy has")
	stage("payouts", "amonut", "", "no column amonut")
	stage("payouts", "", "", "no column is named")
	for where, word := range map[string]string{
		"id = 1; drop table payouts": "semicolon",
		"id = 1 -- and":              "comment",
		"id = 1 /* and */":           "comment",
		"true) union select (true":   "closes a bracket",
		"(id = 1":                    "does not close its brackets",
		"note = 'open":               "not closed",
		"note = $$a$$":               "dollar sign",
		`note = E'\') or (true'`:     "backslash",
		"id":                         "must be type boolean",
		"no_such_column = 1":         "does not exist",
		"count(*) > 1":               "no condition on a row",
		"id = 1 then 1 end, (select 1) from x, (a": "does not close",
		"id = ": "syntax error",
	} {
		stage("payouts", "amount", where, word)
	}
	w.refused("stage", map[string]any{"scratch": "shop", "table": "payouts", "columns": "amount"}, "no database that postgres.compare made")
	w.refused("repair", map[string]any{}, "after people have seen which")
	if _, err := w.action("repair").Plan(t.Context(), w.call(map[string]any{})); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "no rows are staged") {
		t.Error(err)
	}
	// Rights: who may read and not write is told so before anything is made.
	postgrestest.Run(t, strings.Replace(w.url, "shop_owner@", "backout@", 1), "alter table payouts owner to backout", "revoke all on payouts from shop_owner", "grant select on payouts to shop_owner")
	stage("payouts", "amount", "", "may not write column amount of public.payouts")
	postgrestest.Run(t, w.server, "alter role shop_owner nocreatedb")
	w.refused("compare", map[string]any{}, "may not make databases")
}

// TestRepair_isBoundToWhatWasSeen: what is staged otherwise, or a table that changed, is
// not repaired by an earlier approval.
func TestRepair_isBoundToWhatWasSeen(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.payouts("20")
	w.copy()
	w.run("update payouts set amount = 1")
	s := w.staged("payouts", "amount", "id < 10")
	call := w.approved(s)
	postgrestest.Run(t, strings.Replace(w.url, "/shop?", "/"+s.Scratch+"?", 1), "update backout."+w.tableIn(s.Scratch)+" set v1 = '666' where n = 3")
	expect(t, w.do("repair", call), orchestrator.OutcomeFailed, "what is staged is not what was approved")
	if got := w.value("select count(*) from payouts where amount <> 1"); got != "0" {
		t.Errorf("%s rows were written", got)
	}
	s = w.staged("payouts", "amount", "id < 10")
	call = w.approved(s)
	w.run("alter table payouts alter column amount type bigint")
	if out, err := w.action("repair").Do(t.Context(), call); !orchestrator.IsPermanent(err) || out.Accepted != nil {
		t.Errorf("%+v %v", out, err)
	}
}

// TestCompare_tidiesUp: what is older than seven days goes with the next comparison, and
// a comparison that was killed is made anew.
func TestCompare_tidiesUp(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.payouts("20")
	w.copy()
	w.run("update payouts set amount = 1")
	s := w.staged("payouts", "amount", "")
	expect(t, w.do("repair", w.approved(s)), orchestrator.OutcomeDone, "20 rows")
	staging := w.value("select relname from pg_class where relname ~ '^repair_[0-9a-f]+$'")
	old := w.value("select shobj_description(oid, 'pg_database') from pg_database where datname = '" + s.Scratch + "'")
	parts := strings.Fields(old)
	parts[2] = "2026-01-01T00:00:00Z"
	w.run("comment on database "+s.Scratch+" is '"+strings.Join(parts, " ")+"'", "update backout.mark set at = '2026-01-01'")
	call := w.call(map[string]any{})
	w.stopAt("restored 1")
	expect(t, w.do("compare", call), orchestrator.OutcomeNotDone, "killed")
	c := w.done("compare", w.attempt(call))
	if !slices.Contains(c.Dropped, staging) || w.scratch() != c.Scratch || len(c.Tables) != 0 {
		t.Errorf("%+v, left %s", c, w.scratch())
	}
}
