package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// polls counts how often a provider was asked for what it could not deliver.
func (s *shop) polls(server, path string) (n int) {
	s.t.Helper()
	for _, c := range s.calls() {
		if c.Server == server && c.Path == path && (server != "stripe" || strings.Contains(c.Query, "delivery_success=false")) {
			n++
		}
	}
	return n
}

// morePolls waits until a provider was asked some more times.
func (s *shop) morePolls(server, path string, more int) {
	s.t.Helper()
	from := s.polls(server, path)
	if !s.eventually(storyLimit, func() bool { return s.polls(server, path) >= from+more }) {
		s.t.Fatalf("%s is not asked any more:\n%s", server, s.backout.said())
	}
}

// raisedWithinOnePoll fails unless an event was in the log before the second poll
// after a time began: the first may have been under way already.
func (s *shop) raisedWithinOnePoll(server, path, id string, since time.Time) {
	s.t.Helper()
	var lines []orchestrator.WhyLine
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/why", url.Values{"id": {id}, "origin": {"poll/" + server}}, &lines) == nil && len(lines) == 1
	}) {
		s.t.Fatalf("%s was not raised:\n%s", id, s.backout.said())
	}
	polls := 0
	for _, c := range s.calls() {
		if c.Server == server && c.Path == path && (server != "stripe" || strings.Contains(c.Query, "delivery_success=false")) && c.At.After(since) && c.At.UnixMilli() < lines[0].At {
			polls++
		}
	}
	if polls > 2 {
		s.t.Errorf("%s was raised after %d polls", id, polls)
	}
}

// logged counts the records of the log about an event; Backout must be down.
func (s *shop) logged(origin, id string) (n int) {
	s.t.Helper()
	code, out, said := once(s.t, "", s.env, s.bin, "log", "export", "--data", s.path("data"))
	if code != 0 {
		s.t.Fatalf("log export: %d %s", code, said)
	}
	for line := range strings.Lines(out) {
		var e struct{ Body json.RawMessage }
		if json.Unmarshal([]byte(line), &e) == nil {
			n += bytes.Count(e.Body, []byte(`"origin":"`+origin+`","id":"`+id+`"`))
		}
	}
	return n
}

// TestPayments_stripe: Stripe withholds its deliveries. What is missing is found
// within one poll and raised once, over a kill -9, and ends when it is delivered.
func TestPayments_stripe(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Payments: true, Kind: true})
	s.waitServing("dpl_good2")
	withhold := func(on bool) {
		s.order(s.urls.Stripe+"/_sandbox/setup", map[string]any{"withhold": on, "retry_ms": 100, "endpoints": []map[string]any{{"id": "we_shop", "url": s.at("public") + "/hooks/stripe", "secret": secrets()["E2E_HOOK_TOKEN"]}}})
	}
	if _, out, _ := once(t, "", s.env, s.bin, "doctor", "--config", s.path("backout.yaml")); !strings.Contains(out, "stripe: the key works") || !strings.Contains(out, "toss: the key works") {
		t.Errorf("the doctor says:\n%s", out)
	}
	withhold(true)
	for n := range 4 {
		s.order(s.urls.Stripe+"/_sandbox/event", map[string]any{"id": fmt.Sprintf("evt_%d", n), "type": "payment_intent.succeeded", "ago_ms": 5000, "object": map[string]string{"id": "pi_1"}})
	}
	const path = "/v1/events"
	s.raisedWithinOnePoll("stripe", path, "undelivered/evt_3", time.Now())
	inc := s.waitIncident("INC-1", "opened by the third", func(inc *console.Incident) bool { return inc.Firing == 2 })
	if inc.Playbook != "respond" || inc.OpenedBy != "poll/stripe" || inc.Component != "checkout" {
		t.Errorf("playbook %s, by %s, component %s", inc.Playbook, inc.OpenedBy, inc.Component)
	}
	s.morePolls("stripe", path, 3)
	s.backout.kill9()
	s.restart("")
	s.morePolls("stripe", path, 3)
	inc = s.incident("INC-1")
	if inc.Firing != 2 || len(inc.Signals) != 2 || inc.Signals[0].Count != 1 {
		t.Errorf("after a kill: %+v", inc.Signals)
	}
	s.order(s.urls.Stripe+"/_sandbox/setup", map[string]any{"endpoints": []map[string]any{{"id": "we_old", "url": "https://shop.test/hook", "status": "disabled"}}})
	s.waitIncident("INC-1", "told of the endpoint", func(inc *console.Incident) bool { return inc.Firing == 3 })
	withhold(false)
	s.waitIncident("INC-1", "without what was delivered after all", func(inc *console.Incident) bool { return inc.Firing == 1 })
	s.order(s.urls.Stripe+"/_sandbox/event", map[string]any{"id": "evt_declined", "type": "payment_intent.payment_failed", "object": map[string]any{"id": "pi_2"}})
	s.waitIncident("INC-1", "told of a declined card", func(inc *console.Incident) bool { return inc.Firing == 2 })
	s.backout.stop(t)
	for _, id := range []string{"undelivered/evt_0", "undelivered/evt_3", "endpoint/we_old/off/1"} {
		if n := s.logged("poll/stripe", id); n != 1 {
			t.Errorf("%s is %d times in the log", id, n)
		}
	}
}

