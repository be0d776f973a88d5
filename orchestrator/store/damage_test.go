package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// filled is the file of a store with some thousand records, closed.
func filled(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5_000 {
		v.Put(orchestrator.BucketEnv, fmt.Appendf(nil, "key%06d", i), []byte(strings.Repeat("v", 100)))
	}
	if err := errors.Join(s.Commit(v), s.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// used opens the file as a start does, reads all of it, writes to it and checks it.
func used(t *testing.T, file []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	checked := s.Check()
	read := s.Read(func(st *orchestrator.State) error { st.Timeline(1, 0, 1); return nil })
	v, err := s.Begin()
	if err != nil {
		return errors.Join(checked, read, err)
	}
	v.Put(orchestrator.BucketEnv, []byte("key0025005"), []byte("new"))
	return errors.Join(checked, read, s.Commit(v), s.Close())
}

// TestDamage_isAnErrorThatSaysWhatToDo: whatever became of the file, nobody sees a trace.
func TestDamage_isAnErrorThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	if err := used(t, whole); err != nil {
		t.Fatalf("a whole file: %v", err)
	}
	page := os.Getpagesize()
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":              func(b []byte) []byte { return b[:len(b)/20] },
		"cut to its head":      func(b []byte) []byte { return b[:5*page] },
		"zeros":                func(b []byte) []byte { return make([]byte, len(b)) },
		"zeros after its head": func(b []byte) []byte { clear(b[4*page:]); return b },
		"another kind of file": func([]byte) []byte { return []byte(strings.Repeat("text\n", 10_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := used(t, damage(append([]byte(nil), whole...)))
			if !errors.Is(err, orchestrator.ErrStore) {
				t.Errorf("got %v", err)
			} else if !strings.Contains(err.Error(), "move state.db") {
				t.Errorf("it does not say what to do: %v", err)
			}
		})
	}
}

// TestDamage_anyBitsMayBeWrong: bits that are wrong anywhere give an error or none, but
// never a panic and never a fault.
func TestDamage_anyBitsMayBeWrong(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	found := 0
	for seed := range uint64(40) {
		dice := rand.New(rand.NewPCG(seed, 1))
		file := append([]byte(nil), whole...)
		for range 200 {
			file[dice.IntN(700_000)] ^= 1 << dice.IntN(8)
		}
		if err := used(t, file); err != nil {
			found++
		}
	}
	if found == 0 {
		t.Error("no damage was found")
	}
}

// TestDamage_ofACopyIsSaidOfTheCopy: whoever restores is not told to move the state away.
func TestDamage_ofACopyIsSaidOfTheCopy(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	_, err := store.Install(filepath.Join(t.TempDir(), "state.db"), strings.NewReader(string(whole[:len(whole)/20])))
	if err == nil || strings.Contains(err.Error(), "move state.db") || !strings.Contains(err.Error(), "take another") {
		t.Errorf("got %v", err)
	}
}
