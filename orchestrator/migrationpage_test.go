package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestMigration_noWayBack: a migration that destroys, applied without a new verified
// copy, wakes people once; what was there before Backout looked wakes nobody.
func TestMigration_noWayBack(t *testing.T) {
	const says = "this cannot be taken back: on shop/production 3_toss is destructive (DROP COLUMN \"payouts\".\"amount_krw\") and was applied at "
	for name, order := range map[string]func(b *book){
		"the class first":  func(b *book) { b.classed("3_toss", dropped()); b.inDatabase("1_init", "3_toss") },
		"the class after":  func(b *book) { b.inDatabase("1_init", "3_toss"); b.classed("3_toss", dropped()) },
		"with an incident": func(b *book) { b.alert("5xx"); b.classed("3_toss", dropped()); b.inDatabase("1_init", "3_toss") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
			b.after(30 * aDay)
			b.classed("1_init", dropped())
			b.inDatabase("1_init")
			if b.incident() != nil {
				t.Fatalf("told of what was there before:\n%s", b.timeline(1))
			}
			order(b)
			if got := b.timeline(1); !strings.Contains(got, says) || !strings.Contains(got, "without any verified restore point") {
				t.Fatalf("nobody was told:\n%s", got)
			}
			pages := b.pages(1)
			b.after(minute)
			b.inDatabase("1_init", "3_toss")
			if got := b.pages(1); pages == 0 || got != pages {
				t.Errorf("%d pages, then %d", pages, got)
			}
			b.after(minute)
			b.classed("4_more", dropped())
			b.inDatabase("1_init", "3_toss", "4_more")
			if got := b.pages(1); got != pages+1 {
				t.Errorf("the next migration: %d pages after %d\n%s", got, pages, b.timeline(1))
			}
			b.wantSameEverywhere()
		})
	}
}

// TestMigration_appliedWhileUnread: what was applied while the database could not be read
// is seen by the next reading, and an error that goes on costs no entry.
func TestMigration_appliedWhileUnread(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	b.classed("3_toss", dropped())
	b.inDatabase("1_init")
	unread := orchestrator.Record{Schema: &orchestrator.SchemaRead{Project: "shop", Environment: "production", Error: "connecting: refused", At: b.now}}
	if !b.fold.Worth(b.state, &unread, b.now) {
		t.Fatal("an error is news")
	}
	b.act(unread)
	if b.fold.Worth(b.state, &unread, b.now) {
		t.Error("the same error is no news")
	}
	if k := b.state.MigrationsKnown("shop", "production"); len(k) != 2 || k[0].State != "unread" {
		t.Errorf("%+v", k)
	}
	b.after(minute)
	b.inDatabase("1_init", "3_toss")
	if got := b.timeline(1); b.pages(1) != 1 || !strings.Contains(got, "this cannot be taken back") {
		t.Errorf("%d pages:\n%s", b.pages(1), got)
	}
}

func TestMigration_additiveWakesNobody(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	b.inDatabase("1_init")
	b.classed("3_toss", newColumn(), newValue())
	b.inDatabase("1_init", "3_toss")
	if b.incident() != nil {
		t.Errorf("told:\n%s", b.timeline(1))
	}
}
