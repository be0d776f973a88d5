package stripe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/stripe"
	"github.com/aimarketplace/backout/orchestrator"
)

const secret = "rk_test_zq4b1d9e"

// desk is a sandbox Stripe, a clock, and what the log would know.
type desk struct {
	*testing.T
	url    string
	client *stripe.Client
	watch  stripe.Watch
	mu     sync.Mutex
	now    time.Time
	seen   map[string]int64
	firing map[string]bool
}

func start(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC), seen: map[string]int64{}, firing: map[string]bool{}}
	s, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 7, Kind: true, Now: d.clock, Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	d.url = s.URLs().Stripe
	d.client, err = stripe.New(stripe.Options{BaseURL: d.url, Key: secret, AllowPrivate: []string{"127.0.0.0/8"}, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	d.watch = stripe.Watch{Project: "shop", Memory: d, Now: d.clock}
	d.order("setup", map[string]any{"withhold": true, "endpoints": []map[string]any{{"id": "we_1", "url": "https://shop.example/hook/s3cret", "secret": "whsec"}}})
	return d
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) forward(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func (d *desk) order(path string, body any) {
	d.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		d.Fatal(err)
	}
	resp, err := http.Post(d.url+"/_sandbox/"+path, "application/json", bytes.NewReader(b))
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		d.Fatalf("%s: %d %s", path, resp.StatusCode, said)
	}
}

// Seen implements orchestrator.Memory.
func (d *desk) Seen(_ context.Context, origin string, ids []string) ([]int64, error) {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = d.seen[origin+" "+id]
	}
	return out, nil
}

// Standing implements orchestrator.Memory.
func (d *desk) Standing(_ context.Context, s orchestrator.Standing) ([]string, error) {
	var out []string
	for f := range d.firing {
		if strings.HasPrefix(f, s.Source+" "+s.Prefix) {
			out = append(out, strings.TrimPrefix(f, s.Source+" "))
		}
	}
	slices.Sort(out)
	return out, nil
}

// poll polls, remembers what came as the fold does, and tells it in short.
func (d *desk) poll() ([]string, error) {
	d.Helper()
	records, err := d.client.Poll(d.Context(), d.watch)
	var out []string
	for _, r := range records {
		ev := r.Event
		if ev == nil || d.seen[ev.Origin+" "+ev.ID] > 0 || ev.Project != "shop" || ev.Unsigned || strings.Contains(fmt.Sprint(*ev), "s3cret") {
			d.Fatalf("%+v", ev)
		}
		d.seen[ev.Origin+" "+ev.ID] = d.clock().UnixMilli()
		on := ev.Type == orchestrator.WebhookFailed || ev.Type == orchestrator.AlertFiring
		d.firing[ev.Source+" "+ev.Fingerprint] = on
		if !on {
			delete(d.firing, ev.Source+" "+ev.Fingerprint)
		}
		out = append(out, strings.TrimPrefix(ev.Type, "backout.")+" "+ev.ID)
	}
	return out, err
}

func (d *desk) wantPoll(want ...string) {
	d.Helper()
	got, err := d.poll()
	if err != nil || !slices.Equal(got, want) {
		d.Errorf("the poll found %q (%v), want %q", got, err, want)
	}
}

func TestPoll_raisesEachUndeliveredEventOnce(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("event", map[string]any{"id": "evt_a", "type": "payment_intent.succeeded"})
	d.wantPoll() // its first try may be under way
	d.forward(119 * time.Second)
	d.wantPoll()
	d.order("event", map[string]any{"id": "evt_b", "type": "charge.refunded", "ago_ms": 200_000})
	d.order("event", map[string]any{"id": "evt_old", "type": "charge.refunded", "ago_ms": 80 * 3600 * 1000})
	d.forward(2 * time.Second)
	d.wantPoll("webhook.failed undelivered/evt_b", "webhook.failed undelivered/evt_a")
	d.wantPoll()
	d.order("event", map[string]any{"id": "evt_c", "type": "charge.refunded", "ago_ms": 200_000})
	d.wantPoll("webhook.failed undelivered/evt_c")
}

func TestPoll_saysWhatItIs(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.watch.Environment, d.watch.Component = "staging", "checkout"
	d.order("event", map[string]any{"id": "evt_a", "type": "payment_intent.succeeded", "ago_ms": 600_000, "object": map[string]string{"id": "pi_1", "receipt_email": "s3cret@example.com"}})
	records, err := d.client.Poll(t.Context(), d.watch)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	at := d.clock().Add(-10 * time.Minute).UnixMilli()
	want := orchestrator.Event{
		Origin: "poll/stripe", ID: "undelivered/evt_a", Type: orchestrator.WebhookFailed, Source: "stripe", Time: at, StartsAt: at, Single: true, Project: "shop", Environment: "staging", Component: "checkout",
		Fingerprint: "undelivered/evt_a", Name: "a webhook of Stripe was not delivered: payment_intent.succeeded", Provider: "stripe", Endpoint: "we_1 at shop.example",
		EventIDs: []string{"evt_a"}, Labels: map[string]string{"type": "payment_intent.succeeded"}, Error: "Stripe has not delivered it since 2026-11-24T02:50:00Z",
	}
	if got := fmt.Sprintf("%+v", *records[0].Event); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
}

