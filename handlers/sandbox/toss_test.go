package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// basicKey is test_sk_zq with a colon behind it, as Toss wants it.
const basicKey = "Basic dGVzdF9za196cTo="

func tossSetup(h *harness, setup obj) {
	h.Helper()
	setup["retry_ms"] = 5
	h.want(200, "POST", h.urls.Toss+"/_sandbox/setup", setup)
}

func (h *harness) toss(status int, path string) reply {
	h.Helper()
	r, err := h.try("GET", h.urls.Toss+path, nil, basicKey)
	if err != nil || r.status != status {
		h.Fatalf("GET %s: status %d %v, want %d; body %s", path, r.status, err, status, r.body)
	}
	return r
}

func TestToss_paymentsAreNotSignedAndRetriedUnderOneID(t *testing.T) {
	t.Parallel()
	h := start(t)
	hook, got := receiver(t, 2)
	tossSetup(h, obj{"webhook_url": hook})
	h.want(200, "POST", h.urls.Toss+"/_sandbox/payment", obj{"payment_key": "pk_1"})
	d := next(t, got)
	if d.header.Get("Tosspayments-Webhook-Transmission-Retried-Count") != "2" || d.header.Get("Tosspayments-Webhook-Transmission-Id") == "" || d.header.Get("Tosspayments-Webhook-Signature") != "" {
		t.Errorf("headers %v", d.header)
	}
	body := reply{body: d.body}
	if at, _ := body.at(t, "createdAt").(string); body.at(t, "data", "paymentKey") != "pk_1" || !strings.HasPrefix(at, "2026-11-24T12:00:00") || strings.ContainsAny(at, "Z+") {
		t.Errorf("body %s", d.body)
	}
}

func TestToss_payoutsAreSigned(t *testing.T) {
	t.Parallel()
	h := start(t)
	hook, got := receiver(t, 0)
	tossSetup(h, obj{"webhook_url": hook, "signing_key": "seckey_zq"})
	h.want(200, "POST", h.urls.Toss+"/_sandbox/event", obj{"type": "payout.changed", "entity": obj{"id": "po_1", "status": "FAILED"}})
	d := next(t, got)
	mac := hmac.New(sha256.New, []byte("seckey_zq"))
	mac.Write([]byte(string(d.body) + ":" + d.header.Get("Tosspayments-Webhook-Transmission-Time")))
	values := strings.Split(strings.TrimPrefix(d.header.Get("Tosspayments-Webhook-Signature"), "v1:"), ",")
	if len(values) != 2 || values[1] != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signature %v", values)
	}
	h.want(400, "POST", h.urls.Toss+"/_sandbox/event", obj{"type": "PAYMENT_STATUS_CHANGED"})
}

func TestToss_withholdsAndLosesDeliveries(t *testing.T) {
	t.Parallel()
	h := start(t)
	hook, got := receiver(t, 0)
	tossSetup(h, obj{"webhook_url": hook, "withhold": true})
	h.want(200, "POST", h.urls.Toss+"/_sandbox/payment", obj{"payment_key": "pk_held"})
	h.want(200, "POST", h.urls.Toss+"/_sandbox/payment", obj{"payment_key": "pk_lost", "lost": true})
	tossSetup(h, obj{"withhold": false})
	if key := (reply{body: next(t, got).body}).at(t, "data", "paymentKey"); key != "pk_held" {
		t.Errorf("delivered %v", key)
	}
	if len(got) != 0 {
		t.Error("what was lost was delivered")
	}
}

func TestToss_paymentsAndTransactions(t *testing.T) {
	t.Parallel()
	h := start(t)
	for i, key := range []string{"pk_1", "pk_2", "pk_3"} {
		h.want(200, "POST", h.urls.Toss+"/_sandbox/payment", obj{"payment_key": key, "ago_ms": (3 - i) * 60_000})
	}
	h.want(200, "POST", h.urls.Toss+"/_sandbox/payment", obj{"payment_key": "pk_4", "status": "ABORTED", "code": "REJECT_CARD_PAYMENT"})
	h.want(200, "POST", h.urls.Toss+"/_sandbox/payment", obj{"payment_key": "pk_1", "status": "CANCELED"})
	h.want(400, "POST", h.urls.Toss+"/_sandbox/payment", obj{"status": "PAID"})
	if r := h.toss(200, "/v1/payments/pk_4"); r.at(t, "status") != "ABORTED" || r.at(t, "failure", "code") != "REJECT_CARD_PAYMENT" {
		t.Errorf("%s", r.body)
	}
	order, _ := h.toss(200, "/v1/payments/pk_2").at(t, "orderId").(string)
	if r := h.toss(200, "/v1/payments/orders/"+order); r.at(t, "paymentKey") != "pk_2" {
		t.Errorf("%s", r.body)
	}
	if r := h.toss(404, "/v1/payments/pk_nope"); r.at(t, "code") != "NOT_FOUND_PAYMENT" {
		t.Errorf("%s", r.body)
	}
	const day = "/v1/transactions?startDate=2026-11-24T00:00:00&endDate=2026-11-24T23:59:59"
	var rows []struct{ TransactionKey, PaymentKey, Status string }
	h.toss(200, day).into(t, &rows)
	if len(rows) != 4 || rows[0].PaymentKey != "pk_1" || rows[3].Status != "CANCELED" {
		t.Errorf("%+v", rows)
	}
	h.toss(200, day+"&limit=1&startingAfter="+rows[1].TransactionKey).into(t, &rows)
	if len(rows) != 1 || rows[0].PaymentKey != "pk_3" {
		t.Errorf("after the second: %+v", rows)
	}
	h.toss(200, "/v1/transactions?startDate=2026-11-24T11:58:30&endDate=2026-11-24T11:59:30").into(t, &rows)
	if len(rows) != 1 || rows[0].PaymentKey != "pk_3" {
		t.Errorf("a minute of Korea's noon: %+v", rows)
	}
	h.toss(400, "/v1/transactions?startDate=yesterday&endDate=2026-11-24T00:00:00")
}

func TestToss_refusals(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Token = "test_sk_zq" })
	for auth, status := range map[string]int{"": 401, "Bearer test_sk_zq": 401, "Basic dGVzdF9za196cQ==": 401, "Basic b3RoZXI6": 401, basicKey: 404} {
		if r, err := h.try("GET", h.urls.Toss+"/v1/payments/pk_1", nil, auth); err != nil || r.status != status {
			t.Errorf("%q: %d %v", auth, r.status, err)
		}
	}
	h.want(200, "POST", h.urls.Toss+"/_sandbox/fault", obj{"kind": "500_before"})
	h.toss(500, "/v1/payments/pk_1")
}
