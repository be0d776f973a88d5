package engine_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// TestEngine_commitsBesideTheFold: whether each commit holds the fold up or runs beside
// it, the store that is left is the one that the log makes.
func TestEngine_commitsBesideTheFold(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), newMemoryLog()
	genesis(t, log)
	r := startWith(t, dir, log, "b1", rigOptions{beside: 1})
	r.configure(t)
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			for n := range 250 {
				if err := r.e.Ingest(t.Context(), alert(fmt.Sprintf("a-%d-%d", sender, n))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	other := start(t, again, log, "b2")
	other.wait(t, func(s *orchestrator.State) bool { return s.Meta().Events == 2000 })
	if err := other.stop(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{dir, again} {
		s, err := store.Open(filepath.Join(folder, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		err = s.Read(func(s *orchestrator.State) error {
			for sender := range 8 {
				for n := range 250 {
					if _, ok := s.Seen("test", fmt.Sprintf("a-%d-%d", sender, n), s.Meta().Now); !ok {
						t.Errorf("%s lacks a-%d-%d", folder, sender, n)
					}
				}
			}
			return nil
		})
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Error(err)
		}
		_ = s.Close()
	}
}