func TestPoll_endsWhatWasDeliveredAfterAll(t *testing.T) {
	t.Parallel()
	d := start(t)
	got := make(chan struct{}, 10)
	hook := newReceiver(t, got)
	d.order("setup", map[string]any{"endpoints": []map[string]any{{"id": "we_1", "url": hook, "secret": "whsec"}}})
	d.order("event", map[string]any{"id": "evt_a", "type": "payout.paid", "ago_ms": 600_000})
	d.order("event", map[string]any{"id": "evt_old", "type": "payout.paid", "ago_ms": 71 * 3600 * 1000})
	d.wantPoll("webhook.failed undelivered/evt_old", "webhook.failed undelivered/evt_a")
	d.forward(2 * time.Hour) // evt_old is no longer within the look-back, and still not delivered
	d.wantPoll()
	d.order("setup", map[string]any{"withhold": false})
	<-got
	<-got
	var all []string
	for deadline := time.Now().Add(10 * time.Second); len(all) < 2 && time.Now().Before(deadline); {
		found, err := d.poll()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	if !slices.Equal(all, []string{"webhook.recovered delivered/evt_a", "webhook.recovered delivered/evt_old"}) {
		t.Errorf("recovered: %q", all)
	}
	d.wantPoll()
}

// Stripe tries for three days: what it gave up does not keep an incident open for a month.
func TestPoll_endsWhatStripeGaveUp(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("event", map[string]any{"id": "evt_a", "type": "payout.paid", "ago_ms": 600_000})
	d.wantPoll("webhook.failed undelivered/evt_a")
	d.forward(95 * time.Hour)
	d.wantPoll()
	d.forward(time.Hour)
	records, err := d.client.Poll(t.Context(), d.watch)
	if err != nil || len(records) != 1 || records[0].Event.ID != "delivered/evt_a" || !strings.Contains(records[0].Event.Name, "`stripe events resend evt_a` does") {
		t.Errorf("%+v %v", records, err)
	}
}

func TestPoll_pages(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("event", map[string]any{"type": "payout.paid", "count": 230, "ago_ms": 600_000})
	for _, want := range []int{100, 100, 30, 0} {
		if got, err := d.poll(); err != nil || len(got) != want {
			t.Errorf("%d events (%v), want %d", len(got), err, want)
		}
	}
}

func TestPoll_disabledEndpoints(t *testing.T) {
	t.Parallel()
	d := start(t)
	set := func(status string) {
		d.order("setup", map[string]any{"endpoints": []map[string]any{{"id": "we_1", "url": "https://shop.example/s3cret", "status": status}}})
	}
	for n := range 2 {
		set("disabled")
		d.wantPoll(fmt.Sprintf("alert.firing endpoint/we_1/off/%d", n+1))
		d.wantPoll()
		set("enabled")
		d.wantPoll(fmt.Sprintf("alert.resolved endpoint/we_1/on/%d", n+1))
		d.wantPoll()
	}
	d.watch.Endpoints = []string{"we_other"}
	set("disabled")
	d.wantPoll()
}

// What could be read counts; what could not is an error without the key.
func TestPoll_unkindAnswers(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("event", map[string]any{"id": "evt_a", "type": "payout.paid", "ago_ms": 600_000})
	for kind, want := range map[string]string{"429": "429 rate_limit); the next poll asks again", "500_before": "(500", "revoked": "check providers.stripe.key"} {
		d.order("fault", map[string]any{"kind": kind, "count": 2, "path": "/v1/events"})
		got, err := d.poll()
		if err == nil || len(got) != 0 || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %q %v", kind, got, err)
		}
		req, _ := http.NewRequest(http.MethodDelete, d.url+"/_sandbox/fault", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	d.wantPoll("webhook.failed undelivered/evt_a") // the next poll asks again
}

func TestCheck(t *testing.T) {
	t.Parallel()
	d := start(t)
	if err := d.client.Check(t.Context()); err != nil || !d.client.Restricted() {
		t.Errorf("%v", err)
	}
	other, err := stripe.New(stripe.Options{BaseURL: d.url, Key: "sk_test_other", AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Check(t.Context()); err == nil || other.Restricted() || !strings.Contains(err.Error(), "check providers.stripe.key") {
		t.Errorf("a wrong key: %v", err)
	}
	for _, o := range []stripe.Options{{}, {Key: "k", BaseURL: "nowhere"}, {Key: "k", AllowPrivate: []string{"x"}}} {
		if _, err := stripe.New(o); err == nil {
			t.Errorf("%+v made a client", o)
		}
	}
}

func newReceiver(t *testing.T, got chan<- struct{}) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got <- struct{}{} }))
	t.Cleanup(s.Close)
	return s.URL
}
