package main

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

// TestWrites_stoppedByWordAndLetInAgain: payouts are wrong and nothing alerts. The writes
// are stopped through a real PostgreSQL; Backout is killed; after the restart everybody is
// still told, and the incident does not end in silence.
func TestWrites_stoppedByWordAndLetInAgain(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create role owner login superuser", "create role app login", "create database shop owner owner")
	db := strings.Replace(strings.Replace(server, "/postgres?", "/shop?", 1), "backout@", "owner@", 1)
	postgrestest.Run(t, db, "create table payouts (id int primary key, amount int)", "grant select, insert, update on payouts to app")
	app := strings.Replace(db, "owner@", "app@", 1)
	write := func() error {
		return postgrestest.Try(t, app, "insert into payouts values (1, 5) on conflict do nothing")
	}
	s := newShop(t, shopOptions{Kind: true, Database: db, AppRole: "app"})
	s.waitServing("dpl_good2")
	if err := write(); err != nil {
		t.Fatal(err)
	}
	s.mustSay(`open shop "payouts are 100 times too small"`)
	s.mustSay(`writes off INC-1 --reason payouts`)
	inc := s.waitIncident("INC-1", "asking", func(inc *console.Incident) bool { return stepOf(inc, "writes_off").Preview != nil })
	s.wantTold(stepOf(&inc, "writes_off").Preview.Text, "Take the right to write from app in shop at 127.0.0.1")
	s.mustApprove("INC-1", "writes_off")
	const told = "the database of shop/production is read-only for app since "
	inc = s.waitIncident("INC-1", "read-only", func(inc *console.Incident) bool { return strings.HasPrefix(inc.ReadOnly, told) })
	if stepOf(&inc, "writes_off").State != "done" || write() == nil {
		t.Errorf("%+v", stepOf(&inc, "writes_off"))
	}
	s.backout.kill9()
	s.restart("")
	s.wantTold(s.asks(&inc, "incident", "show", "INC-1"), "Read-only: "+told, "`writes on` lets writes in again")
	var v verdictShown
	s.wantTold(s.asks(&v, "verdict", "shop"), "Writes    "+told)
	s.mustSay("writes on INC-1")
	s.waitIncident("INC-1", "asking to give back", func(inc *console.Incident) bool { return stepOf(inc, "writes_on").Preview != nil })
	s.mustApprove("INC-1", "writes_on")
	s.waitIncident("INC-1", "writes again", func(inc *console.Incident) bool { return inc.ReadOnly == "" })
	if err := write(); err != nil {
		t.Error(err)
	}
	s.backout.stop(t)
}
