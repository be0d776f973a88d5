package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

// Where Backout is killed: nobody knows then what became of a call, or everybody does.
const (
	beforeCall  = "before-call"
	afterCall   = "after-call"
	beforeTry   = "before-intent"
	afterResult = "after-result"
	atWork      = "while the job is at work"
)

// TestNight_c_restore is night (c) to its end. A release destroys a column and writes
// payouts that are 100 times too small; nothing throws. A DBA calls an emergency: writes
// are stopped, going back is refused with its reason, two people restore with the loss
// before their eyes, and the application writes again. Backout is killed at every step that
// changes something; each is done once.
func TestNight_c_restore(t *testing.T) {
	t.Parallel()
	n := newNightC(t, 200_000)
	point := n.restorePoint()
	promoted := n.release()
	n.writes()
	if point.At >= promoted.UnixMilli() || point.Rows != 200_000+40+40+1 {
		t.Fatalf("the restore point: %+v", point)
	}
	n.waitVerdict("DROP COLUMN")
	n.opens(promoted)
	n.refusesToGoBack()
	n.contains(afterResult)
	wrote := n.writer.wrote.Load()
	n.restores(atWork, point.At)
	n.comesBack()
	n.writesAgain(beforeTry)
	n.ends()
	if got := n.changes(); len(got) != 1 || got[0] != rolledBack {
		t.Errorf("at Vercel: %v\n%s", got, n.toldAll())
	}
	if now := n.writer.wrote.Load(); now != wrote {
		t.Errorf("%d wrong rows were written after it was contained", now-wrote)
	}
	n.backout.stop(t)
}

// TestNight_c_killed kills Backout where nobody can know what became of a call, in each
// step that changes the database: people are told at once, nothing is done twice, and it
// is never read-only without saying so.
func TestNight_c_killed(t *testing.T) {
	t.Parallel()
	for step, point := range map[string]string{"contain_readonly": afterCall, "restore": beforeCall, "writes_on": afterCall} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			n := newNightC(t, 2000)
			at := map[string]string{step: point}
			if step == "contain_readonly" {
				n.opens(n.releaseAndWrite())
				n.contains(point)
				n.backout.stop(t)
				return
			}
			copied := n.restorePoint()
			n.opens(n.releaseAndWrite())
			n.contains("")
			n.restores(at["restore"], copied.At)
			if step == "writes_on" {
				n.comesBack()
				n.writesAgain(at["writes_on"])
			}
			n.backout.stop(t)
		})
	}
}

// opens starts the night by hand, by the command line.
func (n *nightC) opens(promoted time.Time) {
	n.t.Helper()
	n.cli("emergency", "shop", "payouts 100x too small", "--component", "checkout", "--since", promoted.UTC().Format(time.RFC3339), "--server", n.at("admin"), "--token", n.token)
	n.waitIncident("INC-1", "asking to stop the writes", func(inc *console.Incident) bool { return stepOf(inc, "contain").State == "awaiting" })
	postgrestest.Run(n.t, n.owner, "insert into payments select 'bad-' || n, n from generate_series(1, 7) n")
}

// refusesToGoBack reads why there is no way back, and that it is not offered.
func (n *nightC) refusesToGoBack() {
	n.t.Helper()
	inc := n.incident("INC-1")
	n.wantTold(told(&inc), "called a database emergency (payouts 100x too small)", "suspect: deployment dpl_new", "answer refuse, target dpl_good2", `DROP COLUMN "payouts"."amount_krw"`,
		"contain it first (read-only or maintenance)")
	if inc.Playbook != "database-emergency" || len(n.changes()) != 0 {
		n.t.Errorf("%s leads, at Vercel: %v", inc.Playbook, n.changes())
	}
	for _, st := range inc.Steps {
		if st.ID == "back" && st.State == "awaiting" {
			n.t.Error("going back is offered")
		}
	}
}

// contains takes the right to write, and looks whether it holds.
func (n *nightC) contains(point string) {
	n.t.Helper()
	n.chooses("contain", "readonly")
	n.asked("contain_readonly")
	if n.writer.wrote.Load() == 0 || n.writer.refused.Load() != 0 {
		n.t.Fatalf("the application wrote %d rows and was refused %d times before anything was done", n.writer.wrote.Load(), n.writer.refused.Load())
	}
	n.cut("contain_readonly", point, func() { n.say("approve INC-1 contain_readonly") })
	inc := n.waitIncident("INC-1", "read-only, and saying so", func(inc *console.Incident) bool {
		return stepOf(inc, "contain_readonly").State == "done" && inc.ReadOnly != ""
	})
	n.wantTold(inc.ReadOnly, "the database of shop/production is read-only for shop_app since ", "`writes on` lets writes in again")
	if !n.eventually(storyLimit, func() bool { return n.writer.refused.Load() > 2 }) {
		n.t.Fatal("the application is not refused")
	}
	for _, sql := range []string{"insert into payouts (seller, amount) values (1, 1)", "update payouts set amount = 1 where id = 1", "delete from payouts where id = 1", "set session characteristics as transaction read write; insert into payouts (seller, amount) values (1, 1)"} {
		if postgrestest.Try(n.t, n.app, sql) == nil {
			n.t.Errorf("the application may: %s", sql)
		}
	}
	// The answer to one may have been lost when its session was ended.
	n.wrong = n.number(n.owner, "select count(*) from payouts") - n.rows
	if wrote := int(n.writer.wrote.Load()); n.wrong != wrote && n.wrong != wrote+1 {
		n.t.Errorf("%d wrong payouts, and the application was told of %d", n.wrong, wrote)
	}
}

