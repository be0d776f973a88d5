package store

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestRoom_beforeTheFileIsMappedAnew: bbolt waits for every reader when it has to map
// the file anew, and the view is one. So a commit beside the view is made only where
// there is room, and one without a view in between always goes through.
func TestRoom_beforeTheFileIsMappedAnew(t *testing.T) {
	t.Parallel()
	s, err := open(filepath.Join(t.TempDir(), "state.db"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	beside, alone := 0, 0
	for n := range uint64(64) {
		v.Put(orchestrator.BucketEnv, binary.BigEndian.AppendUint64(nil, n), make([]byte, 100_000))
		if !s.Room(v) {
			alone++
			if err := s.Commit(v); err != nil {
				t.Fatal(err)
			}
			continue
		}
		beside++
		v.Freeze()
		if err := s.Write(v); err != nil {
			t.Fatal(err)
		}
		if err := s.Settle(v); err != nil {
			t.Fatal(err)
		}
	}
	if beside == 0 || alone == 0 {
		t.Errorf("%d commits beside the view and %d without it, want some of both", beside, alone)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}
