package gateway

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

const stripeAt = 1795424400 // 2026-11-23T09:00:00Z

// stripeEvent is an event of Stripe about an object, as its API of v1 renders it,
// with a customer in it.
func stripeEvent(kind string, object map[string]any) string {
	o := map[string]any{
		"id": "pi_1", "object": "payment_intent", "amount": 37400, "currency": "krw", "receipt_email": "kim@example.com", "description": "Kim's order", "status": "requires_payment_method",
		"billing_details": map[string]any{"name": "Kim", "email": "kim@example.com", "phone": "+82 10"},
	}
	change(o, object)
	b, err := json.Marshal(map[string]any{
		"id": "evt_1", "object": "event", "api_version": "2025-01-27.acacia", "created": stripeAt, "livemode": true, "pending_webhooks": 1,
		"request": map[string]any{"id": "req_1"}, "type": kind, "data": map[string]any{"object": o},
	})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestStripeGolden(t *testing.T) {
	t.Parallel()
	declined := orchestrator.Event{
		Origin: "http/stripe", ID: "evt_1", Type: orchestrator.AlertFiring, Source: "stripe", Time: stripeAt * 1000, StartsAt: stripeAt * 1000, Provider: "stripe",
		Fingerprint: "payment_intent.payment_failed", Name: "Stripe: payment_intent.payment_failed", Severity: "warning", Summary: "insufficient_funds", EventIDs: []string{"pi_1"},
		Labels: map[string]string{"type": "payment_intent.payment_failed", "mode": "live", "code": "insufficient_funds", "status": "requires_payment_method"},
	}
	as := func(kind, severity, payment, code, status string) orchestrator.Event {
		ev := declined
		ev.Fingerprint, ev.Name, ev.Severity, ev.Summary, ev.EventIDs = kind, "Stripe: "+kind, severity, code, []string{payment}
		ev.Labels = map[string]string{"type": kind, "mode": "live", "code": code, "status": status}
		return ev
	}
	for _, c := range []struct {
		kind   string
		object map[string]any
		want   orchestrator.Event
	}{
		{"payment_intent.payment_failed", map[string]any{"last_payment_error": map[string]any{"code": "card_declined", "decline_code": "insufficient_funds", "message": "Kim's card was declined"}}, declined},
		{"charge.failed", map[string]any{"id": "ch_1", "payment_intent": "pi_2", "failure_code": "card_declined", "status": "failed"}, as("charge.failed", "warning", "pi_2", "card_declined", "failed")},
		{"charge.dispute.created", map[string]any{"id": "dp_1", "charge": map[string]any{"id": "ch_1"}, "reason": "fraudulent", "status": "needs_response"}, as("charge.dispute.created", "error", "ch_1", "fraudulent", "needs_response")},
		{"charge.dispute.closed", map[string]any{"id": "dp_1", "charge": "ch_1", "reason": "fraudulent", "status": "won"}, as("charge.dispute.closed", "info", "ch_1", "fraudulent", "won")},
		{"payout.failed", map[string]any{"id": "po_1", "failure_code": "account_closed", "status": "failed"}, as("payout.failed", "error", "po_1", "account_closed", "failed")},
		{"radar.early_fraud_warning.created", map[string]any{"id": "issfr_1", "charge": "ch_1", "fraud_type": "made_with_stolen_card", "status": nil}, as("radar.early_fraud_warning.created", "error", "ch_1", "made_with_stolen_card", "")},
	} {
		if c.want.Labels["status"] == "" {
			delete(c.want.Labels, "status")
		}
		got, err := DecodeStripe(Delivery{Origin: "http/stripe", Body: []byte(stripeEvent(c.kind, c.object))})
		if err != nil || len(got.Items) != 1 || !reflect.DeepEqual(got.Items[0].Record.Event, &c.want) || got.Items[0].Keep != nil {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.kind, err, got.Items, &c.want)
		}
	}
	for _, body := range []string{
		stripeEvent("payment_intent.succeeded", nil), stripeEvent("charge.refunded", nil), stripeEvent("customer.created", nil),
		`{"id":"evt_2","object":"v2.core.event","type":"payout.failed","created":"2026-11-23T09:00:00Z"}`,
	} {
		if got, err := DecodeStripe(Delivery{Body: []byte(body)}); err != nil || len(got.Items) != 0 || got.Ignored != 1 {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
}

func stripeHeaderOf(at time.Time, body string, secrets ...string) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	header := "t=" + stamp
	for _, s := range secrets {
		header += ",v1=" + hex.EncodeToString(hmacSHA256(s, stamp+"."+body))
	}
	return header + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
}

func TestStripeProvesWhoItIs(t *testing.T) {
	t.Parallel()
	now := time.Unix(stripeAt+60, 0)
	body := stripeEvent("payout.failed", nil)
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"right":                    {stripeHeaderOf(now, body, "whsec_new"), 200},
		"the old secret":           {stripeHeaderOf(now, body, "whsec_old"), 200},
		"one of several":           {stripeHeaderOf(now, body, "whsec_gone", "whsec_new"), 200},
		"just young enough":        {stripeHeaderOf(now.Add(-299*time.Second), body, "whsec_new"), 200},
		"stale":                    {stripeHeaderOf(now.Add(-301*time.Second), body, "whsec_new"), 401},
		"a little ahead":           {stripeHeaderOf(now.Add(299*time.Second), body, "whsec_new"), 200},
		"of the future":            {stripeHeaderOf(now.Add(time.Hour), body, "whsec_new"), 401},
		"wrong secret":             {stripeHeaderOf(now, body, "whsec_wrong"), 401},
		"another body":             {stripeHeaderOf(now, body+" ", "whsec_new"), 401},
		"another time":             {strings.Replace(stripeHeaderOf(now, body, "whsec_new"), "t=17", "t=16", 1), 401},
		"no time":                  {strings.TrimPrefix(stripeHeaderOf(now, body, "whsec_new"), "t="), 401},
		"the test scheme only":     {strings.ReplaceAll(stripeHeaderOf(now, body, "whsec_new"), "v1=", "v0="), 401},
		"no hexadecimal":           {"t=" + strconv.FormatInt(now.Unix(), 10) + ",v1=xyz", 401},
		"empty":                    {"t=" + strconv.FormatInt(now.Unix(), 10) + ",v1=", 401},
		"missing":                  {"", 401},
		"a time no number can say": {"t=99999999999999999999,v1=00", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, func(o *Options) {
				o.Sources, o.Now = []Source{{Name: "stripe", Auth: AuthHMAC, Secrets: []string{"whsec_old", "whsec_new"}, Project: "shop"}}, func() time.Time { return now }
			})
			var headers []string
			if c.header != "" {
				headers = []string{"Stripe-Signature", c.header}
			}
			status, answer, _ := d.post(t, "/hooks/stripe", body, headers...)
			rs := d.wants(t, status, answer, c.status, "")
			if (c.status == 200) != (len(rs) == 1) || strings.Contains(answer, "whsec_new") {
				t.Fatalf("answered %s with %d records", answer, len(rs))
			}
			if c.status != 200 {
				return
			}
			if rs[0].Event.Unsigned || rs[0].Event.Project != "shop" {
				t.Errorf("%+v", rs[0].Event)
			}
			// The same delivery again has the same id, by which the fold knows it.
			status, answer, _ = d.post(t, "/hooks/stripe", body, headers...)
			if again := d.wants(t, status, answer, 200, ""); again[len(again)-1].Event.ID != "evt_1" {
				t.Errorf("replayed: %+v", again)
			}
		})
	}
}

