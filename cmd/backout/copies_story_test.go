package main

import (
	"strings"
	"testing"

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
