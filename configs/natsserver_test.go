package configs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsPasswords are what the environment of nats-server.conf holds in these tests.
func natsPasswords() map[string]string {
	return map[string]string{"engine": "p-engine", "publisher-shop": "p-publisher", "command": "p-command"}
}

// startNATS runs a real server with configs/nats-server.conf, on a free loopback
// port and a folder of its own.
func startNATS(t *testing.T) *server.Server {
	t.Helper()
	t.Setenv("BACKOUT_NATS_ENGINE_PASSWORD", natsPasswords()["engine"])
	t.Setenv("BACKOUT_NATS_PUBLISHER_PASSWORD", natsPasswords()["publisher-shop"])
	t.Setenv("BACKOUT_NATS_COMMAND_PASSWORD", natsPasswords()["command"])
	opts, err := server.ProcessConfigFile("nats-server.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	opts.StoreDir, opts.NoLog, opts.NoSigs = t.TempDir(), true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server did not start within 20 s")
	}
	return s
}

// client is a connection together with what the server refused it.
type client struct {
	*nats.Conn
	refused chan error
}

func connect(t *testing.T, s *server.Server, user string) client {
	t.Helper()
	c := client{refused: make(chan error, 64)}
	conn, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, natsPasswords()[user]),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.refused <- err }))
	if err != nil {
		t.Fatalf("connecting as %s: %v", user, err)
	}
	t.Cleanup(conn.Close)
	c.Conn = conn
	return c
}

// mustRefuse runs do and waits for the server's refusal.
func (c client) mustRefuse(t *testing.T, what string, do func() error) {
	t.Helper()
	if err := errors.Join(do(), c.Flush()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	select {
	case err := <-c.refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%s: the server allowed it", what)
	}
}

// engineWithStreams is the engine's connection, with the inbox and the log made
// and a tap on every subject of its account.
func engineWithStreams(t *testing.T, s *server.Server) (client, *nats.Subscription) {
	t.Helper()
	engine := connect(t, s, "engine")
	js, err := jetstream.New(engine.Conn)
	if err != nil {
		t.Fatal(err)
	}
	for name, subject := range map[string]string{"BACKOUT": "backout.event.>", "BACKOUT_LOG": "backout.log.>"} {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}, AllowDirect: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.Publish(t.Context(), "backout.log.ev", []byte("an entry")); err != nil {
		t.Fatal(err)
	}
	tap, err := engine.SubscribeSync("backout.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Flush(); err != nil { // the server has the subscription before anybody publishes
		t.Fatal(err)
	}
	return engine, tap
}

func TestNATS_everyWriteIsSynced(t *testing.T) {
	s := startNATS(t)
	if !s.JetStreamConfig().SyncAlways {
		t.Error("sync_interval is not always: an acknowledged entry could be lost with the power")
	}
	if conn, err := nats.Connect(s.ClientURL()); err == nil {
		conn.Close()
		t.Error("somebody without a name was let in")
	}
}

func TestNATS_publisherHandsInEventsOfItsProject(t *testing.T) {
	s := startNATS(t)
	_, tap := engineWithStreams(t, s)
	js, err := jetstream.New(connect(t, s, "publisher-shop").Conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"backout.event.alert.shop", "backout.event.deploy.shop", "backout.event.webhook.shop"} {
		ack, err := js.Publish(t.Context(), subject, []byte("{}"), jetstream.WithMsgID("shop/ci/"+subject))
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		if ack.Stream != "BACKOUT" {
			t.Errorf("%s went to the stream %q", subject, ack.Stream)
		}
		got, err := tap.NextMsg(5 * time.Second)
		if err != nil || got.Subject != subject || got.Header.Get(jetstream.MsgIDHeader) != "shop/ci/"+subject {
			t.Errorf("the engine got %+v (%v) for %s", got, err, subject)
		}
	}
}

func TestNATS_publisherDoesNothingElse(t *testing.T) {
	s := startNATS(t)
	engine, tap := engineWithStreams(t, s)
	publisher := connect(t, s, "publisher-shop")
	for _, subject := range []string{
		"backout.event.alert.other", "backout.event.alert", "backout.event.alert.shop.more",
		"backout.log.ev", "backout.log.cmd", "backout.log.own.0", "backout.command.shop",
		"$JS.API.INFO", "$JS.API.STREAM.INFO.BACKOUT", "$JS.API.STREAM.PURGE.BACKOUT", "$JS.API.DIRECT.GET.BACKOUT_LOG",
		"$SYS.REQ.SERVER.PING", "_INBOX.somebody.else",
	} {
		publisher.mustRefuse(t, "publishing to "+subject, func() error { return publisher.PublishRequest(subject, nats.NewInbox(), []byte("{}")) })
	}
	for _, subject := range []string{">", "*.>", "backout.>", "backout.event.alert.shop", "backout.log.>", "backout.command.shop", "$JS.>", "$SYS.>"} {
		publisher.mustRefuse(t, "subscribing to "+subject, func() error {
			_, err := publisher.SubscribeSync(subject)
			return err
		})
	}
	if err := engine.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := tap.Pending(); n != 0 {
		t.Errorf("%d messages of the publisher reached the engine's account", n)
	}
}

// TestNATS_publisherHearsNobodysReplies: an inbox wildcard is allowed, and hears
// only what was asked in the publisher's own account.
func TestNATS_publisherHearsNobodysReplies(t *testing.T) {
	s := startNATS(t)
	engine, _ := engineWithStreams(t, s)
	ear, err := connect(t, s, "publisher-shop").SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	answerCommands(t, engine)
	command := connect(t, s, "command")
	reply, err := command.Request("backout.command.shop", []byte("stop INC-1"), 5*time.Second)
	if err != nil || string(reply.Data) != "done" {
		t.Fatalf("the command was answered with %v (%v)", reply, err)
	}
	if _, err := engine.Request("$JS.API.STREAM.INFO.BACKOUT_LOG", nil, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if msg, err := ear.NextMsg(100 * time.Millisecond); err == nil {
		t.Errorf("the publisher heard %q on %s", msg.Data, msg.Subject)
	}
}

func TestNATS_commandAsksAndDoesNothingElse(t *testing.T) {
	s := startNATS(t)
	engine, _ := engineWithStreams(t, s)
	answerCommands(t, engine)
	command := connect(t, s, "command")
	reply, err := command.RequestMsg(&nats.Msg{Subject: "backout.command.shop", Header: nats.Header{"Backout-Token": {"t"}}, Data: []byte("ack INC-1")}, 5*time.Second)
	if err != nil || string(reply.Data) != "done" {
		t.Fatalf("the command was answered with %v (%v)", reply, err)
	}
	for _, subject := range []string{"backout.event.alert.shop", "backout.log.cmd", "backout.command.other", "$JS.API.STREAM.INFO.BACKOUT"} {
		command.mustRefuse(t, "publishing to "+subject, func() error { return command.Publish(subject, nil) })
	}
	command.mustRefuse(t, "listening to commands", func() error {
		_, err := command.SubscribeSync("backout.command.>")
		return err
	})
}

// answerCommands lets the engine's account answer, as the engine does.
func answerCommands(t *testing.T, engine client) {
	t.Helper()
	_, err := engine.Subscribe("backout.command.*", func(m *nats.Msg) {
		if !strings.HasSuffix(m.Subject, ".shop") {
			return
		}
		_ = m.Respond([]byte("done"))
	})
	if err := errors.Join(err, engine.Flush()); err != nil {
		t.Fatal(err)
	}
}
