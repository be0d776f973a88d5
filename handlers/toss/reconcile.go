package toss

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// The bounds of a comparison: a window with more open payments than that is an error.
const (
	maxPending       = 500
	reconcileTimeout = 28 * time.Second
	statusDone       = "DONE"
)

// Asker asks the shop's own database for payments that are not paid there: rows of
// payment key and order id.
type Asker interface {
	Rows(ctx context.Context, from, to time.Time, most int) ([][]string, error)
}

// Blobs keep the list, which has the keys of payments in it.
type Blobs interface {
	PutBlob(ctx context.Context, data []byte) (hash string, err error)
}

// Reconcile is toss.reconcile: of the payments that are open with the shop, which are paid
// at Toss. It only reads; what is owed is put right by the shop's own people or its own
// job, since only the shop knows what a payment sets off there.
type Reconcile struct {
	Client *Client
	Ask    Asker
	Blobs  Blobs
	// Project and Environment are whose payments these are; an empty Environment is any.
	Project, Environment string
}

// owed is one line of the list. State is what Toss says; unknown means that it knows no
// such payment.
type owed struct {
	Payment string `json:"payment_key,omitempty"`
	Order   string `json:"order_id,omitempty"`
	State   string `json:"at_toss"`
	Since   string `json:"approved_at,omitempty"`
}

// reconciled is the output of the action; orchestrator reads paid and provider.
type reconciled struct {
	Provider string `json:"provider"`
	// Paid counts what is paid at Toss and open with the shop, Open what is open at both,
	// Unknown what Toss does not know.
	Paid    int `json:"paid"`
	Open    int `json:"open"`
	Unknown int `json:"unknown"`
	orchestrator.EvidenceOutput
}

// Spec implements orchestrator.Action.
func (r *Reconcile) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "toss.reconcile", Safety: orchestrator.Repeatable, CallTimeout: 30_000, Inputs: []string{"from", "to"},
		Permissions: []string{"the shop's secret key, which reads payments", "select on the shop's payments"},
	}
}

type window struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func (r *Reconcile) window(c orchestrator.Call) (window, error) {
	var in window
	if err := c.Input(&in); err != nil {
		return in, err
	}
	switch {
	case in.From <= 0 || in.To < in.From:
		return in, orchestrator.Permanent(errors.New("comparing payments needs the window of the incident: with: {from: =incident.impact_from, to: =incident.impact_to}"))
	case c.Project != r.Project || r.Environment != "" && c.Environment != r.Environment:
		return in, orchestrator.Permanent(fmt.Errorf("providers.toss is about the payments of %s, not of %s/%s", r.Project, c.Project, c.Environment))
	}
	return in, nil
}

// Do compares once.
func (r *Reconcile) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := r.window(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	rows, err := r.Ask.Rows(ctx, time.UnixMilli(in.From), time.UnixMilli(in.To), maxPending)
	if err != nil {
		return orchestrator.Output{Errored: true, Text: err.Error()}, nil
	}
	out := reconciled{Provider: "Toss"}
	list := []owed{}
	for _, row := range rows {
		line, err := r.compare(ctx, row)
		if err != nil {
			return orchestrator.Output{}, fmt.Errorf("after %d of %d payments: %w", len(list), len(rows), err)
		}
		out.count(line)
		list = append(list, line)
	}
	return out.kept(ctx, r.Blobs, list)
}

// compare asks Toss about one payment, by its key or by the order.
func (r *Reconcile) compare(ctx context.Context, row []string) (owed, error) {
	line := owed{State: "unknown"}
	if len(row) > 0 {
		line.Payment = row[0]
	}
	if len(row) > 1 {
		line.Order = row[1]
	}
	var p Payment
	var found bool
	var err error
	switch {
	case line.Payment != "":
		p, found, err = r.Client.Payment(ctx, line.Payment)
	case line.Order != "":
		p, found, err = r.Client.PaymentOfOrder(ctx, line.Order)
	}
	if err == nil && found {
		line.Payment, line.State, line.Since = p.Key, p.Status, p.ApprovedAt
	}
	return line, err
}

func (o *reconciled) count(line owed) {
	switch line.State {
	case statusDone:
		o.Paid++
	case "unknown":
		o.Unknown++
	default:
		o.Open++
	}
}

// kept puts the list aside and tells the numbers.
func (o *reconciled) kept(ctx context.Context, blobs Blobs, list []owed) (orchestrator.Output, error) {
	text := "no payment is open with us"
	if len(list) > 0 {
		data, err := json.MarshalIndent(list, "", "  ")
		if err != nil {
			return orchestrator.Output{}, fmt.Errorf("encoding the list of payments: %w", err)
		}
		hash, err := blobs.PutBlob(ctx, data)
		if err != nil {
			return orchestrator.Output{}, fmt.Errorf("keeping the list of payments: %w", err)
		}
		o.Evidence = []orchestrator.Evidence{{Name: "toss-reconcile.json", Bytes: len(data), Blob: hash, Note: "payments open with us, and what Toss says of each"}}
		text = fmt.Sprintf("%d of %d payments that are open with us are paid at Toss, %d are open there too, %d it does not know", o.Paid, len(list), o.Open, o.Unknown)
	}
	data, err := json.Marshal(o)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the comparison with Toss: %w", err)
	}
	return orchestrator.Output{Data: data, Text: text}, nil
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (r *Reconcile) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a comparison only looks"}, nil
}

// Plan implements orchestrator.Action.
func (r *Reconcile) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := r.window(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	const layout = "15:04:05 UTC"
	return orchestrator.Preview{Text: "Ask Toss about every payment of " + c.Project + " that is open with us, from " +
		time.UnixMilli(in.From).UTC().Format(layout) + " to " + time.UnixMilli(in.To).UTC().Format(layout)}, nil
}
