package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// TestFilter_neverHidesARecord: a store with more keys than are taken in at once is
// opened, and whatever was there, came or went since is found as it is, before the
// filter knows everything and after.
func TestFilter_neverHidesARecord(t *testing.T) {
	t.Parallel()
	const keys = 45_000
	path := filepath.Join(t.TempDir(), "state.db")
	key := func(n int) []byte { return fmt.Appendf(nil, "key %d", n) }
	open := func() (*store.Store, *store.View) {
		s, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Begin()
		if err != nil {
			t.Fatal(err)
		}
		return s, v
	}
	s, v := open()
	for n := range keys {
		v.Put(orchestrator.BucketSeen, key(n), key(n))
	}
	if err := s.Commit(v); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, v = open()
	defer s.Close()
	for round := range 5 { // the filter is whole after three
		added := keys + round
		v.Put(orchestrator.BucketSeen, key(added), key(added))
		v.Delete(orchestrator.BucketSeen, key(round))
		for n := range added + 1 {
			if got := string(v.Get(orchestrator.BucketSeen, key(n))); got != string(key(n)) && n > round {
				t.Fatalf("in round %d key %d is %q", round, n, got)
			}
		}
		for n := range keys {
			absent := n <= round || n > added
			for _, k := range [][]byte{key(n), fmt.Appendf(nil, "other %d", n)} {
				if got := v.Get(orchestrator.BucketSeen, k); got != nil && (absent || k[0] == 'o') {
					t.Fatalf("in round %d there is %q", round, k)
				}
			}
		}
		if err := s.Commit(v); err != nil {
			t.Fatal(err)
		}
	}
}
