package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

func TestStore_keepsWhatWasCommittedAndNothingElse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	v.Put(orchestrator.BucketEnv, []byte("a1"), []byte("kept"))
	if err := s.Commit(v); err != nil {
		t.Fatal(err)
	}
	if v, err = s.Begin(); err != nil {
		t.Fatal(err)
	}
	v.Put(orchestrator.BucketEnv, []byte("a2"), []byte("lost"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if v, err = s.Begin(); err != nil {
		t.Fatal(err)
	}
	var got []string
	v.Scan(orchestrator.BucketEnv, []byte("a"), nil, func(k, val []byte) bool {
		got = append(got, string(k)+"="+string(val))
		return true
	})
	if len(got) != 1 || got[0] != "a1=kept" {
		t.Fatalf("got %v", got)
	}
}

func TestStore_secondProcessIsTurnedAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := store.Open(path); err == nil || !strings.Contains(err.Error(), "another Backout is running") {
		t.Fatalf("got %v", err)
	}
}
