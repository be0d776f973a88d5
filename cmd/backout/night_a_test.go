package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// Commits as the provider tells them, in full: what is behind them is read by commit.
const (
	commitOld = "000000000000000000000000000000000c0ffee2"
	commitNew = "9f3c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f"
)

// prismaTable is what `prisma migrate` makes, with one migration in it.
func prismaTable() []string {
	return []string{
		`create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz, migration_name varchar(255) not null,
			logs text, rolled_back_at timestamptz, started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`,
		`insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at) values ('1', '', '20261101_init', now() - interval '9 days', now() - interval '9 days')`,
	}
}

func applied(name string) string {
	return `insert into _prisma_migrations (id, checksum, migration_name, finished_at) values ('` + name + `', '', '` + name + `', now())`
}

// tossWorld is a repository whose newest commit has the migration of night (a).
func tossWorld() map[string]any {
	return map[string]any{
		"trees": map[string][]string{
			strings.Replace(commitOld, "ee2", "ee1", 1): {"20261101_init"}, commitOld: {"20261101_init"}, commitNew: {"20261101_init", "20261120_toss"},
		},
		"scripts": map[string]string{"20261120_toss": strings.Join(tossScript(), "\n") + "\n"},
	}
}

// tossScript is the migration of night (a), statement by statement: a column, and a value
// that the client from before it cannot read.
func tossScript() []string {
	return []string{`ALTER TABLE "Order" ADD COLUMN "receipt_url" TEXT;`, `ALTER TYPE "PaymentMethod" ADD VALUE 'TOSS_PAY';`}
}

// tossApplied is what `prisma migrate deploy` leaves of it.
func tossApplied() []string {
	sum := sha256.Sum256([]byte(strings.Join(tossScript(), "\n") + "\n"))
	return append(tossScript(), `insert into _prisma_migrations (id, checksum, migration_name, finished_at) values ('2', '`+hex.EncodeToString(sum[:])+`', '20261120_toss', now())`)
}

// orders is the shop's table from before, and nineteen orders in it.
func orders() []string {
	return []string{
		`CREATE TYPE "PaymentMethod" AS ENUM ('CARD')`, `CREATE TABLE "Order" ("id" SERIAL PRIMARY KEY, "method" "PaymentMethod" NOT NULL)`,
		`INSERT INTO "Order" ("method") SELECT 'CARD' FROM generate_series(1, 19)`,
	}
}

// behind ships code whose migration is not applied yet.
func (s *shop) behind(bad bool) {
	s.t.Helper()
	s.waitServing("dpl_good2")
	s.ship("dpl_new", commitNew, bad)
	s.waitSettled()
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_new", "commit": commitNew})
	s.waitServing("dpl_new")
	s.waitVerdict("the code is ahead of the database: 20261120_toss not applied yet")
}

func (s *shop) waitVerdict(says string) {
	s.t.Helper()
	var v verdictShown
	if !s.eventually(storyLimit, func() bool {
		v = verdictShown{}
		return s.get("/api/v1/verdict", url.Values{"project": {"shop"}}, &v) == nil && strings.Contains(strings.Join(v.Reasons, "; "), says)
	}) {
		s.t.Fatalf("the verdict never says %q: %+v\n%s", says, v.Verdict, s.backout.said())
	}
}

// TestNight_a is the deployment that is ahead of its migration, and breaks Toss a little
// later. Policy may roll back alone. For the missing column nothing is rolled back, and
// the migration ends it; for Toss it goes back, by one word, and nobody is mailed without
// a yes.
func TestNight_a(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t)
	postgrestest.Run(t, db, append(prismaTable(), orders()...)...)
	s := newShop(t, shopOptions{Kind: true, Veto: "20s", Repository: "aim/shop", World: tossWorld(), Database: db})
	s.behind(true)

	missing := alert("p2022", "critical")
	missing["name"], missing["release"] = "P2022", commitNew
	s.publish("alert", "backout.alert.firing", missing)
	s.says("INC-1", "I am not rolling back by myself: the code is ahead of the database: 20261120_toss not applied yet")
	s.stays(2 * time.Second)
	postgrestest.Run(t, db, tossApplied()...)
	s.ends("p2022")
	s.waitIncident("INC-1", "quiet, and told of the migration", func(inc *console.Incident) bool { return inc.Firing == 0 })
	s.stays(time.Second)
	if got := s.changes(); len(got) != 0 {
		t.Fatalf("it was rolled back for a missing column: %v\n%s", got, s.toldAll())
	}

	postgrestest.Run(t, db, `INSERT INTO "Order" ("method") SELECT 'TOSS_PAY' FROM generate_series(1, 9)`)
	s.tellsOfTheRows()
	for _, id := range []string{"t1", "t2", "t3"} {
		s.publisher(nil, webhookFailed("w-"+id, id))
	}
	toss := alert("toss", "critical")
	toss["name"], toss["release"] = "reading 'url' of undefined", commitNew
	s.publish("alert", "backout.alert.firing", toss)
	s.goesBackByOneWord()
	s.says("INC-1", "going back, the database has this to say now: ADD VALUE 'TOSS_PAY': 9 rows use it, the old code cannot read them; ADD COLUMN (fine)")
	s.step("proven", "done")
	s.ends("toss")
	s.publish("webhook", "backout.webhook.recovered", map[string]any{
		"environment": "production", "component": "checkout", "provider": "stripe", "endpoint": "/api/webhooks/stripe", "event_ids": []string{"t1", "t2", "t3"},
	})
	if got := s.changes(); len(got) != 1 || got[0] != rolledBack {
		t.Errorf("at Vercel: %v\n%s", got, s.toldAll())
	}
	if mails := s.noticesSent(); mails != 0 {
		t.Errorf("%d users were mailed without a yes", mails)
	}
	s.says("INC-1", "Not over yet: pushes to main will build but NOT go live until this hold is lifted")
	s.backout.stop(t)
}

