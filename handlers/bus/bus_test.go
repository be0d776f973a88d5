package bus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

func open(t *testing.T, dir, listen string) (*bus.Server, *bus.Bus) {
	t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Dir: dir, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	b, err := bus.Open(t.Context(), nc, bus.Options{MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// openWith is open with options, without a listener.
func openWith(t *testing.T, dir string, o bus.Options) (*bus.Server, *bus.Bus) {
	t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Dir: dir, Listen: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	o.MaxBytes = 64 << 20
	b, err := bus.Open(t.Context(), nc, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func newReader(text string) io.Reader { return strings.NewReader(text) }

func readAll(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestServer_syncsEveryMessage(t *testing.T) {
	t.Parallel()
	s, _ := open(t, t.TempDir(), "off")
	if !s.SyncAlways() {
		t.Fatal("messages are acknowledged before they are on disk")
	}
}

func TestLog_fenceAndReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, b := open(t, dir, "off")
	ctx := t.Context()
	own, act := orchestrator.SubjectOwn(0), orchestrator.SubjectAct(0)
	claim, err := b.Append(ctx, orchestrator.Message{Subject: own, ID: "c1", Data: []byte("{}"), Fence: &orchestrator.Fence{Subject: own}})
	if err != nil || claim != 2 {
		t.Fatalf("claim %d, %v", claim, err)
	}
	fence := &orchestrator.Fence{Subject: own, Seq: claim}
	if _, err := b.Append(ctx, orchestrator.Message{Subject: act, ID: "a1", Data: []byte("{}"), Fence: fence}); err != nil {
		t.Fatal(err)
	}
	if seq, err := b.Append(ctx, orchestrator.Message{Subject: act, ID: "a1", Data: []byte("{}"), Fence: fence}); err != nil || seq != 0 {
		t.Fatalf("a repeat was stored again: %d, %v", seq, err)
	}
	if _, err := b.Append(ctx, orchestrator.Message{Subject: own, ID: "c2", Data: []byte("{}"), Fence: fence}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(ctx, orchestrator.Message{Subject: act, ID: "a2", Data: []byte("{}"), Fence: fence}); !errors.Is(err, orchestrator.ErrFenced) {
		t.Fatalf("an old owner was let in: %v", err)
	}
	entries, err := b.Read(ctx, 1, 100)
	if err != nil || len(entries) != 4 || entries[3].Seq != 4 || entries[3].Subject != own {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if entries, err = b.Read(ctx, 5, 100); err != nil || len(entries) != 0 {
		t.Fatalf("%d entries past the end, %v", len(entries), err)
	}
	s.Close()
	_, b = open(t, dir, "off")
	if entries, err = b.Read(ctx, 1, 100); err != nil || len(entries) != 4 {
		t.Fatalf("%d entries after a restart, %v", len(entries), err)
	}
}

func TestServer_publishersMayPublishEventsOnly(t *testing.T) {
	t.Parallel()
	s, b := open(t, t.TempDir(), "127.0.0.1:0")
	denied := make(chan error, 8)
	nc, err := nats.Connect(s.URL(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := js.Publish(ctx, "backout.event.alert.shop", []byte(`{}`)); err != nil {
		t.Fatalf("an event was not taken: %v", err)
	}
	for _, subject := range []string{"backout.log.ev", "backout.log.own.0", "$JS.API.STREAM.DELETE.BACKOUT_LOG", "$JS.API.DIRECT.GET.BACKOUT_LOG"} {
		if err := nc.Publish(subject, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-denied:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Fatalf("%s: %v", subject, err)
			}
		case <-ctx.Done():
			t.Fatalf("%s was let through", subject)
		}
	}
	got, err := b.ReadInbox(ctx, 1, 10)
	if err != nil || len(got) != 1 || got[0].Subject != "backout.event.alert.shop" {
		t.Fatalf("inbox %v, %v", got, err)
	}
}

func TestBlobs_byHash(t *testing.T) {
	t.Parallel()
	_, b := open(t, t.TempDir(), "off")
	for i := range 2 {
		hash, err := b.PutBlob(t.Context(), []byte("audience"))
		if err != nil {
			t.Fatal(fmt.Sprint(i), err)
		}
		if got, err := b.Blob(t.Context(), hash); err != nil || string(got) != "audience" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}
