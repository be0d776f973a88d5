package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

// The buyers of night (a): those who paid by Toss while it was broken, and those whom it
// did not touch.
const (
	touchedBuyers   = 23
	untouchedBuyers = 40
)

// buyers fills the shop's database and Toss: everybody has a payment of yesterday that
// went well, and the touched ones one of now that Toss has and the shop does not.
func (s *shop) buyers(db string) {
	s.t.Helper()
	postgrestest.Run(s.t, db,
		"create table users (id int primary key, email text, name text, lang text)",
		"create table payments (payment_key text primary key, order_id text, user_id int, status text, created_at timestamptz)",
		fmt.Sprintf("insert into users select n, 'buyer' || n || '@example.com', 'Buyer ' || n, 'ko' from generate_series(1, %d) n", touchedBuyers+untouchedBuyers),
		"insert into payments select 'old-' || id, 'o-' || id, id, 'DONE', now() - interval '1 day' from users",
	)
}

// paysByToss has the touched buyers pay: Toss takes the money, and its webhooks fail.
func (s *shop) paysByToss(db string) {
	s.t.Helper()
	postgrestest.Run(s.t, db, fmt.Sprintf("insert into payments select 'toss-' || n, 'order-' || n, n, 'PENDING', now() from generate_series(1, %d) n", touchedBuyers))
	for n := range touchedBuyers {
		s.order(s.urls.Toss+"/_sandbox/payment", map[string]any{"payment_key": fmt.Sprint("toss-", n+1), "lost": true})
	}
}

// TestNight_a_users is the rest of night (a): what users get of a fault of a few minutes.
// Nobody is mailed but those whom it touched, with a yes; and it ends with the list of
// payments that are paid at Toss and open with the shop.
func TestNight_a_users(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t)
	s := newShop(t, shopOptions{Kind: true, Database: db, Payments: true, Buyers: true, MailAfter: "15m"})
	s.buyers(db)
	s.morePolls("toss", "/v1/transactions", 1) // of before it watches nothing is missed
	s.badDeployment()
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	s.waitServing("dpl_bad")
	s.paysByToss(db)
	s.fires("toss")
	s.waitsForYesToGoBack()
	s.mustSay("approve INC-1 back")
	s.waitBack()
	s.ends("toss")
	s.waitCured()

	inc := s.step("owed", "done")
	s.wantTold(told(&inc), "23 of 23 payments that are open with us are paid at Toss")
	s.waitIncident("INC-1", "saying what is open", func(inc *console.Incident) bool {
		return strings.Contains(inc.Pinned, "23 payments paid at Toss but unpaid with us")
	})
	inc = s.waitIncident("INC-1", "asking about the mail to the touched", func(inc *console.Incident) bool {
		st := stepOf(inc, "affected_mail")
		return st.State == "awaiting" && st.Preview != nil
	})
	s.wantTold(stepOf(&inc, "affected_mail").Preview.Text, "mail 23 people (ko 23) in audience touched")
	s.mustSay("approve INC-1 affected_mail")
	s.step("affected_mail", "done")

	// The poll finds after its grace what failed before the rollback: no new trouble.
	inc = s.waitIncident("INC-1", "told of webhooks that did not arrive", func(inc *console.Incident) bool {
		return strings.Contains(told(inc), "before the trouble ended at")
	})
	if inc.State != "monitoring" || inc.Firing != 0 {
		t.Errorf("what failed before the rollback counts as trouble after it: %s, %d firing", inc.State, inc.Firing)
	}

	// Toss repeats what failed: all but two arrive at last.
	postgrestest.Run(t, db, "update payments set status = 'DONE' where status = 'PENDING' and payment_key not in ('toss-7', 'toss-19')")
	s.fixForward("INC-1")
	inc = s.step("still_owed", "done")
	s.wantTold(told(&inc), "2 of 2 payments that are open with us are paid at Toss")
	inc = s.waitIncident("INC-1", "over", func(inc *console.Incident) bool { return inc.State == "resolved" || inc.State == "closed" })
	if st := stepOf(&inc, "mail"); st.State != "skipped" && st.State != "cancelled" && st.State != "" {
		t.Errorf("the mail to everybody is %s after a fault of some seconds", st.State)
	}
	var one console.Evidence
	if list := s.asks(&one, "incident", "evidence", "INC-1", "toss-reconcile-still_owed.json"); strings.Count(list, "payment_key") != 2 || !strings.Contains(list, "toss-7") {
		t.Errorf("the list at the end:\n%s", list)
	}
	s.wantMailed(touchedBuyers)
	s.backout.stop(t)
}

// wantMailed wants the first n buyers mailed once, and no other user.
func (s *shop) wantMailed(n int) {
	s.t.Helper()
	mails := s.mails()
	for i := range n {
		found := 0
		for mail, times := range mails {
			if strings.HasSuffix(mail, fmt.Sprintf(" buyer%d@example.com", i+1)) {
				found += times
			}
		}
		if found != 1 {
			s.t.Errorf("buyer%d was mailed %d times", i+1, found)
		}
	}
	for mail := range mails {
		if strings.HasSuffix(mail, "@example.com") && !strings.Contains(mail, " buyer") && !strings.Contains(mail, " ann@") && !strings.Contains(mail, " bob@") {
			s.t.Errorf("a user whom it did not touch was mailed: %s", mail)
		}
	}
	s.t.Logf("%d mails", len(mails))
}
