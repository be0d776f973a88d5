package gateway

import (
	"context"
	"slices"

	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/orchestrator"
)

// TossPayments is whom ConfirmToss asks; found is false when Toss does not know the
// payment.
type TossPayments interface {
	Payment(ctx context.Context, key string) (p toss.Payment, found bool, err error)
	PaymentOfOrder(ctx context.Context, order string) (p toss.Payment, found bool, err error)
}

// ConfirmToss asks Toss for the payment that an unsigned webhook names. Only what
// Toss says goes into the event; a payment that Toss does not know goes to
// quarantine; when Toss cannot be asked the event stays unsigned, which starts
// nothing alone, and says so. It also notes that the webhook arrived, so that the
// poll of handlers/toss does not miss it.
func ConfirmToss(ask TossPayments) func(context.Context, Delivery, Decoded) Decoded {
	return func(ctx context.Context, d Delivery, decoded Decoded) Decoded {
		b, err := readToss(d.Body)
		if err != nil || !slices.Contains([]string{tossPayment, tossCancel, tossDeposit}, string(b.Type)) {
			return decoded
		}
		p, found, err := askToss(ctx, ask, &b.Data)
		switch {
		case err != nil:
			return d.tossUnasked(b, decoded, err)
		case !found:
			return single(badItem(d.Origin, "Toss does not know this payment: the webhook is forged, or providers.toss.key is another shop's", b.name()))
		}
		d.Unsigned = false
		return d.tossConfirmed(b, &p)
	}
}

func askToss(ctx context.Context, ask TossPayments, t *tossData) (p toss.Payment, found bool, err error) {
	switch {
	case t.PaymentKey != "":
		p, found, err = ask.Payment(ctx, string(t.PaymentKey))
		found = found && p.Key == string(t.PaymentKey)
	case t.OrderID != "":
		p, found, err = ask.PaymentOfOrder(ctx, string(t.OrderID))
	}
	return p, found, err
}

// tossUnasked keeps what the webhook says, unsigned.
func (d Delivery) tossUnasked(b *tossBody, decoded Decoded, err error) Decoded {
	for i := range decoded.Items {
		if ev := decoded.Items[i].Record.Event; ev != nil {
			ev.Unsigned = true
			ev.Summary = cleanText(ev.Summary+" (unsigned: "+err.Error()+")", maxText)
		}
	}
	d.Unsigned = true
	if b.Data.PaymentKey != "" {
		decoded.add(d.tossArrived(b, string(b.Data.PaymentKey), codeWord(b.Data.Status)))
	}
	return decoded
}

// tossConfirmed makes the events of what Toss says of the payment.
func (d Delivery) tossConfirmed(b *tossBody, p *toss.Payment) Decoded {
	claimed, said := codeWord(b.Data.Status), *b
	said.Data = tossData{
		MID: loose(p.MID), PaymentKey: loose(p.Key), LastKey: loose(p.LastKey), Status: loose(p.Status),
		CancelStatus: cancelOf(&b.Data, p),
	}
	if p.Failure != nil {
		said.Data.Failure = &tossFailure{Code: loose(p.Failure.Code)}
	}
	var out Decoded
	if st := said.state(); st.severity != "" {
		out.add(d.tossAlert(&said, st, tossLast(p)))
	} else {
		out.Ignored++
	}
	if reached(p, claimed, &b.Data) {
		out.add(d.tossArrived(b, p.Key, claimed))
	}
	return out
}

// cancelOf is what Toss says of the cancellation that the webhook is about.
func cancelOf(t *tossData, p *toss.Payment) loose {
	for _, c := range slices.Backward(p.Cancels) {
		if key := firstText(t.TransactionKey, t.LastKey); key == "" || key == c.TransactionKey {
			return loose(c.Status)
		}
	}
	return "unknown"
}

// reached reports whether a payment is or was in a state, as far as Toss's answer
// shows it.
func reached(p *toss.Payment, status string, t *tossData) bool {
	switch status {
	case p.Status:
		return status != "PARTIAL_CANCELED" || cancelOf(t, p) != "unknown"
	case "DONE":
		return p.ApprovedAt != ""
	case "PARTIAL_CANCELED":
		return len(p.Cancels) > 0 && cancelOf(t, p) != "unknown"
	case "READY", "IN_PROGRESS", "WAITING_FOR_DEPOSIT":
		return true
	}
	return false
}

// tossLast is the latest time that Toss names, in Unix milliseconds.
func tossLast(p *toss.Payment) int64 {
	last := max(tossMillis(p.RequestedAt), tossMillis(p.ApprovedAt))
	for _, c := range p.Cancels {
		last = max(last, tossMillis(c.At))
	}
	return last
}

// tossArrived notes that the webhook about a state of a payment arrived. Good news
// of something that never was bad is remembered and does nothing.
func (d Delivery) tossArrived(b *tossBody, key, status string) Item {
	id := toss.ArrivedID(key, status, firstText(b.Data.TransactionKey, b.Data.LastKey))
	if !isIdent(id) { // an ordinary one stays as it is: the poll looks for just that
		id = cleanID(id, nil)
	}
	return d.eventItem(&orchestrator.Event{
		Source: sourceToss, Type: orchestrator.WebhookRecovered, ID: id, Fingerprint: id, Time: tossMillis(string(b.Created)),
		Name: "a webhook of Toss arrived: " + status, Provider: sourceToss, Endpoint: "/hooks/toss", EventIDs: []string{cleanID(key, nil)},
	}, nil, false)
}