// tossWebhook is what Toss would post about a payment.
func tossWebhook(key, status string) []byte {
	return fmt.Appendf(nil, `{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-11-23T18:00:00.5","data":{"paymentKey":%q,"status":%q}}`, key, status)
}

// tossPosts posts a webhook as Toss does, with its transmission and try.
func (s *shop) tossPosts(key, status, transmission string, try int) string {
	s.t.Helper()
	h := http.Header{"Tosspayments-Webhook-Transmission-Id": {transmission}, "Tosspayments-Webhook-Transmission-Retried-Count": {fmt.Sprint(try)}}
	code, said, err := s.hook("/hooks/toss/"+secrets()["E2E_HOOK_TOKEN"], tossWebhook(key, status), h)
	if err != nil || code != http.StatusOK {
		s.t.Fatalf("%d %s %v", code, said, err)
	}
	return said
}

// TestPayments_toss: a forged webhook starts nothing, missed ones are found within
// one poll and raised once, over a kill -9, and Toss's retries of one count as one.
func TestPayments_toss(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Payments: true, Kind: true})
	s.waitServing("dpl_good2")
	s.order(s.urls.Toss+"/_sandbox/setup", map[string]any{"webhook_url": s.at("public") + "/hooks/toss/" + secrets()["E2E_HOOK_TOKEN"], "retry_ms": 100})
	for n := range 4 {
		if said := s.tossPosts(fmt.Sprintf("pk_forged_%d", n), "ABORTED", fmt.Sprintf("tx_forged_%d", n), 0); said != `{"accepted":0,"quarantined":1}` {
			t.Errorf("forged: %s", said)
		}
	}
	const path = "/v1/transactions"
	s.order(s.urls.Toss+"/_sandbox/payment", map[string]any{"payment_key": "pk_fine"})
	s.morePolls("toss", path, 7) // until after the grace of five seconds
	if inc := s.incident("INC-1"); inc.ID != "" {
		t.Fatalf("a forged webhook, or one that arrived, opened an incident:\n%s", told(&inc))
	}
	for n := range 4 {
		s.order(s.urls.Toss+"/_sandbox/payment", map[string]any{"payment_key": fmt.Sprintf("pk_%d", n), "lost": true})
	}
	s.raisedWithinOnePoll("toss", path, "missed/pk_3/DONE", time.Now().Add(6*time.Second)) // the grace, and Toss takes whole seconds
	s.waitIncident("INC-1", "opened by the third", func(inc *console.Incident) bool { return inc.Firing == 2 && inc.OpenedBy == "poll/toss" })
	s.morePolls("toss", path, 3)
	s.backout.kill9()
	s.restart("")
	s.morePolls("toss", path, 3)
	s.order(s.urls.Toss+"/_sandbox/payment", map[string]any{"payment_key": "pk_aborted", "status": "ABORTED", "code": "REJECT_CARD_PAYMENT", "lost": true})
	for try := range 4 {
		s.tossPosts("pk_aborted", "ABORTED", "tx_1", try)
	}
	inc := s.waitIncident("INC-1", "told of the payment", func(inc *console.Incident) bool { return inc.Firing == 3 })
	for _, sig := range inc.Signals {
		if sig.Count != 1 {
			t.Errorf("%s counts %d", sig.Name, sig.Count)
		}
	}
	for n := range 4 {
		s.tossPosts(fmt.Sprintf("pk_%d", n), "DONE", fmt.Sprintf("tx_late_%d", n), 7)
	}
	s.waitIncident("INC-1", "without what arrived after all", func(inc *console.Incident) bool { return inc.Firing == 1 })
	// Toss cannot be asked: the webhook is kept, and it is unsigned.
	s.order(s.urls.Toss+"/_sandbox/fault", map[string]any{"kind": "500_before", "path": "/v1/payments", "count": -1})
	s.tossPosts("pk_unasked", "EXPIRED", "tx_2", 0)
	s.waitIncident("INC-1", "told of it", func(inc *console.Incident) bool {
		return inc.Firing == 2 && strings.Contains(told(inc), "unsigned: Toss refused")
	})
	s.backout.stop(t)
	if n := s.logged("poll/toss", "missed/pk_3/DONE"); n != 1 {
		t.Errorf("it is %d times in the log", n)
	}
}