// tellsOfTheRows waits until the verdict knows what the migration did, and reads the two
// screens that say so.
func (s *shop) tellsOfTheRows() {
	s.t.Helper()
	s.waitVerdict("ADD VALUE 'TOSS_PAY': 9 rows use it, the old code cannot read them")
	var v verdictShown
	s.wantTold(s.asks(&v, "verdict", "shop"),
		"Schema    1 migration since, applied ", ": ADD COLUMN (fine), ADD VALUE 'TOSS_PAY' (9 rows use it: old code cannot read them)", "Answer    ASK: ")
	if v.Answer != "ask" || len(v.Weighed) != 1 || v.Weighed[0].Class != "data" || v.Weighed[0].Effects[1].Counts[0].N != 9 || v.Weighed[0].AppliedAt == 0 {
		s.t.Errorf("the verdict: %s, %+v", v.Answer, v.Weighed)
	}
	var known []orchestrator.MigrationKnown
	s.wantTold(s.asks(&known, "migrations", "classify", "shop"),
		"20261101_init: class not known, applied ", "20261120_toss: data, applied ", ", between what serves and what could be gone back to",
		"line 2 data: ADD VALUE 'TOSS_PAY'; old code reads: by-rows, writes: yes", "9 rows use it, counted ", "SELECT coalesce(sum(")
	postgrestest.Run(s.t, s.o.Database, `DELETE FROM "Order" WHERE "method" = 'TOSS_PAY' AND "id" % 9 <> 0`)
	s.waitVerdict("ADD VALUE 'TOSS_PAY': 1 row uses it, the old code cannot read it")
	postgrestest.Run(s.t, s.o.Database, `INSERT INTO "Order" ("method") SELECT 'TOSS_PAY' FROM generate_series(1, 8)`)
	s.waitVerdict("ADD VALUE 'TOSS_PAY': 9 rows use it")
}

// goesBackByOneWord says `now` to whatever asks about the rollback.
func (s *shop) goesBackByOneWord() {
	s.t.Helper()
	s.waitIncident("INC-1", "going back", func(inc *console.Incident) bool {
		switch st := stepOf(inc, "back"); st.State {
		case "awaiting":
			if _, ok := s.say("now INC-1 back"); !ok {
				s.say("approve INC-1 back")
			}
		case "running", "accepted", "done":
			return true
		}
		return false
	})
}

// noticesSent counts the mails to users; those to people on call are pages.
func (s *shop) noticesSent() int {
	s.t.Helper()
	n := 0
	for _, c := range s.effects("sendgrid", "/mail/send") {
		if strings.Contains(c.Body, "minji@example.com") || strings.Contains(c.Body, "joon@example.com") || strings.Contains(c.Body, "alex@example.com") {
			n++
		}
	}
	return n
}

// TestNight_migrationRuns: while a migration holds its lock nothing that serves is
// changed, also with a yes; afterwards it is.
func TestNight_migrationRuns(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t)
	postgrestest.Run(t, db, prismaTable()...)
	s := newShop(t, shopOptions{Kind: true, Repository: "aim/shop", World: tossWorld(), Database: db})
	s.behind(true)
	unlock := postgrestest.LockMigrations(t, db)
	s.publish("alert", "backout.alert.firing", alert("p2022", "critical"))
	s.waitsForYesToGoBack()
	s.mustSay("approve INC-1 back")
	s.says("INC-1", "a migration is running since")
	s.stays(2 * time.Second)
	unlock()
	postgrestest.Run(t, db, applied("20261120_toss"))
	s.approveAgain()
	s.step("proven", "done")
	if got := s.changes(); len(got) != 1 || got[0] != rolledBack {
		t.Errorf("at Vercel: %v\n%s", got, s.toldAll())
	}
	s.backout.stop(t)
}
