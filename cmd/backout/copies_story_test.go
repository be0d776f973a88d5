package main

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestCopies_areARestorePoint: the schedule copies and proves, and the verdict shows the
// restore point, also after a restart, without a second copy.
func TestCopies_areARestorePoint(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create database shop")
	db := strings.Replace(server, "/postgres?", "/shop?", 1)
	postgrestest.Run(t, db, "create table orders (id int primary key)", "insert into orders select generate_series(1, 10)")
	s := newShop(t, shopOptions{Kind: true, Database: db, Copies: t.TempDir()})
	s.waitServing("dpl_good2")
	point := func() *orchestrator.RestorePoint {
		t.Helper()
		var v orchestrator.Verdict
		if !s.eventually(storyLimit, func() bool {
			return s.get("/api/v1/verdict", map[string][]string{"project": {"shop"}}, &v) == nil && v.Restore != nil
		}) {
			t.Fatal("there is no restore point")
		}
		return v.Restore
	}
	first := point()
	if first.Rows != 10 || first.VerifiedAt < first.At || !strings.HasPrefix(first.Name, "shop-production-2") {
		t.Errorf("%+v", first)
	}
	_, found, _ := once(t, "", s.env, s.bin, "doctor", "--config", s.path("backout.yaml"), "--server", s.at("admin"), "--token", s.token)
	s.wantTold(found, "ok   database of shop/production: the newest restore point shows ", "may make and rename databases", "pg_dump and pg_restore are of PostgreSQL", "ok   copies/shop/production/copies: ok")
	s.backout.stop(t)
	s.restart("")
	if again := point(); *again != *first {
		t.Errorf("%+v after a restart, %+v before", again, first)
	}
	s.backout.stop(t)
}

// TestRestore_goesOnWithoutBackout: in live mode, with a policy that would do all alone, a
// person is asked and told what is lost; Backout is killed while the restore runs, and
// the next start finds it done, once.
func TestRestore_goesOnWithoutBackout(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create database shop")
	db := strings.Replace(server, "/postgres?", "/shop?", 1)
	postgrestest.Run(t, db, "create table orders (id int primary key)", "insert into orders select generate_series(1, 200000)")
	s := newShop(t, shopOptions{Kind: true, Database: db, Copies: t.TempDir(), Workflows: "testdata/restore", Mode: "live"})
	s.waitServing("dpl_good2")
	s.ship("dpl_bad", commitNew, true)
	s.waitServing("dpl_bad")
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": commitNew})
	s.fires("health")
	inc := s.waitIncident("INC-1", "asking about the restore", func(inc *console.Incident) bool {
		st := stepOf(inc, "restore")
		return st.State == "awaiting" && st.Preview != nil && !strings.HasPrefix(st.WaitingOn, "a preview")
	})
	s.wantTold(told(&inc), "Restoring database shop at 127.0.0.1", "deletes everything written since", "a person always decides about postgres.restore")
	postgrestest.Run(t, db, "delete from orders where id > 5")
	s.mustSay("approve INC-1 restore")
	s.waitIncident("INC-1", "restoring", func(inc *console.Incident) bool { return stepOf(inc, "restore").State == "accepted" })
	s.backout.kill9()
	s.restart("")
	inc = s.waitIncident("INC-1", "restored and sound", func(inc *console.Incident) bool { return stepOf(inc, "sound").State == "done" })
	s.wantTold(told(&inc), "shop is restored; the database that was replaced is kept as shop_before_")
	if got := postgrestest.Value(t, db, "select (select count(*) from orders) || ' ' || (select count(*) from pg_database where datname like 'shop%')"); got != "200000 2" {
		t.Errorf("rows and databases: %s", got)
	}
	s.backout.stop(t)
}
