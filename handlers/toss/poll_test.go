package toss_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/orchestrator"
)

const secret = "test_sk_zq4b1d9e"

// desk is a sandbox Toss, a clock, and what the log would know.
type desk struct {
	*testing.T
	url    string
	client *toss.Client
	watch  toss.Watch
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
	d.url = s.URLs().Toss
	// A byte order mark at the start of the key's file is not a part of the key.
	d.client, err = toss.New(toss.Options{BaseURL: d.url, Key: "\ufeff" + secret, AllowPrivate: []string{"127.0.0.0/8"}, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"20", "24"} { // it has been watched for four days
		d.seen["poll/toss watching/2026-11-"+day] = d.now.AddDate(0, 0, -4).UnixMilli()
	}
	d.watch = toss.Watch{Project: "shop", Component: "checkout", Memory: d, Now: d.clock}
	return d
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
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
		if strings.HasPrefix(f, s.Prefix) {
			out = append(out, f)
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
		if ev == nil || d.seen[ev.Origin+" "+ev.ID] > 0 || ev.Project != "shop" || ev.Unsigned {
			d.Fatalf("%+v", ev)
		}
		d.seen[ev.Origin+" "+ev.ID] = d.clock().UnixMilli()
		if d.firing[ev.Fingerprint] = true; ev.Type == orchestrator.WebhookRecovered {
			delete(d.firing, ev.Fingerprint)
		}
		out = append(out, strings.TrimPrefix(ev.Type, "backout.webhook.")+" "+ev.ID)
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

func TestPoll_missedIsRaisedOnceAndEndsWhenItArrives(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("payment", map[string]any{"payment_key": "pk_young", "ago_ms": 4 * 60_000})
	d.order("payment", map[string]any{"payment_key": "pk_missed", "ago_ms": 6 * 60_000})
	d.order("payment", map[string]any{"payment_key": "pk_arrived", "ago_ms": 6 * 60_000})
	d.order("payment", map[string]any{"payment_key": "pk_old", "ago_ms": 25 * 3600 * 1000})
	d.order("payment", map[string]any{"payment_key": "pk_aborted", "status": "ABORTED", "ago_ms": 6 * 60_000}) // no money moved
	d.seen["http/toss arrived/pk_arrived/DONE"] = 1
	d.wantPoll("failed missed/pk_missed/DONE")
	d.wantPoll()
	d.order("payment", map[string]any{"payment_key": "pk_missed", "status": "CANCELED", "ago_ms": 6 * 60_000})
	d.wantPoll("failed missed/pk_missed/CANCELED")
	d.seen["http/toss arrived/pk_missed/DONE"] = 1
	d.wantPoll("recovered recovered/pk_missed/DONE")
	d.wantPoll()
	// Toss tries for 3 days and 19 hours; then nobody sends it any more.
	d.forward(95 * time.Hour)
	if found, err := d.poll(); err != nil || slices.Contains(found, "recovered recovered/pk_missed/CANCELED") {
		t.Errorf("ended while Toss still tries: %q %v", found, err)
	}
	d.forward(2 * time.Hour)
	if found, err := d.poll(); err != nil || !slices.Contains(found, "recovered recovered/pk_missed/CANCELED") {
		t.Errorf("what Toss gave up still stands: %q %v", found, err)
	}
}

// Of the time before Backout began to watch nothing is known, so nothing is missed;
// of a time in which Backout was down everything is.
func TestPoll_beginsWhenItIsFirstWatched(t *testing.T) {
	t.Parallel()
	d := start(t)
	clear(d.seen)
	d.order("payment", map[string]any{"payment_key": "pk_before", "ago_ms": 60 * 60_000})
	d.wantPoll("recovered watching/2026-11-24")
	d.wantPoll()
	d.order("payment", map[string]any{"payment_key": "pk_down", "ago_ms": -60_000})
	d.forward(20 * time.Hour)
	d.wantPoll("failed missed/pk_down/DONE")
	d.forward(2 * time.Hour)
	d.wantPoll("recovered watching/2026-11-25")
	d.wantPoll()
}

func (d *desk) forward(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func TestPoll_saysWhatItIs(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("payment", map[string]any{"payment_key": "pk_1", "ago_ms": 10 * 60_000})
	records, err := d.client.Poll(t.Context(), d.watch)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	at := d.clock().Add(-10 * time.Minute).UnixMilli()
	want := orchestrator.Event{
		Origin: "poll/toss", ID: "missed/pk_1/DONE", Type: orchestrator.WebhookFailed, Source: "toss", Time: at, StartsAt: at, Single: true, Project: "shop", Component: "checkout",
		Fingerprint: "missed/pk_1/DONE", Name: "a webhook of Toss did not arrive: DONE", Provider: "toss", Endpoint: "/hooks/toss", EventIDs: []string{"pk_1"},
		Labels: map[string]string{"status": "DONE"}, Error: "Toss has the transaction, and its webhook did not arrive within 5m0s",
	}
	if got := fmt.Sprintf("%+v", *records[0].Event); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
}

// Of many payments all are read, page by page, and a hundred are raised at once.
func TestPoll_pages(t *testing.T) {
	t.Parallel()
	d := start(t)
	for i := range 1100 {
		key := fmt.Sprintf("pk_%d", i)
		d.order("payment", map[string]any{"payment_key": key, "ago_ms": 600_000})
		if i < 1080-150 || i >= 1080 {
			d.seen["http/toss arrived/"+key+"/DONE"] = 1
		}
	}
	for _, want := range []int{100, 50, 0} {
		if got, err := d.poll(); err != nil || len(got) != want {
			t.Errorf("%d missed (%v), want %d", len(got), err, want)
		}
	}
}

func TestPayments(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.order("payment", map[string]any{"payment_key": "pk/1", "status": "ABORTED", "code": "REJECT_CARD_PAYMENT"})
	p, found, err := d.client.Payment(t.Context(), "pk/1")
	if err != nil || !found || p.Status != "ABORTED" || p.Failure == nil || p.Failure.Code != "REJECT_CARD_PAYMENT" {
		t.Errorf("%+v %v %v", p, found, err)
	}
	for _, key := range []string{"pk_2", "../transactions", "orders/x"} {
		if _, found, err := d.client.Payment(t.Context(), key); err != nil || found {
			t.Errorf("%s: found %v, %v", key, found, err)
		}
	}
	for kind, want := range map[string]string{"429": "TOO_MANY_REQUESTS", "500_before": "500 FAILED_INTERNAL", "revoked": "secret key of this shop"} {
		d.order("fault", map[string]any{"kind": kind, "count": 3, "retry_after": 60})
		_, _, err := d.client.Payment(t.Context(), "pk/1")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", kind, err)
		}
		req, _ := http.NewRequest(http.MethodDelete, d.url+"/_sandbox/fault", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	if err := d.client.Check(t.Context(), d.clock()); err != nil {
		t.Error(err)
	}
	for _, o := range []toss.Options{{}, {Key: "k", BaseURL: "nowhere"}, {Key: "k", AllowPrivate: []string{"x"}}} {
		if _, err := toss.New(o); err == nil {
			t.Errorf("%+v made a client", o)
		}
	}
}
