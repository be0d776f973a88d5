package bus_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
	"github.com/aimarketplace/backout/orchestrator/store"
	"github.com/aimarketplace/backout/workflows"
)

const partitions = 16

// put appends one entry as whoever owns the partition would.
func put(t *testing.T, b *bus.Bus, subject string, fence *orchestrator.Fence, rec orchestrator.Record) (uint64, error) {
	t.Helper()
	env := orchestrator.Envelope{ID: fmt.Sprint(t.Name(), subject, fence, rec.Claim, rec.Bad), At: 1_700_000_000_000}
	if fence != nil {
		env.Epoch = fence.Seq
	}
	env.Records = []orchestrator.Record{rec}
	data, err := env.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b.Append(t.Context(), orchestrator.Message{Subject: subject, Data: data, Fence: fence, ID: env.ID})
}

// filler is an entry that means nothing.
func filler(n int) orchestrator.Record {
	return orchestrator.Record{Bad: &orchestrator.Bad{Origin: "test", Reason: fmt.Sprint(n)}}
}

// claimed claims partitions and returns their epochs.
func claimed(t *testing.T, b *bus.Bus, epochs map[int]uint64, boot string, which ...int) {
	t.Helper()
	for _, p := range which {
		own := orchestrator.SubjectOwn(p)
		seq, err := put(t, b, own, &orchestrator.Fence{Subject: own, Seq: epochs[p]}, orchestrator.Record{Claim: &orchestrator.Claim{Instance: boot, Boot: boot, FoldVersion: orchestrator.FoldVersion}})
		if err != nil {
			t.Fatal(err)
		}
		epochs[p] = seq
	}
}

// TestTrim_keepsEveryClaim trims a log of 16 partitions with claims on both sides of
// the mark: afterwards the owner of each can still append, and nobody else.
func TestTrim_keepsEveryClaim(t *testing.T) {
	t.Parallel()
	_, b := openWith(t, t.TempDir(), bus.Options{Partitions: partitions})
	epochs, old := map[int]uint64{}, map[int]uint64{}
	claimed(t, b, epochs, "one", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	maps.Copy(old, epochs)
	claimed(t, b, epochs, "two", 4, 5, 6, 7) // two claims before the mark
	for n := range 50 {
		if _, err := put(t, b, orchestrator.SubjectAct(n%partitions), nil, filler(n)); err != nil {
			t.Fatal(err)
		}
	}
	ends, err := b.Ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mark := ends.Last
	claimed(t, b, epochs, "three", 8, 9, 10, 11, 12, 13, 14, 15) // claims after the mark
	behind, at := t.TempDir(), t.TempDir()
	folded(t, b, behind, mark-1)
	folded(t, b, at, mark)
	if err := b.Trim(t.Context(), mark, epochs); err != nil {
		t.Fatal(err)
	}
	if ends, err = b.Ends(t.Context()); err != nil || ends.Trimmed != mark {
		t.Fatalf("%+v, %v", ends, err)
	}
	for p := range partitions {
		own := orchestrator.SubjectOwn(p)
		if _, err := put(t, b, orchestrator.SubjectAct(p), &orchestrator.Fence{Subject: own, Seq: old[p]}, filler(100+p)); old[p] != epochs[p] && !errors.Is(err, orchestrator.ErrFenced) {
			t.Errorf("partition %d: an old owner was let in: %v", p, err)
		}
		if _, err := put(t, b, orchestrator.SubjectAct(p), &orchestrator.Fence{Subject: own, Seq: epochs[p]}, filler(200+p)); err != nil {
			t.Errorf("partition %d: its owner cannot append after the trim: %v", p, err)
		}
	}
	if err := catchUp(t, b, at); err != nil {
		t.Errorf("a follower at the mark: %v", err)
	}
	if err := catchUp(t, b, behind); !errors.Is(err, engine.ErrBehind) {
		t.Errorf("a follower one before the mark: %v, want it told to take a snapshot", err)
	}
}

// folded is a state in a folder that has read the log up to an entry.
func folded(t *testing.T, b *bus.Bus, dir string, upTo uint64) {
	t.Helper()
	st, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	entries, err := b.Read(t.Context(), 1, int(upTo))
	if err != nil {
		t.Fatal(err)
	}
	fold, err := orchestrator.NewFold(workflows.NewEvaluator())
	if err != nil {
		t.Fatal(err)
	}
	view, err := st.Begin()
	if err != nil {
		t.Fatal(err)
	}
	state, err := orchestrator.NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := fold.Apply(state, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(state.Flush(), st.Commit(view)); err != nil {
		t.Fatal(err)
	}
}

func catchUp(t *testing.T, b *bus.Bus, dir string) error {
	t.Helper()
	st, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	return engine.CatchUp(t.Context(), engine.Options{
		Log: b, Keeper: b, Store: st, Rules: workflows.NewEvaluator(), Logger: slog.New(slog.DiscardHandler),
		Core: engine.CoreOptions{Instance: "f", Boot: "f"},
	})
}

func TestSnapshots_keepTheNewestThree(t *testing.T) {
	t.Parallel()
	_, b := openWith(t, t.TempDir(), bus.Options{})
	for n := range uint64(5) {
		if _, err := b.SaveSnapshot(t.Context(), n+1, newReader(fmt.Sprint("state at ", n+1))); err != nil {
			t.Fatal(err)
		}
	}
	cursor, r, err := b.LatestSnapshot(t.Context())
	if err != nil || cursor != 5 || readAll(t, r) != "state at 5" {
		t.Fatalf("%d, %v", cursor, err)
	}
}
