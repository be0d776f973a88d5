package bus_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestStartServer_mendsSettings leaves the settings of the log as a server does that
// dies between its two files: the log is still the same one, with its entries.
func TestStartServer_mendsSettings(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"the sum of earlier settings": func(path string) error { return os.WriteFile(path, []byte("0123456789abcdef"), 0o600) },
		"no sum yet":                  os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s, b := open(t, dir, "off")
			id := b.LogID()
			seq, err := b.Append(t.Context(), orchestrator.Message{Subject: orchestrator.SubjectEvents, ID: "e1", Data: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			if err := spoil(filepath.Join(dir, "jetstream", "$G", "streams", bus.LogStream, "meta.sum")); err != nil {
				t.Fatal(err)
			}
			_, b = open(t, dir, "off")
			ends, err := b.Ends(t.Context())
			if err != nil || b.LogID() != id || ends.LogID != id || ends.Last != seq {
				t.Fatalf("the log %s that ended at %d is %s and ends at %+v: %v", id, seq, b.LogID(), ends, err)
			}
		})
	}
}

// TestStartServer_dropsLeftovers leaves the file with which a server tried whether it
// may write: the next one is well all the same.
func TestStartServer_dropsLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, "off")
	s.Close()
	if err := os.WriteFile(filepath.Join(dir, "jetstream", "_test_1842"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, dir, "off")
	if err := s.Writable(); err != nil {
		t.Fatal(err)
	}
}
