package bus

import (
	"errors"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestSize_aServerThatGaveUp: nats-server switches JetStream off when it may not
// write; the bus says so instead of waiting for answers that never come.
func TestSize_aServerThatGaveUp(t *testing.T) {
	t.Parallel()
	s, err := StartServer(ServerOptions{Dir: t.TempDir(), Listen: "off"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	b, err := Open(t.Context(), nc, Options{MaxBytes: 1 << 20, Embedded: s})
	if err != nil {
		t.Fatal(err)
	}
	if size, limit, err := b.Size(t.Context()); err != nil || size == 0 || limit != 1<<20 {
		t.Fatalf("a new log takes %d of %d: %v", size, limit, err)
	}
	if err := s.ns.ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Size(t.Context()); !errors.Is(err, orchestrator.ErrLogBroken) || !strings.Contains(err.Error(), "JetStream not enabled") {
		t.Fatalf("a server without JetStream: %v", err)
	}
}

func TestEnoughDisk(t *testing.T) {
	t.Parallel()
	if err := EnoughDisk(t.TempDir() + "/not/made/yet"); err != nil {
		t.Fatal(err)
	}
}