// What a customer said or is called is in no record and no blob, whatever is wrong.
func TestPaymentsKeepNothingOfTheCustomer(t *testing.T) {
	t.Parallel()
	now := time.Unix(stripeAt, 0)
	d := newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "stripe", Auth: AuthHMAC, Secrets: []string{"s"}}, {Name: "toss", Auth: AuthPathSecret, Secrets: []string{"s1"}}}
		o.Now = func() time.Time { return now }
	})
	for _, body := range []string{
		stripeEvent("payout.failed", nil), stripeEvent("charge.failed", map[string]any{"failure_code": "Kim says kim@example.com", "id": strings.Repeat("kim", 200)}),
		strings.Replace(stripeEvent("payout.failed", nil), `"created":`, `"created":"Kim","x":`, 1), strings.Replace(stripeEvent("payout.failed", nil), `"evt_1"`, `""`, 1),
		stripeEvent("payout.failed", nil)[1:], strings.Replace(stripeEvent("payout.failed", nil), `"type":`, `"tipe":`, 1),
	} {
		d.post(t, "/hooks/stripe", body, "Stripe-Signature", stripeHeaderOf(now, body, "s"))
	}
	for _, body := range []string{
		tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), tossWebhook("", nil), tossWebhook(tossPayment, nil)[1:],
		strings.Replace(tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), `"createdAt":"`, `"createdAt":"Kim`, 1),
	} {
		d.post(t, "/hooks/toss/s1", body)
	}
	kept, err := json.Marshal(struct {
		Records []orchestrator.Record
		Blobs   map[string][]byte
	}{d.records, d.blobs})
	if err != nil || strings.Contains(string(kept), "Kim") || strings.Contains(string(kept), "kim@") || len(d.records) != 10 || len(d.blobs) != 0 {
		t.Errorf("%d records: %s %v", len(d.records), kept, err)
	}
}
