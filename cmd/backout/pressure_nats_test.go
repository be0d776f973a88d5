package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aimarketplace/backout/handlers/console"
)

// natsServer is a NATS server that can be stopped and started again on the same
// folder and port.
type natsServer struct {
	t    *testing.T
	opts *server.Options
	ns   *server.Server
}

func newNATSServer(t *testing.T) *natsServer {
	t.Helper()
	opts := must(server.ProcessConfigFile("../../configs/nats-server.conf"))(t)
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", quietPort(t), 0
	opts.StoreDir, opts.NoLog, opts.NoSigs = t.TempDir(), true, true
	n := &natsServer{t: t, opts: opts}
	n.start()
	t.Cleanup(n.stop)
	return n
}

// quietPort is a free port that nobody gets by chance.
func quietPort(tb testing.TB) int {
	tb.Helper()
	return must(quietPorts(tb.Context(), 1))(tb)[0]
}

func (n *natsServer) start() {
	n.t.Helper()
	n.ns = must(server.NewServer(n.opts))(n.t)
	n.ns.Start()
	if !n.ns.ReadyForConnections(20 * time.Second) {
		n.t.Fatal("the NATS server did not start within 20 s")
	}
}

func (n *natsServer) stop() {
	n.ns.Shutdown()
	n.ns.WaitForShutdown()
}

// TestPressure_NATSGone: the NATS server is gone while a rollback is under way and
// while it waits for a yes. Nobody is told that something was taken that was not,
// what was said meanwhile is not carried out later, and Backout goes on by itself.
func TestPressure_NATSGone(t *testing.T) {
	t.Parallel()
	nats := newNATSServer(t)
	address := nats.ns.ClientURL()
	nats.opts.Port = nats.ns.Addr().(*net.TCPAddr).Port
	s := newShop(t, shopOptions{NATSURL: address, Env: natsEnv(), Kind: true})
	s.breakOverHTTP()
	s.waitsForYes()

	nats.stop()
	began := time.Now()
	status, said := s.hookOne("lost")
	if status != http.StatusServiceUnavailable || !strings.Contains(said, "the log cannot be reached; nothing was taken") {
		t.Errorf("without NATS a signal is answered %d %s", status, said)
	}
	t.Logf("without NATS a signal is answered %d after %s: %s", status, time.Since(began).Round(100*time.Millisecond), said)
	if text, ok := s.say("approve INC-1 back"); ok || !strings.Contains(text, "the log cannot be reached") {
		t.Errorf("without NATS a command is answered %t %s", ok, text)
	}
	s.waitReadyz(http.StatusServiceUnavailable, "NATS cannot be reached")
	nats.start()
	s.waitReadyz(http.StatusOK, "")
	s.signal("back again", "backout.alert.firing", alert("health/shop.test", "critical"))
	if s.seen("http/events", "lost") {
		t.Error("what was refused came later")
	}
	if st := stepOf(new(s.incident("INC-1")), "back"); st.State != "awaiting" {
		t.Errorf("a yes that was refused came later: the step is %s", st.State)
	}

	s.mustSay("approve INC-1 back")
	s.waitIncident("INC-1", "rolling back", func(inc *console.Incident) bool {
		return stepOf(inc, "back").State != "awaiting" && stepOf(inc, "back").State != "ready"
	})
	nats.stop()
	gone := time.NewTimer(3 * time.Second)
	defer gone.Stop()
	<-gone.C
	nats.start()
	s.waitBack()
	s.wantOneRollback()
	s.backout.stop(t)
}

// breakOverHTTP is breakShop where publishers need a password.
func (s *shop) breakOverHTTP() {
	s.t.Helper()
	s.badDeployment()
	s.signal("promoted", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	s.signal("fires", "backout.alert.firing", alert("health/shop.test", "critical"))
}

// signal hands an event in over HTTP.
func (s *shop) signal(id, typ string, data map[string]any) {
	s.t.Helper()
	status, said, err := s.hook("/hooks/events", cloudEvent(id, typ, data), bearerOf(secrets()["E2E_HOOK_TOKEN"]))
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("the hook answered %d %s %v", status, said, err)
	}
}

// natsEnv is the environment that configs/nats-server.conf is read with.
func natsEnv() (env []string) {
	for name, value := range natsPasswords() {
		env = append(env, name+"="+value)
	}
	return env
}
