package stripe

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/aimarketplace/backout/orchestrator"
)

// The bounds of a poll. Ids are remembered for seven days, so a look-back under
// that never raises an event twice.
const (
	defaultGrace    = 2 * time.Minute
	defaultLookBack = 3 * 24 * time.Hour
	pollTimeout     = 25 * time.Second
	pageSize        = 100
	maxEvents       = 2000
	maxRecords      = 100
	maxRetrieved    = 20
	// triesFor is how long Stripe goes on trying, three days in live mode, and a day more
	// (docs.stripe.com/webhooks, "Retry behavior").
	triesFor = 4 * 24 * time.Hour
)

// Origin is the origin of what the poll finds.
const Origin = "poll/stripe"

const (
	source     = "stripe"
	undelivery = "undelivered/"
)

// Watch says what a poll looks at.
type Watch struct {
	// Project, Environment and Component are whose payments these are.
	Project, Environment, Component string
	// Endpoints are the ids (we_…) of the webhook endpoints that matter when they are
	// switched off; empty means all.
	Endpoints []string
	// Grace is how old an event is before it counts as undelivered, so that a first
	// try under way is no failure; 0 means 2 min. LookBack is how far back a poll
	// reads; 0 means three days, for which Stripe goes on trying.
	Grace, LookBack time.Duration
	Memory          orchestrator.Memory
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Poll finds events that Stripe could not deliver, each once, those of them that
// it delivered after all, and endpoints that are switched off or on again. What was
// found is good even when there is an error too.
func (c *Client) Poll(ctx context.Context, w Watch) ([]orchestrator.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if w.Now == nil {
		w.Now = time.Now
	}
	endpoints, records, err := c.endpoints(ctx, &w)
	if err != nil {
		return records, err
	}
	events, listed := c.undelivered(ctx, &w)
	failed, err := w.failed(ctx, events, endpoints)
	records = append(records, failed...)
	if err = errors.Join(listed, err); err != nil {
		return records, err // what is missing from half a list is not delivered
	}
	recovered, err := c.recovered(ctx, &w, events)
	return append(records, recovered...), err
}

// undelivered lists what is pending or failed at one of the endpoints at least,
// newest first; with an error it is the part that could be read.
func (c *Client) undelivered(ctx context.Context, w *Watch) ([]*stripe.Event, error) {
	now := w.Now()
	p := &stripe.EventListParams{
		ListParams: stripe.ListParams{Limit: stripe.Int64(pageSize)}, DeliverySuccess: new(false),
		CreatedRange: &stripe.RangeQueryParams{
			GreaterThanOrEqual: now.Add(-cmp.Or(w.LookBack, defaultLookBack)).Unix(),
			LesserThanOrEqual:  now.Add(-cmp.Or(w.Grace, defaultGrace)).Unix(),
		},
	}
	var events []*stripe.Event
	for ev, err := range c.api.V1Events.List(ctx, p).All(ctx) {
		if err != nil {
			return events, c.refused(err, "the events that were not delivered")
		}
		if events = append(events, ev); len(events) >= maxEvents {
			break
		}
	}
	return events, nil
}

// failed makes a record of each event that was not raised before, the oldest
// first. More than a hundred wait for the next poll.
func (w *Watch) failed(ctx context.Context, events []*stripe.Event, endpoints []*stripe.WebhookEndpoint) ([]orchestrator.Record, error) {
	ids := make([]string, len(events))
	for i, ev := range events {
		ids[i] = undelivery + ev.ID
	}
	known, err := w.Memory.Seen(ctx, Origin, ids)
	if err != nil {
		return nil, err
	}
	var records []orchestrator.Record
	for i := len(events) - 1; i >= 0 && len(records) < maxRecords; i-- {
		if known[i] > 0 {
			continue
		}
		ev := events[i]
		r := w.event(orchestrator.WebhookFailed, undelivery+ev.ID)
		r.ID, r.Time, r.StartsAt, r.Single = undelivery+ev.ID, ev.Created*1000, ev.Created*1000, true
		r.Name, r.EventIDs = "a webhook of Stripe was not delivered: "+string(ev.Type), []string{ev.ID}
		r.Endpoint, r.Labels = takers(endpoints, string(ev.Type)), map[string]string{"type": string(ev.Type)}
		r.Error = "Stripe has not delivered it since " + time.Unix(ev.Created, 0).UTC().Format(time.RFC3339)
		records = append(records, orchestrator.Record{Event: r})
	}
	return records, nil
}

// recovered looks at what was raised, still stands and is not in the list any
// more: Stripe delivered it, or forgot it after 30 days.
func (c *Client) recovered(ctx context.Context, w *Watch, undelivered []*stripe.Event) ([]orchestrator.Record, error) {
	standing, err := w.Memory.Standing(ctx, w.standing(undelivery))
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, ev := range undelivered {
		listed[undelivery+ev.ID] = true
	}
	standing = slices.DeleteFunc(standing, func(f string) bool { return listed[f] })
	var records []orchestrator.Record
	for i := range min(len(standing), maxRetrieved) {
		// Some may never be delivered: begin elsewhere each time, so that all get their turn.
		fingerprint := standing[(int(w.Now().Unix())+i)%len(standing)]
		id := fingerprint[len(undelivery):]
		ev, err := c.api.V1Events.Retrieve(ctx, id, nil)
		gone := isMissing(err)
		if err != nil && !gone {
			return records, c.refused(err, "an event")
		}
		gaveUp := !gone && ev.PendingWebhooks > 0 && w.Now().Sub(time.Unix(ev.Created, 0)) > triesFor
		if !gone && ev.PendingWebhooks > 0 && !gaveUp {
			continue
		}
		r := w.event(orchestrator.WebhookRecovered, fingerprint)
		r.ID, r.Time, r.EventIDs = "delivered/"+id, w.Now().UnixMilli(), []string{id}
		r.Name = "a webhook of Stripe was delivered after all"
		switch {
		case gone:
			r.Name = "Stripe no longer keeps an event that it never delivered"
		case gaveUp:
			r.Name = "Stripe does not send it again by itself; `stripe events resend " + id + "` does"
		}
		records = append(records, orchestrator.Record{Event: r})
	}
	return records, nil
}

func isMissing(err error) bool {
	said, ok := errors.AsType[*stripe.Error](err)
	return ok && said.HTTPStatusCode == http.StatusNotFound
}

func (w *Watch) standing(prefix string) orchestrator.Standing {
	return orchestrator.Standing{Project: w.Project, Environment: w.Environment, Source: source, Prefix: prefix}
}

func (w *Watch) event(typ, fingerprint string) *orchestrator.Event {
	return &orchestrator.Event{
		Origin: Origin, Type: typ, Source: source, Fingerprint: fingerprint, Provider: source,
		Project: w.Project, Environment: w.Environment, Component: w.Component,
	}
}
