package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// bucket is one with a filter; those without one are less.
const bucket = orchestrator.BucketSeen

// viewWorld does the same to a store and to a view in memory.
type viewWorld struct {
	t     *testing.T
	rng   *rand.Rand
	store *store.Store
	view  *store.View
	model *orchestrator.MemoryView
	// upto is the model as it was frozen; nil when no commit runs.
	upto *orchestrator.MemoryView
	// kept is the model as it was committed last.
	kept *orchestrator.MemoryView
}

// TestView_isWhatWasWritten: whatever is written, deleted and committed in between,
// also while a commit is under way, the view says what a view in memory says, and a
// reader of the last commit sees that commit alone.
func TestView_isWhatWasWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			v, err := s.Begin()
			if err != nil {
				t.Fatal(err)
			}
			w := &viewWorld{t: t, rng: rand.New(rand.NewPCG(seed, 1)), store: s, view: v, model: &orchestrator.MemoryView{}, kept: &orchestrator.MemoryView{}}
			for range 400 {
				w.step()
			}
		})
	}
}

func (w *viewWorld) key() []byte {
	return fmt.Appendf(nil, "%c%03d", "ab"[w.rng.IntN(2)], w.rng.IntN(120))
}

func (w *viewWorld) step() {
	switch n := w.rng.IntN(100); {
	case n < 55:
		k, v := w.key(), fmt.Append(nil, w.rng.Int())
		w.view.Put(bucket, k, v)
		w.model.Put(bucket, k, v)
	case n < 75:
		k := w.key()
		w.view.Delete(bucket, k)
		w.model.Delete(bucket, k)
	case n < 85:
		w.commit()
	case n < 95:
		k := w.key()
		if got, want := string(w.view.Get(bucket, k)), string(w.model.Get(bucket, k)); got != want {
			w.t.Fatalf("%s is %q, want %q", k, got, want)
		}
	default:
		w.compare()
	}
}

// commit goes on with the commit that is under way, or begins one.
func (w *viewWorld) commit() {
	switch {
	case w.upto != nil:
		w.must(w.store.Write(w.view))
		w.must(w.store.Settle(w.view))
		w.kept, w.upto = w.upto, nil
	case w.rng.IntN(2) == 0:
		w.must(w.store.Commit(w.view))
		w.kept = w.model.Clone()
	default:
		w.view.Freeze()
		w.upto = w.model.Clone()
	}
}

func (w *viewWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *viewWorld) compare() {
	start, most := w.key(), 1+w.rng.IntN(60)
	for _, prefix := range []string{"", "a", "b", "a0", "zz"} {
		got, want := scan(w.view, prefix, start, most), scan(w.model, prefix, start, most)
		if !slices.Equal(got, want) {
			w.t.Fatalf("from %s with prefix %q the view has %v, want %v", start, prefix, got, want)
		}
	}
	_, sum, err := w.store.Hash()
	w.must(err)
	if again := w.hash(w.kept); sum != again {
		w.t.Fatalf("the commit has the hash %s, want %s", sum, again)
	}
}

// hash is the hash of a store that was given the model and nothing else.
func (w *viewWorld) hash(model *orchestrator.MemoryView) string {
	s, err := store.Open(filepath.Join(w.t.TempDir(), "again.db"))
	w.must(err)
	defer s.Close()
	v, err := s.Begin()
	w.must(err)
	model.Scan(bucket, nil, nil, func(k, val []byte) bool {
		v.Put(bucket, k, val)
		return true
	})
	w.must(s.Commit(v))
	_, sum, err := s.Hash()
	w.must(err)
	return sum
}

func scan(v orchestrator.View, prefix string, start []byte, most int) []string {
	var out []string
	v.Scan(bucket, []byte(prefix), start, func(k, val []byte) bool {
		out = append(out, string(k)+"="+string(val))
		return len(out) < most
	})
	return out
}
