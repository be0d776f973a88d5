package toss

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// The bounds of a poll.
const (
	defaultGrace    = 5 * time.Minute
	defaultLookBack = 24 * time.Hour
	pollTimeout     = 25 * time.Second
	pageSize        = 1000
	maxPages        = 25
	maxRecords      = 100
	markedDays      = 7
	// triesFor is how long Toss goes on trying: 1, 4, 16 … 4096 minutes after one another,
	// 3 days 19 hours in all (docs.tosspayments.com/guides/webhook).
	triesFor = 4 * 24 * time.Hour
)

// Origin is the origin of what the poll finds.
const Origin = "poll/toss"

// HookOrigin is the origin of the webhooks.
const HookOrigin = "http/toss"

// KST is Korea's time, in which Toss writes times that have no zone.
func KST() *time.Location { return time.FixedZone("KST", 9*60*60) }

// ArrivedID is the id under which the log remembers that the webhook about a
// status of a payment arrived. Of the parts of a payment that are cancelled one
// after the other each has its own.
func ArrivedID(paymentKey, status, transactionKey string) string {
	id := arrivedPrefix + paymentKey + "/" + status
	if status == "PARTIAL_CANCELED" {
		id += "/" + transactionKey
	}
	return id
}

// Watch says what a poll looks at.
type Watch struct {
	// Project, Environment and Component are whose payments these are.
	Project, Environment, Component string
	// Grace is how old a transaction is before its webhook counts as missed; 0
	// means 5 min, in which Toss has tried three times. LookBack is how far back a
	// poll reads; 0 means 24 h.
	Grace, LookBack time.Duration
	Memory          orchestrator.Memory
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// transaction is one line of GET /v1/transactions.
type transaction struct {
	Key        string `json:"transactionKey"`
	PaymentKey string `json:"paymentKey"`
	Status     string `json:"status"`
	At         string `json:"transactionAt"`
}

const (
	source        = "toss"
	missedPrefix  = "missed/"
	arrivedPrefix = "arrived/"
)

// Poll finds the transactions whose webhooks did not arrive, each once, and those
// that arrived after all. What was found is good even when there is an error too.
func (c *Client) Poll(ctx context.Context, w Watch) ([]orchestrator.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if w.Now == nil {
		w.Now = time.Now
	}
	records, err := w.recovered(ctx)
	if err != nil {
		return records, err
	}
	since, marks, err := w.watched(ctx)
	records = append(records, marks...)
	if err != nil {
		return records, err
	}
	to := w.Now().Add(-cmp.Or(w.Grace, defaultGrace))
	if !since.Before(to) {
		return records, nil
	}
	after := ""
	for range maxPages {
		page, err := c.transactions(ctx, since, to, after)
		if err != nil {
			return records, err
		}
		found, err := w.missed(ctx, page, since, to)
		records = append(records, found...)
		if err != nil {
			return records, err
		}
		if len(records) >= maxRecords {
			return records[:maxRecords], nil // the next poll goes on: what was raised is known then
		}
		if len(page) < pageSize {
			return records, nil
		}
		after = page[len(page)-1].Key
	}
	return records, fmt.Errorf("reading the transactions of Toss: more than %d since the look-back; make providers.toss.look_back shorter", maxPages*pageSize)
}

// watched says since when webhooks can be missed: for as far as the look-back goes,
// but not from before Backout began to watch, when none could arrive. The log
// knows by a mark of each day.
func (w *Watch) watched(ctx context.Context) (since time.Time, marks []orchestrator.Record, err error) {
	now := w.Now()
	ids := make([]string, markedDays)
	for i := range ids {
		ids[i] = "watching/" + now.UTC().AddDate(0, 0, -i).Format(time.DateOnly)
	}
	known, err := w.Memory.Seen(ctx, Origin, ids)
	if err != nil {
		return now, nil, err
	}
	since = now
	for _, at := range known {
		if at > 0 && at < since.UnixMilli() {
			since = time.UnixMilli(at)
		}
	}
	if known[0] == 0 {
		marks = []orchestrator.Record{{Event: &orchestrator.Event{
			Origin: Origin, ID: ids[0], Type: orchestrator.WebhookRecovered, Source: source, Fingerprint: "watching", Time: now.UnixMilli(),
			Project: w.Project, Environment: w.Environment, Component: w.Component, Name: "the webhooks of Toss are watched", Provider: source,
		}}}
	}
	if back := now.Add(-cmp.Or(w.LookBack, defaultLookBack)); back.After(since) {
		since = back
	}
	return since, marks, nil
}

// transactions reads one page between two times, oldest first.
func (c *Client) transactions(ctx context.Context, from, to time.Time, after string) ([]transaction, error) {
	const layout = "2006-01-02T15:04:05"
	query := url.Values{
		"startDate": {from.In(KST()).Format(layout)}, "endDate": {to.In(KST()).Format(layout)}, "limit": {strconv.Itoa(pageSize)},
	}
	if after != "" {
		query.Set("startingAfter", after)
	}
	a, err := c.get(ctx, "/v1/transactions", query)
	if err != nil {
		return nil, fmt.Errorf("reading the transactions of Toss: %w", err)
	}
	if a.Status != http.StatusOK {
		return nil, refused(a, "to list transactions")
	}
	var page []transaction
	if err := json.Unmarshal(a.Body, &page); err != nil {
		return nil, fmt.Errorf("reading the transactions of Toss: the answer is not what its API describes: %w", err)
	}
	return page, nil
}

// missed makes the records of the transactions whose webhooks are missing and that
// were not raised before.
func (w *Watch) missed(ctx context.Context, page []transaction, since, to time.Time) ([]orchestrator.Record, error) {
	var names, arrived, raised []string
	var times []int64
	for _, t := range page {
		at, err := ParseTime(t.At)
		if err != nil || t.PaymentKey == "" || at.After(to) || at.Before(since) {
			continue // without a time or a payment there is nothing that could be compared
		}
		id := ArrivedID(t.PaymentKey, t.Status, t.Key)
		name := strings.TrimPrefix(id, arrivedPrefix)
		names, arrived, raised, times = append(names, name), append(arrived, id), append(raised, missedPrefix+name), append(times, at.UnixMilli())
	}
	here, err := w.Memory.Seen(ctx, HookOrigin, arrived)
	if err != nil {
		return nil, err
	}
	known, err := w.Memory.Seen(ctx, Origin, raised)
	if err != nil {
		return nil, err
	}
	var records []orchestrator.Record
	for i, name := range names {
		if here[i] > 0 || known[i] > 0 {
			continue
		}
		ev := w.event(orchestrator.WebhookFailed, name)
		ev.Time, ev.StartsAt, ev.Single = times[i], times[i], true
		ev.Error = "Toss has the transaction, and its webhook did not arrive within " + cmp.Or(w.Grace, defaultGrace).String()
		records = append(records, orchestrator.Record{Event: ev})
	}
	return records, nil
}

// recovered ends what was raised and arrived after all, and what nobody will send again.
func (w *Watch) recovered(ctx context.Context) ([]orchestrator.Record, error) {
	standing, err := w.Memory.Standing(ctx, orchestrator.Standing{Project: w.Project, Environment: w.Environment, Source: source, Prefix: missedPrefix})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(standing))
	for i, fingerprint := range standing {
		ids[i] = arrivedPrefix + strings.TrimPrefix(fingerprint, missedPrefix)
	}
	here, err := w.Memory.Seen(ctx, HookOrigin, ids)
	if err != nil {
		return nil, err
	}
	raised, err := w.Memory.Seen(ctx, Origin, standing) // what is raised has its fingerprint as its id
	if err != nil {
		return nil, err
	}
	var records []orchestrator.Record
	for i, fingerprint := range standing {
		over := "a webhook of Toss arrived after all"
		if here[i] == 0 {
			over = "Toss does not send it again; whether the shop knows of the payment, toss.reconcile says"
		}
		if gaveUp := w.Now().UnixMilli()-raised[i] > triesFor.Milliseconds(); here[i] == 0 && !gaveUp || len(records) == maxRecords {
			continue
		}
		name := strings.TrimPrefix(fingerprint, missedPrefix)
		ev := w.event(orchestrator.WebhookRecovered, name)
		ev.ID, ev.Time, ev.Name = "recovered/"+name, w.Now().UnixMilli(), over
		records = append(records, orchestrator.Record{Event: ev})
	}
	return records, nil
}

// event is what a failure and its end have in common; name is the payment with its
// status.
func (w *Watch) event(typ, name string) *orchestrator.Event {
	key, status, _ := strings.Cut(name, "/")
	status, _, _ = strings.Cut(status, "/")
	return &orchestrator.Event{
		Origin: Origin, ID: missedPrefix + name, Type: typ, Source: source, Fingerprint: missedPrefix + name,
		Project: w.Project, Environment: w.Environment, Component: w.Component,
		Name: "a webhook of Toss did not arrive: " + status, Provider: source, Endpoint: "/hooks/toss", EventIDs: []string{key},
		Labels: map[string]string{"status": status},
	}
}

// ParseTime reads a time of Toss; one without a zone is Korea's.
func ParseTime(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	return time.ParseInLocation("2006-01-02T15:04:05.999999999", text, KST())
}
