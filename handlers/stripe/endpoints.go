package stripe

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v85"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxOutages is how often an endpoint may be switched off in a week.
const maxOutages = 50

const switchedOff = "endpoint/"

// endpoints reads the webhook endpoints and says which are switched off, each
// once, and which are on again.
func (c *Client) endpoints(ctx context.Context, w *Watch) ([]*stripe.WebhookEndpoint, []orchestrator.Record, error) {
	var all []*stripe.WebhookEndpoint
	p := &stripe.WebhookEndpointListParams{ListParams: stripe.ListParams{Limit: stripe.Int64(pageSize)}}
	for e, err := range c.api.V1WebhookEndpoints.List(ctx, p).All(ctx) {
		if err != nil {
			return all, nil, c.refused(err, "the webhook endpoints")
		}
		all = append(all, e)
	}
	standing, err := w.Memory.Standing(ctx, w.standing(switchedOff))
	if err != nil {
		return all, nil, err
	}
	var records []orchestrator.Record
	on := slices.Clone(standing) // an endpoint that was deleted is no longer off
	for _, e := range all {
		fingerprint := switchedOff + e.ID
		if e.Status != "disabled" || len(w.Endpoints) > 0 && !slices.Contains(w.Endpoints, e.ID) {
			continue
		}
		on = slices.DeleteFunc(on, func(f string) bool { return f == fingerprint })
		if slices.Contains(standing, fingerprint) {
			continue
		}
		ev, err := w.switched(ctx, orchestrator.AlertFiring, fingerprint)
		if err != nil {
			return all, records, err
		}
		ev.Endpoint = called(e)
		records = append(records, orchestrator.Record{Event: ev})
	}
	for _, fingerprint := range on {
		ev, err := w.switched(ctx, orchestrator.AlertResolved, fingerprint)
		if err != nil {
			return all, records, err
		}
		records = append(records, orchestrator.Record{Event: ev})
	}
	return all, records, nil
}

// switched makes the event of an endpoint that went off or on. Stripe does not say
// when, so the times it went off are counted by those it came back, and the event
// has no time: it pages, and no deployment is blamed for it. It is an alert and no
// failed webhook, because one of those is only counted and this one is all of them.
func (w *Watch) switched(ctx context.Context, typ, fingerprint string) (*orchestrator.Event, error) {
	ids := make([]string, maxOutages)
	for i := range ids {
		ids[i] = fingerprint + "/on/" + strconv.Itoa(i+1)
	}
	known, err := w.Memory.Seen(ctx, Origin, ids)
	if err != nil {
		return nil, err
	}
	n := max(slices.Index(known, 0), 0)
	ev := w.event(typ, fingerprint)
	ev.ID, ev.Severity = ids[n], "critical"
	ev.Name = "a webhook endpoint of Stripe is on again"
	if typ == orchestrator.AlertFiring {
		ev.ID = fingerprint + "/off/" + strconv.Itoa(n+1)
		ev.Name = "a webhook endpoint of Stripe is switched off"
		ev.Summary = "Stripe sends it nothing, and what happens meanwhile is not sent later; switch it on in the dashboard under Webhooks"
	}
	return ev, nil
}

// takers names the endpoints that want a type of event.
func takers(all []*stripe.WebhookEndpoint, kind string) string {
	var names []string
	for _, e := range all {
		if slices.Contains(e.EnabledEvents, "*") || slices.Contains(e.EnabledEvents, kind) {
			names = append(names, called(e))
		}
	}
	if len(names) > 3 {
		names = append(names[:3], "and more")
	}
	return strings.Join(names, ", ")
}

// called is an endpoint's id and host; the rest of its address may hold a secret.
func called(e *stripe.WebhookEndpoint) string {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return e.ID
	}
	return e.ID + " at " + u.Host
}
