package gateway

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// stripeBody is an event of Stripe's API v1. Of what happened only ids, codes and
// states are read: the rest may be a customer's.
type stripeBody struct {
	ID       loose           `json:"id"`
	Object   loose           `json:"object"`
	Type     loose           `json:"type"`
	Account  loose           `json:"account"`
	Created  json.RawMessage `json:"created"`
	Livemode bool            `json:"livemode"`
	Data     struct {
		Object stripeObject `json:"object"`
	} `json:"data"`
}

// stripeObject is what the event is about: a payment, charge, dispute or payout.
type stripeObject struct {
	ID            loose        `json:"id"`
	Charge        stripeRef    `json:"charge"`
	PaymentIntent stripeRef    `json:"payment_intent"`
	Status        loose        `json:"status"`
	Reason        loose        `json:"reason"`
	FraudType     loose        `json:"fraud_type"`
	FailureCode   loose        `json:"failure_code"`
	FailureReason loose        `json:"failure_reason"`
	LastError     *stripeError `json:"last_payment_error"`
	LastSetup     *stripeError `json:"last_setup_error"`
}

type stripeError struct {
	Code        loose `json:"code"`
	DeclineCode loose `json:"decline_code"`
}

// stripeRef is an id, or the whole object when it was expanded.
type stripeRef string

// UnmarshalJSON never fails: what is no reference names nothing.
func (r *stripeRef) UnmarshalJSON(raw []byte) error {
	var id loose
	var whole struct {
		ID loose `json:"id"`
	}
	if json.Unmarshal(raw, &id) == nil && id != "" {
		*r = stripeRef(id)
		return nil
	}
	if json.Unmarshal(raw, &whole) == nil {
		*r = stripeRef(whole.ID)
	}
	return nil
}

// stripeSeverity says what a type of event is worth, "" when Backout has no use for
// it. None is critical: a card that is declined wakes nobody, and a rule or a
// monitor that counts may. Money that is lost or held back is an error.
func stripeSeverity(kind string) string {
	switch kind {
	case "payment_intent.payment_failed", "charge.failed", "invoice.payment_failed", "setup_intent.setup_failed",
		"checkout.session.async_payment_failed", "radar.early_fraud_warning.updated":
		return "warning"
	case "charge.dispute.created", "charge.dispute.funds_withdrawn", "payout.failed", "refund.failed", "topup.failed",
		"radar.early_fraud_warning.created":
		return "error"
	}
	if strings.HasPrefix(kind, "charge.dispute.") {
		return "info"
	}
	return ""
}

// DecodeStripe makes an alert of an event that says that a payment, a payout or a
// refund failed or that somebody disputes one. The type is the fingerprint, so that
// what repeats is one signal; the payments are in the event ids, so that counting
// goes over payments. Stripe never says that it is over.
func DecodeStripe(d Delivery) (Decoded, error) {
	var b stripeBody
	if err := json.Unmarshal(d.Body, &b); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	if b.Type == "" {
		return Decoded{}, errors.New("type is missing; this is no event of Stripe")
	}
	severity := stripeSeverity(string(b.Type))
	if severity == "" || b.Object != "event" {
		return Decoded{Ignored: 1}, nil // a thin event (v2) names only an id to ask for
	}
	return single(d.stripeItem(&b, severity)), nil
}

func (d Delivery) stripeItem(b *stripeBody, severity string) Item {
	at, err := millis(b.Created)
	switch {
	case err != nil:
		return badItem(d.Origin, "created "+err.Error(), b.name())
	case b.ID == "":
		return badItem(d.Origin, "id is missing", b.name())
	}
	var c cleaner
	o := &b.Data.Object
	ev := &orchestrator.Event{
		Source: sourceStripe, Type: orchestrator.AlertFiring, ID: cleanID(string(b.ID), d.Body), Time: at, StartsAt: at,
		Fingerprint: cleanID(string(b.Type), nil), Name: c.text("Stripe: "+string(b.Type), maxTitle), Severity: severity, Provider: sourceStripe,
	}
	if id := o.payment(); id != "" {
		ev.EventIDs = []string{cleanID(id, nil)}
	}
	why := o.why()
	ev.Summary = c.text(why, maxText)
	mode := "test"
	if b.Livemode {
		mode = "live"
	}
	ev.Labels = c.fullLabels(map[string]string{"type": string(b.Type), "mode": mode, "account": string(b.Account), "code": why, "status": codeWord(o.Status)})
	return d.eventItem(ev, nil, false) // the body is never kept: it is the customer's
}

// name is what may be kept of a body that is wrong.
func (b *stripeBody) name() []byte { return []byte(identity(string(b.Type), string(b.ID))) }

// payment is the id that tells one payment from the next: the intent, the charge,
// or what else the event is about.
func (o *stripeObject) payment() string {
	return firstText(loose(o.PaymentIntent), loose(o.Charge), o.ID)
}

// why is the code of what went wrong, which is never a text that people typed.
func (o *stripeObject) why() string {
	for _, e := range []*stripeError{o.LastError, o.LastSetup} {
		if e != nil {
			if code := codeWord(loose(firstText(e.DeclineCode, e.Code))); code != "" {
				return code
			}
		}
	}
	for _, code := range []loose{o.FailureCode, o.Reason, o.FraudType, o.FailureReason} {
		if w := codeWord(code); w != "" {
			return w
		}
	}
	return ""
}

// codeWord is a code or state: letters, digits, _ and -; anything else is nothing.
func codeWord(s loose) string {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '_' && c != '-' {
			return ""
		}
	}
	return clip(string(s), 64)
}
