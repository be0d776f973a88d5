package main

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// natsPasswords are the variables of configs/nats-server.conf; TestMain sets them,
// because the server reads its file with the environment of this process.
func natsPasswords() map[string]string {
	return map[string]string{
		"BACKOUT_NATS_ENGINE_PASSWORD":    "zq-engine-41f06be7a2",
		"BACKOUT_NATS_PUBLISHER_PASSWORD": "zq-publisher-77ac10d3f5",
		"BACKOUT_NATS_COMMAND_PASSWORD":   "zq-command-0be2957c18",
	}
}

// externalNATS runs a NATS server with the very file that the compose file mounts.
func externalNATS(t *testing.T) (address string, env []string) {
	t.Helper()
	for name, value := range natsPasswords() {
		env = append(env, name+"="+value)
	}
	opts := must(server.ProcessConfigFile("../../configs/nats-server.conf"))(t)
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	opts.StoreDir, opts.NoLog, opts.NoSigs = t.TempDir(), true, true
	if !opts.SyncAlways {
		t.Error("configs/nats-server.conf does not sync every message")
	}
	s := must(server.NewServer(opts))(t)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server did not start within 20 s")
	}
	return s.ClientURL(), env
}

// TestExternalNATS runs one rollback over an external server: Backout as the
// engine's user, the publisher as its own, who may publish events and no more.
func TestExternalNATS(t *testing.T) {
	t.Parallel()
	address, env := externalNATS(t)
	s := newShop(t, shopOptions{NATSURL: address, Env: env})
	var ready struct{ Status, Sync string }
	if !s.eventually(storyLimit, func() bool { return s.get("/readyz", url.Values{}, &ready) == nil }) || !strings.Contains(ready.Sync, "not verified") {
		t.Errorf("/readyz says %+v; want it ready and the sync setting not verified", ready)
	}
	s.badDeployment()
	publisher := []string{"PUBLISHER_USER=publisher-shop", "PUBLISHER_PASSWORD=" + natsPasswords()["BACKOUT_NATS_PUBLISHER_PASSWORD"]}
	s.publisher(publisher, promotedEvent("p1"), event{"alert", cloudEvent("a1", "backout.alert.firing", alert("health/shop.test", "critical"))})
	s.waitsForYesToGoBack()
	s.approveAgain()
	s.waitBack()
	s.wantOneRollback()
	if code, _, said := once(t, "alert other {}\n", publisher, must(built.publisher())(t), address); code == 0 {
		t.Errorf("the publisher of shop could publish for another project: %s", said)
	}
	s.backout.stop(t)
}