// restores is what two people decide, with what it loses before their eyes.
func (n *nightC) restores(point string, at int64) {
	n.t.Helper()
	n.mustApprove("INC-1", "touched_mail")
	n.step("touched_mail", "done")
	n.chooses("ways", "restore")
	text := n.asked("restore")
	n.wantTold(text, "Restoring database shop at 127.0.0.1", "to "+time.UnixMilli(at).UTC().Format("2006-01-02 15:04:05 UTC")+" deletes everything written since, as counted at ",
		fmt.Sprintf("%d rows of public.payouts", n.wrong), "7 rows of public.payments", "1 rows of public._prisma_migrations", fmt.Sprintf("%d payouts of sellers", n.wrong))
	n.wantSeconds(text, at)
	n.refused(n.token, "approve INC-1 restore", "needs the name of the database typed back")
	n.refused(n.token, "approve INC-1 restore confirm=shop_staging", "needs the name of the database typed back")
	n.mustSay("approve INC-1 restore confirm=shop")
	n.refused(n.token, "approve INC-1 restore confirm=shop", "has approved already")
	if got := n.databases(); len(got) != 1 {
		n.t.Fatalf("one person restored: %v", got)
	}
	n.cut("restore", point, func() { n.sayAs(n.bob, "approve INC-1 restore confirm=shop") })
	inc := n.waitIncident("INC-1", "restored", func(inc *console.Incident) bool { return stepOf(inc, "restore").State == "done" })
	n.wantTold(told(&inc), "shop is restored; the database that was replaced is kept as shop_before_")
	got := n.databases()
	if len(got) != 2 || got[0] != "shop" || !strings.HasPrefix(got[1], "shop_before_") {
		n.t.Fatalf("databases: %v", got)
	}
	n.before = strings.Replace(n.owner, "/shop?", "/"+got[1]+"?", 1)
	if rows, old := n.number(n.owner, "select count(*) from payouts"), n.number(n.before, "select count(*) from payouts"); rows != n.rows || old != n.rows+n.wrong {
		n.t.Errorf("%d payouts, want %d; %d are kept, want %d", rows, n.rows, old, n.rows+n.wrong)
	}
	if got, want := n.number(n.owner, "select sum(amount_krw) from payouts"), 10000*n.rows+n.rows*(n.rows+1)/2; got != want {
		n.t.Errorf("payouts of %d won in all, want %d", got, want)
	}
	// It reads, and what was taken stays taken over the restore: the code that writes
	// wrong rows still serves.
	if err := postgrestest.Try(n.t, n.app, "select count(*) from payouts"); err != nil {
		n.t.Error(err)
	}
	if postgrestest.Try(n.t, n.app, "insert into payouts (seller, amount_krw) values (1, 1)") == nil {
		n.t.Error("the restored database takes writes while everybody is told that it does not")
	}
}

// comesBack proves the data and brings the code that fits it.
func (n *nightC) comesBack() {
	n.t.Helper()
	n.step("sound", "done")
	n.asked("back")
	n.mustSay("approve INC-1 back")
	n.step("back", "done")
	n.waitServing("dpl_good2")
	n.writer.old.Store(true)
}

// writesAgain gives back what was taken, from the restored database's own record.
func (n *nightC) writesAgain(point string) {
	n.t.Helper()
	text := n.asked("writes_on")
	n.wantTold(text, "Give shop_app in shop at 127.0.0.1", "the right to write back, exactly as it was recorded", "by INC-1")
	n.cut("writes_on", point, func() { n.say("approve INC-1 writes_on") })
	n.waitIncident("INC-1", "taking writes, and saying so", func(inc *console.Incident) bool {
		return stepOf(inc, "writes_on").State == "done" && inc.ReadOnly == ""
	})
	if !n.eventually(storyLimit, func() bool { return n.writer.right.Load() > 2 }) {
		n.t.Error("the application does not write again")
	}
	if now := postgrestest.Value(n.t, n.owner, appRights); now != n.rights {
		n.t.Errorf("rights before:\n%s\nafter:\n%s", n.rights, now)
	}
}

// ends tells those it touched, whose rows are gone, and writes down what happened.
func (n *nightC) ends() {
	n.t.Helper()
	n.wantTold(n.asked("affected_mail"), "mail 7 people")
	n.mustApprove("INC-1", "affected_mail")
	n.step("affected_mail", "done")
	n.step("resolved_status", "done")
	n.refused(n.token, "answer INC-1 report cause=cents", "still missing")
	n.mustSay(`answer INC-1 report cause="won have no cents" lost="payouts of the window" told="7 sellers" checked=all`)
	inc := n.waitIncident("INC-1", "over", func(inc *console.Incident) bool { return inc.State == "resolved" || inc.State == "closed" })
	n.wantTold(told(&inc), "cause: won have no cents", "told: 7 sellers")
	if len(n.databases()) != 2 {
		n.t.Errorf("databases at the end: %v", n.databases())
	}
}
