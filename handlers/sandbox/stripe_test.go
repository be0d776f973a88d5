package sandbox_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// stripeAt sets an endpoint up and answers the base address.
func stripeAt(h *harness, hook, status string, more obj) string {
	h.Helper()
	setup := obj{"endpoints": []obj{{"id": "we_1", "url": hook, "secret": "whsec_zq", "status": status, "enabled_events": []string{"payout.failed", "charge.failed"}}}, "retry_ms": 20}
	maps.Copy(setup, more)
	h.want(200, "POST", h.urls.Stripe+"/_sandbox/setup", setup)
	return h.urls.Stripe
}

func happens(h *harness, order obj) {
	h.Helper()
	h.want(200, "POST", h.urls.Stripe+"/_sandbox/event", order)
}

// undelivered are the ids that delivery_success=false lists.
func undelivered(h *harness) []string {
	h.Helper()
	var list struct{ Data []struct{ ID string } }
	h.want(200, "GET", h.urls.Stripe+"/v1/events?delivery_success=false&limit=100", nil).into(h.T, &list)
	ids := []string{}
	for _, e := range list.Data {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestStripe_deliveriesAreSignedRetriedAndDoubled(t *testing.T) {
	t.Parallel()
	h := start(t)
	hook, got := receiver(t, 2)
	stripeAt(h, hook, "", nil)
	happens(h, obj{"type": "payment_intent.created"}) // nobody wants it
	happens(h, obj{"type": "charge.failed", "count": 12})
	ids := map[string]int{}
	for len(ids) < 12 || !twice(ids) {
		d := next(t, got)
		ev, err := webhook.ConstructEventWithOptions(d.body, d.header.Get("Stripe-Signature"), "whsec_zq", webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true, IgnoreTolerance: true})
		if err != nil || ev.Type != "charge.failed" {
			t.Fatalf("%s: %v", d.body, err)
		}
		ids[ev.ID]++
	}
}

func TestStripe_withheldDeliveriesStayUndelivered(t *testing.T) {
	t.Parallel()
	h := start(t)
	hook, got := receiver(t, 0)
	base := stripeAt(h, hook, "", obj{"withhold": true})
	happens(h, obj{"type": "payout.failed", "id": "evt_a"})
	if ids := undelivered(h); len(ids) != 1 || ids[0] != "evt_a" {
		t.Fatalf("undelivered: %v", ids)
	}
	if n := h.want(200, "GET", base+"/v1/events/evt_a", nil).at(t, "pending_webhooks"); n != float64(1) {
		t.Errorf("pending_webhooks %v", n)
	}
	h.want(200, "POST", base+"/_sandbox/setup", obj{"withhold": false})
	next(t, got)
	for deadline := time.After(10 * time.Second); len(undelivered(h)) > 0; {
		select {
		case <-deadline:
			t.Fatal("it was delivered and is still in the list")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if n := h.want(200, "GET", base+"/v1/events/evt_a", nil).at(t, "pending_webhooks"); n != float64(0) {
		t.Errorf("pending_webhooks %v", n)
	}
}

func TestStripe_disabledEndpointGetsNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	hook, got := receiver(t, 0)
	base := stripeAt(h, hook, "disabled", nil)
	happens(h, obj{"type": "payout.failed"})
	if ids := undelivered(h); len(ids) != 0 || len(got) != 0 {
		t.Errorf("undelivered %v", ids)
	}
	var list struct {
		Data []struct{ ID, Status, Secret string }
	}
	h.want(200, "GET", base+"/v1/webhook_endpoints", nil).into(t, &list)
	if len(list.Data) != 1 || list.Data[0].Status != "disabled" || list.Data[0].Secret != "" {
		t.Errorf("%+v", list)
	}
}

func TestStripe_listPagesAndFilters(t *testing.T) {
	t.Parallel()
	h := start(t)
	base := stripeAt(h, "http://127.0.0.1:1", "", obj{"withhold": true})
	for i := range 12 {
		happens(h, obj{"type": "payout.failed", "id": "evt_" + string(rune('a'+i)), "ago_ms": (12 - i) * 60_000})
	}
	happens(h, obj{"type": "payout.paid", "id": "evt_old", "ago_ms": 31 * 24 * 3600 * 1000})
	var page struct {
		Data    []struct{ ID string }
		HasMore bool `json:"has_more"`
	}
	read := func(query string) (first string, n int, more bool) {
		t.Helper()
		page.Data = nil
		h.want(200, "GET", base+"/v1/events"+query, nil).into(t, &page)
		if len(page.Data) > 0 {
			first = page.Data[0].ID
		}
		return first, len(page.Data), page.HasMore
	}
	for _, c := range []struct {
		query, first string
		n            int
		more         bool
	}{
		{"", "evt_l", 10, true},
		{"?starting_after=evt_c", "evt_b", 2, false},
		{"?limit=100", "evt_l", 12, false},
		{"?limit=100&delivery_success=true", "", 0, false},
		{"?type=payout.paid", "", 0, false},
		{"?limit=100&created[lte]=1795488810", "evt_f", 6, false}, // 02:53:30
		{"?limit=100&created[gte]=1795488810", "evt_l", 6, false},
	} {
		if first, n, more := read(c.query); first != c.first || n != c.n || more != c.more {
			t.Errorf("%s: %s %d %v, want %s %d %v", c.query, first, n, more, c.first, c.n, c.more)
		}
	}
	h.want(400, "GET", base+"/v1/events?limit=101", nil)
	h.want(400, "GET", base+"/v1/events?starting_after=evt_nope", nil)
	h.want(404, "GET", base+"/v1/events/evt_old", nil)
}

func TestStripe_refusals(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Token = "rk_test_zq" })
	for auth, status := range map[string]int{"": 401, "Bearer sk_other": 401, "Bearer rk_test_zq": 200, "Basic cmtfdGVzdF96cTo=": 200} {
		if r, err := h.try("GET", h.urls.Stripe+"/v1/events", nil, auth); err != nil || r.status != status {
			t.Errorf("%q: %d %v", auth, r.status, err)
		}
	}
	h.want(200, "POST", h.urls.Stripe+"/_sandbox/fault", obj{"kind": "429", "retry_after": 3})
	if r, err := h.try("GET", h.urls.Stripe+"/v1/events", nil, "Bearer rk_test_zq"); err != nil || r.status != 429 || r.header.Get("Retry-After") != "3" || r.at(t, "error", "code") != "rate_limit" {
		t.Errorf("%d %s %v", r.status, r.body, err)
	}
	h.want(400, "POST", h.urls.Stripe+"/_sandbox/event", obj{"id": "evt_1"})
	h.want(400, "POST", h.urls.Stripe+"/_sandbox/setup", obj{"endpoints": []obj{{"id": "we_1"}}})
}
