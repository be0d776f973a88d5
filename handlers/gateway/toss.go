package gateway

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/orchestrator"
)

// What Toss sends.
const (
	tossPayment  = "PAYMENT_STATUS_CHANGED"
	tossCancel   = "CANCEL_STATUS_CHANGED"
	tossDeposit  = "DEPOSIT_CALLBACK"
	tossPayout   = "payout.changed"
	tossSeller   = "seller.changed"
	tossPayout1  = "PAYOUT_STATUS_CHANGED" // the older name, unsigned
	transmission = "Tosspayments-Webhook-Transmission-Id"
)

// tossBody is a webhook of Toss. A deposit's has no data: its members stand at the
// top. What people typed, names, addresses and accounts are not read.
type tossBody struct {
	Type    loose    `json:"eventType"`
	Created loose    `json:"createdAt"`
	Data    tossData `json:"data"`
	Entity  tossData `json:"entityBody"`
	tossData
}

type tossData struct {
	MID            loose        `json:"mId"`
	ID             loose        `json:"id"`
	PaymentKey     loose        `json:"paymentKey"`
	OrderID        loose        `json:"orderId"`
	LastKey        loose        `json:"lastTransactionKey"`
	TransactionKey loose        `json:"transactionKey"`
	Status         loose        `json:"status"`
	CancelStatus   loose        `json:"cancelStatus"`
	Failure        *tossFailure `json:"failure"`
	Error          *tossFailure `json:"error"`
}

type tossFailure struct {
	Code loose `json:"code"`
}

// readToss reads the body and finds what it is about.
func readToss(body []byte) (*tossBody, error) {
	var b tossBody
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, errors.New(mistake(err))
	}
	switch {
	case b.Data != tossData{}:
	case b.Entity != tossData{}:
		b.Data = b.Entity
	default:
		b.Data = b.tossData
	}
	if b.Type == "" && b.Data.OrderID != "" && b.Data.TransactionKey != "" {
		b.Type = tossDeposit
	}
	if b.Type == "" {
		return nil, errors.New("eventType is missing; this is no webhook of Toss")
	}
	return &b, nil
}

// DecodeToss makes an alert of a payment that was given up or ran out, a
// cancellation or a payout that failed. What is good is left out. Toss signs events
// about payouts and sellers only, so an alert about a payment is unsigned until
// Toss was asked for the payment (see ConfirmToss). What Toss sends again has the
// same transmission id and is the same event.
func DecodeToss(d Delivery) (Decoded, error) {
	b, err := readToss(d.Body)
	if err != nil {
		return Decoded{}, err
	}
	state := b.state()
	if state.severity == "" {
		return Decoded{Ignored: 1}, nil
	}
	at := tossMillis(string(b.Created))
	if at == 0 && b.Created != "" {
		return single(badItem(d.Origin, "createdAt is no time: Toss writes 2026-01-02T14:46:59.65327", b.name())), nil
	}
	d.Unsigned = !d.Signed || !tossSigns(string(b.Type))
	return single(d.tossAlert(b, state, at)), nil
}

// tossSigns reports whether Toss signs a type of event.
func tossSigns(kind string) bool { return kind == tossPayout || kind == tossSeller }

// tossState is what became of a payment, a cancellation or a payout.
type tossState struct{ what, status, severity, code string }

// state reads what an event says; its severity is "" when it is no trouble.
func (b *tossBody) state() tossState {
	st := tossState{what: "payment", status: codeWord(b.Data.Status), code: b.Data.code()}
	switch string(b.Type) {
	case tossPayment, tossDeposit:
		if st.status == "ABORTED" || st.status == "EXPIRED" {
			st.severity = "warning"
		}
	case tossCancel:
		st.what, st.status = "cancel", codeWord(loose(firstText(b.Data.CancelStatus, b.Data.Status)))
		if failed(st.status) {
			st.severity = "error"
		}
	case tossPayout, tossPayout1:
		st.what = "payout"
		if failed(st.status) {
			st.severity = "error"
		}
	}
	return st
}

func failed(status string) bool {
	return status == "ABORTED" || status == "FAILED" || strings.HasSuffix(status, "_FAILED")
}

func (t *tossData) code() string {
	for _, f := range []*tossFailure{t.Failure, t.Error} {
		if f != nil && codeWord(f.Code) != "" {
			return codeWord(f.Code)
		}
	}
	return ""
}

// about is the id that tells one payment or payout from the next.
func (t *tossData) about() string { return firstText(t.PaymentKey, t.ID, t.OrderID) }

// name is what may be kept of a body that is wrong.
func (b *tossBody) name() []byte {
	return []byte(identity(string(b.Type), b.Data.about(), string(b.Data.Status)))
}

// tossAlert makes the alert. Only d.Unsigned says whether it may count alone.
func (d Delivery) tossAlert(b *tossBody, st tossState, at int64) Item {
	var c cleaner
	ev := &orchestrator.Event{
		Source: sourceToss, Type: orchestrator.AlertFiring, ID: d.tossID(b), Time: at, StartsAt: at, Severity: st.severity,
		Fingerprint: cleanID(st.what+"/"+st.status, nil), Name: "Toss: " + st.what + " " + st.status, Summary: st.code, Provider: sourceToss,
	}
	if id := b.Data.about(); id != "" {
		ev.EventIDs = []string{cleanID(id, nil)}
	}
	ev.Labels = c.fullLabels(map[string]string{
		"type": string(b.Type), "status": st.status, "code": st.code, "mid": codeWord(b.Data.MID),
	})
	return d.eventItem(ev, nil, false) // the body is never kept: it is the customer's
}

// tossID is the transmission, which stays over Toss's retries.
func (d Delivery) tossID(b *tossBody) string {
	if id := d.Header.Get(transmission); id != "" {
		return cleanID(id, nil)
	}
	return cleanID(identity(string(b.Type), b.Data.about(), string(b.Data.Status), d.stamp(tossMillis(string(b.Created)))), d.Body)
}

// tossMillis reads a time of Toss, in Korea when it names no zone; 0 is none.
func tossMillis(text string) int64 {
	at, err := toss.ParseTime(text)
	if err != nil {
		return 0
	}
	ms, err := said(at.UnixMilli())
	if err != nil {
		return 0
	}
	return ms
}
