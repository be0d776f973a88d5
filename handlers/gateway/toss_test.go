package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/orchestrator"
)

// tossWebhook has the shape of a real webhook of Toss (integrations.md 4.2), with
// members of data changed.
func tossWebhook(kind string, with map[string]any) string {
	data := map[string]any{
		"mId": "tosspayments", "version": "2022-11-16", "paymentKey": "aifor2uN3L9", "lastTransactionKey": "txrd_1", "orderId": "toss_2966480", "orderName": "Kim's shoes", "status": "DONE",
		"requestedAt": "2026-01-02T14:46:43+09:00", "approvedAt": "2026-01-02T14:46:59+09:00", "totalAmount": 37400, "balanceAmount": 37400, "currency": "KRW", "cancels": nil,
		"virtualAccount": map[string]any{"customerName": "Kim"}, "secret": "ps_zq",
	}
	change(data, with)
	body := map[string]any{"eventType": kind, "createdAt": "2026-01-02T14:46:59.65327", "data": data}
	change(body, map[string]any{"eventType": kind})
	b, err := json.Marshal(body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func hmacSHA256(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func TestTossGolden(t *testing.T) {
	t.Parallel()
	const at = 1767332819653 // 14:46:59 in Korea is 05:46:59 UTC
	aborted := orchestrator.Event{
		Origin: "http/toss", ID: "PAYMENT_STATUS_CHANGED/aifor2uN3L9/ABORTED/1767332819653", Type: orchestrator.AlertFiring, Source: "toss", Time: at, StartsAt: at, Unsigned: true,
		Fingerprint: "payment/ABORTED", Name: "Toss: payment ABORTED", Severity: "warning", Summary: "REJECT_CARD_PAYMENT", Provider: "toss", EventIDs: []string{"aifor2uN3L9"},
		Labels: map[string]string{"type": "PAYMENT_STATUS_CHANGED", "status": "ABORTED", "code": "REJECT_CARD_PAYMENT", "mid": "tosspayments"},
	}
	as := func(id, kind, what, status, severity string) orchestrator.Event {
		ev := aborted
		ev.ID, ev.Fingerprint, ev.Name, ev.Severity, ev.Summary = id, what+"/"+status, "Toss: "+what+" "+status, severity, ""
		ev.Labels = map[string]string{"type": kind, "status": status, "mid": "tosspayments"}
		return ev
	}
	payout := as("payout.changed/po_1/FAILED/1767332819653", "payout.changed", "payout", "FAILED", "error")
	payout.EventIDs = []string{"po_1"}
	delete(payout.Labels, "mid")
	for name, c := range map[string]struct {
		body string
		want orchestrator.Event
	}{
		"aborted":         {tossWebhook(tossPayment, map[string]any{"status": "ABORTED", "failure": map[string]any{"code": "REJECT_CARD_PAYMENT", "message": "Kim's card"}}), aborted},
		"expired":         {tossWebhook(tossPayment, map[string]any{"status": "EXPIRED"}), as("PAYMENT_STATUS_CHANGED/aifor2uN3L9/EXPIRED/1767332819653", tossPayment, "payment", "EXPIRED", "warning")},
		"cancel failed":   {tossWebhook(tossCancel, map[string]any{"cancelStatus": "ABORTED"}), as("CANCEL_STATUS_CHANGED/aifor2uN3L9/DONE/1767332819653", tossCancel, "cancel", "ABORTED", "error")},
		"payout failed":   {`{"eventType":"payout.changed","createdAt":"2026-01-02T14:46:59.65327","entityType":"payout","entityBody":{"id":"po_1","status":"FAILED"}}`, payout},
		"a zone is heard": {strings.Replace(tossWebhook(tossPayment, map[string]any{"status": "EXPIRED"}), "59.65327", "59.65327+09:00", 1), as("PAYMENT_STATUS_CHANGED/aifor2uN3L9/EXPIRED/1767332819653", tossPayment, "payment", "EXPIRED", "warning")},
	} {
		got, err := DecodeToss(Delivery{Origin: "http/toss", Body: []byte(c.body)})
		if err != nil || len(got.Items) != 1 || !reflect.DeepEqual(got.Items[0].Record.Event, &c.want) || got.Items[0].Keep != nil {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got.Items, &c.want)
		}
	}
	for _, body := range []string{
		tossWebhook(tossPayment, nil), tossWebhook(tossPayment, map[string]any{"status": "CANCELED"}), tossWebhook(tossCancel, map[string]any{"cancelStatus": "DONE"}), tossWebhook("BILLING_DELETED", nil),
		`{"createdAt":"2026-01-02T14:46:59","secret":"ps_zq","orderId":"o1","status":"DONE","transactionKey":"t1"}`,
	} {
		if got, err := DecodeToss(Delivery{Body: []byte(body)}); err != nil || len(got.Items) != 0 || got.Ignored != 1 {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
}

// askedToss answers for Toss.
type askedToss struct {
	p     toss.Payment
	found bool
	err   error
}

func (a askedToss) Payment(context.Context, string) (toss.Payment, bool, error) {
	return a.p, a.found, a.err
}

func (a askedToss) PaymentOfOrder(context.Context, string) (toss.Payment, bool, error) {
	return a.p, a.found, a.err
}

func TestTossIsAskedBeforeItCounts(t *testing.T) {
	t.Parallel()
	const key = "aifor2uN3L9"
	deposit := `{"createdAt":"2026-01-02T14:46:59","secret":"ps_zq","orderId":"o1","status":"DONE","transactionKey":"t1"}`
	done := toss.Payment{Key: key, Status: "DONE", RequestedAt: "2026-01-02T14:40:00+09:00", ApprovedAt: "2026-01-02T14:41:00+09:00"}
	aborted := toss.Payment{Key: key, Status: "ABORTED", RequestedAt: "2026-01-02T14:40:00+09:00", Failure: &toss.Failure{Code: "REJECT"}}
	parts := toss.Payment{Key: key, Status: "PARTIAL_CANCELED", ApprovedAt: "x", Cancels: []toss.Cancel{{TransactionKey: "t8", Status: "DONE"}, {TransactionKey: "t9", Status: "ABORTED", At: "2026-01-02T15:00:00+09:00"}}}
	for name, c := range map[string]struct {
		body string
		toss askedToss
		want []string // type, status or id, whether unsigned
	}{
		"as it says":               {tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), askedToss{aborted, true, nil}, []string{"alert payment/ABORTED 1767332400000 REJECT", "arrived/" + key + "/ABORTED"}},
		"it was paid, they say":    {tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), askedToss{done, true, nil}, nil},
		"paid":                     {tossWebhook(tossPayment, nil), askedToss{done, true, nil}, []string{"arrived/" + key + "/DONE"}},
		"paid, and more since":     {tossWebhook(tossPayment, nil), askedToss{parts, true, nil}, []string{"arrived/" + key + "/DONE"}},
		"a deposit":                {deposit, askedToss{done, true, nil}, []string{"arrived/" + key + "/DONE"}},
		"a part cancelled":         {tossWebhook(tossPayment, map[string]any{"status": "PARTIAL_CANCELED", "lastTransactionKey": "t8"}), askedToss{parts, true, nil}, []string{"arrived/" + key + "/PARTIAL_CANCELED/t8"}},
		"a part nobody cancelled":  {tossWebhook(tossPayment, map[string]any{"status": "PARTIAL_CANCELED", "lastTransactionKey": "t7"}), askedToss{parts, true, nil}, nil},
		"a cancellation failed":    {tossWebhook(tossCancel, map[string]any{"cancelStatus": "ABORTED", "transactionKey": "t9", "status": nil}), askedToss{parts, true, nil}, []string{"alert cancel/ABORTED 1767333600000 "}},
		"no such cancellation":     {tossWebhook(tossCancel, map[string]any{"cancelStatus": "ABORTED", "transactionKey": "t7", "status": nil}), askedToss{parts, true, nil}, nil},
		"forged":                   {tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), askedToss{}, []string{"bad"}},
		"another payment answered": {tossWebhook(tossPayment, map[string]any{"status": "ABORTED", "paymentKey": "other"}), askedToss{aborted, true, nil}, []string{"bad"}},
		"of no payment":            {tossWebhook(tossPayment, map[string]any{"status": "ABORTED", "paymentKey": nil, "orderId": nil}), askedToss{aborted, true, nil}, []string{"bad"}},
		"Toss is away":             {tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), askedToss{err: errors.New("no answer")}, []string{"alert payment/ABORTED 1767332819653  (unsigned: no answer) unsigned", "arrived/" + key + "/ABORTED unsigned"}},
		"Toss is away, paid":       {tossWebhook(tossPayment, nil), askedToss{err: errors.New("no answer")}, []string{"arrived/" + key + "/DONE unsigned"}},
		"nothing to ask":           {`{"eventType":"payout.changed","entityBody":{"id":"po_1","status":"FAILED"}}`, askedToss{}, []string{"alert payout/FAILED 0  unsigned"}},
	} {
		d := newDesk(t, func(o *Options) {
			o.Sources = []Source{{Name: "toss", Auth: AuthPathSecret, Secrets: []string{"s1"}, Project: "shop"}}
			o.Confirm = map[string]func(context.Context, Delivery, Decoded) Decoded{"toss": ConfirmToss(c.toss)}
		})
		status, answer, _ := d.post(t, "/hooks/toss/s1", c.body, transmission, "tx_1")
		var got []string
		for _, r := range d.wants(t, status, answer, 200, "") {
			got = append(got, toldOf(r))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
	}
}

func toldOf(r orchestrator.Record) string {
	if r.Event == nil {
		return "bad"
	}
	ev, text := r.Event, r.Event.ID
	if ev.Type == orchestrator.AlertFiring {
		b, _ := json.Marshal(ev.StartsAt)
		text = "alert " + ev.Fingerprint + " " + string(b) + " " + ev.Summary
		if ev.ID != "tx_1" {
			text += " id " + ev.ID
		}
	}
	if ev.Unsigned {
		text += " unsigned"
	}
	return text
}

func TestTossProvesWhoItIs(t *testing.T) {
	t.Parallel()
	const sentAt = "2026-01-02T14:47:00+09:00"
	body := `{"eventType":"payout.changed","createdAt":"2026-01-02T14:46:59.65327","entityBody":{"id":"po_1","status":"FAILED"}}`
	mac := base64.StdEncoding.EncodeToString(hmacSHA256("seckey", body+":"+sentAt))
	other := base64.StdEncoding.EncodeToString(hmacSHA256("other", body+":"+sentAt))
	for name, c := range map[string]struct {
		path, body, signature, time string
		status                      int
		unsigned                    bool
	}{
		"right":                      {"/s1", body, "v1:" + mac, sentAt, 200, false},
		"one of several":             {"/s1", body, "v1:" + other + "," + mac, sentAt, 200, false},
		"each with its version":      {"/s1", body, "v1:" + other + ",v1:" + mac, sentAt, 200, false},
		"wrong":                      {"/s1", body, "v1:" + other, sentAt, 401, false},
		"another time":               {"/s1", body, "v1:" + mac, "2026-01-02T14:48:00+09:00", 401, false},
		"another body":               {"/s1", body + " ", "v1:" + mac, sentAt, 401, false},
		"no base64":                  {"/s1", body, "v1:%%%", sentAt, 401, false},
		"missing":                    {"/s1", body, "", sentAt, 200, true},
		"signed, without the secret": {"", body, "v1:" + mac, sentAt, 401, false},
		"the wrong secret":           {"/s2", body, "v1:" + mac, sentAt, 401, false},
		// A signature of a payment event proves nothing: Toss does not make any.
		"a payment is not signed": {"/s1", tossWebhook(tossPayment, map[string]any{"status": "ABORTED"}), "", "", 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, func(o *Options) {
				o.Sources = []Source{{Name: "toss", Auth: AuthPathSecret, Secrets: []string{"s1"}, SigningKeys: []string{"old", "seckey"}}}
			})
			headers := []string{transmission, "tx_9", tossSentAt, c.time}
			if c.signature != "" {
				headers = append(headers, tossSignature, c.signature)
			}
			for range 2 { // the second is a replay, or Toss's retry
				status, answer, _ := d.post(t, "/hooks/toss"+c.path, c.body, headers...)
				rs := d.wants(t, status, answer, c.status, "")
				if (c.status == 200) != (len(rs) > 0) || strings.Contains(answer, "seckey") {
					t.Fatalf("answered %s with %d records", answer, len(rs))
				}
				if len(rs) > 0 && (rs[len(rs)-1].Event.Unsigned != c.unsigned || rs[len(rs)-1].Event.ID != "tx_9") {
					t.Errorf("%+v", rs[len(rs)-1].Event)
				}
			}
		})
	}
}
