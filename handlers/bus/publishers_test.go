package bus_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/aimarketplace/backout/orchestrator"
)

// publisher is a connection without a password, as anybody on the machine can make one.
func publisher(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestServer_publishersReadNothingOfTheEngine(t *testing.T) {
	t.Parallel()
	s, b := open(t, t.TempDir(), "127.0.0.1:0")
	nc := publisher(t, s.URL())
	sub, err := nc.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), orchestrator.Message{Subject: orchestrator.SubjectEvents, ID: "e1", Data: []byte(`{"private":1}`)}); err != nil {
		t.Fatal(err)
	}
	hash, err := b.PutBlob(t.Context(), []byte("somebody@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Blob(t.Context(), hash); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(t.Context(), 1, 100); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if m, err := sub.NextMsgWithContext(ctx); err == nil {
		t.Errorf("a publisher overheard %s: %q", m.Subject, m.Data)
	}
}

func TestServer_aReplyIsNoWayIn(t *testing.T) {
	t.Parallel()
	s, b := open(t, t.TempDir(), "127.0.0.1:0")
	stop, err := b.ServeCommands(t.Context(), func(context.Context, string, string, string) (bool, string) { return false, "no" })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	nc := publisher(t, s.URL())
	before, err := b.Read(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{orchestrator.SubjectEvents, orchestrator.SubjectCommands, "$JS.API.STREAM.PURGE.BACKOUT_LOG", "$JS.API.STREAM.MSG.DELETE.BACKOUT", "$JS.API.STREAM.DELETE.BACKOUT", "backout.event.alert.other"} {
		if err := nc.PublishRequest("backout.command.shop", reply, []byte("help")); err != nil {
			t.Fatal(err)
		}
		if err := nc.PublishRequest("backout.event.alert.shop", reply, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	after, err := b.Read(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range after[min(len(before), len(after)):] {
		t.Errorf("entry %d of %s came by a reply: %s", e.Seq, e.Subject, e.Data)
	}
	if len(after) < len(before) {
		t.Errorf("the log lost entries: %d before, %d after", len(before), len(after))
	}
	inbox, err := b.ReadInbox(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range inbox {
		if !strings.HasSuffix(m.Subject, ".shop") || string(m.Data) != "{}" {
			t.Errorf("message %d of %s came by a reply: %s", m.Seq, m.Subject, m.Data)
		}
	}
}

// A server of one's own may have all its users in one account; then only the engine
// itself keeps its answers out of the log.
func TestServeCommands_answersNowhereButToTheAsker(t *testing.T) {
	t.Parallel()
	s, b := open(t, t.TempDir(), "off")
	asked := make(chan struct{}, 8)
	stop, err := b.ServeCommands(t.Context(), func(context.Context, string, string, string) (bool, string) {
		asked <- struct{}{}
		return true, "yes"
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	for _, reply := range []string{orchestrator.SubjectEvents, orchestrator.SubjectOwn(0), "backout.event.alert.shop", "$JS.API.STREAM.PURGE.BACKOUT"} {
		if err := nc.PublishRequest("backout.command.shop", reply, []byte("help")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nc.Request("backout.command.shop", []byte("help"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if n := len(asked); n != 1 {
		t.Errorf("%d requests were carried out, 1 had an asker", n)
	}
	entries, err := b.Read(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries[1:] {
		t.Errorf("entry %d of %s came by a reply: %s", e.Seq, e.Subject, e.Data)
	}
}
