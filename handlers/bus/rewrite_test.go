package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestSpool_endsOverALostTail: a log whose last entries cannot be read is not waited for,
// and leaves no spool that would pass for the log.
func TestSpool_endsOverALostTail(t *testing.T) {
	t.Parallel()
	_, b := open(t, t.TempDir(), "off")
	for n := range 3 {
		if _, err := put(t, b, orchestrator.SubjectCommands, nil, filler(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := put(t, b, orchestrator.SubjectConfig, nil, filler(3)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	js, err := jetstream.New(b.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx, bus.LogStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(orchestrator.SubjectConfig)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "spool")
	err = b.Spool(ctx, path, func(*orchestrator.Entry) error { return nil })
	if !errors.Is(err, orchestrator.ErrGap) {
		t.Errorf("spooling a log without its last entry: %v, want %v", err, orchestrator.ErrGap)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRewrite_namesWhatIsWrongWithASpool: a file that is none is refused in words, before
// the log is touched.
func TestRewrite_namesWhatIsWrongWithASpool(t *testing.T) {
	t.Parallel()
	_, b := open(t, t.TempDir(), "off")
	path := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := bus.Rewrite(t.Context(), b.Conn(), path, bus.Options{})
	if err == nil || strings.Contains(err.Error(), "%!") || !strings.Contains(err.Error(), path) {
		t.Errorf("rewriting from a file that is no spool: %v", err)
	}
}
