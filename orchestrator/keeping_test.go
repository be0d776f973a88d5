package orchestrator_test

import (
	"bytes"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// keepingView keeps what it is handed, as the store does, and finds out whether it was
// changed afterwards.
type keepingView struct {
	*orchestrator.MemoryView
	kept, were [][]byte
}

func (v *keepingView) keep(slices ...[]byte) {
	for _, s := range slices {
		v.kept, v.were = append(v.kept, s), append(v.were, bytes.Clone(s))
	}
}

func (v *keepingView) Put(b orchestrator.Bucket, key, value []byte) {
	v.keep(key, value)
	v.MemoryView.Put(b, key, value)
}

func (v *keepingView) Delete(b orchestrator.Bucket, key []byte) {
	v.keep(key)
	v.MemoryView.Delete(b, key)
}

// keeping makes the book go on from what was flushed, on a view that keeps.
func (b *book) keeping() *keepingView {
	b.t.Helper()
	if err := b.state.Flush(); err != nil {
		b.t.Fatal(err)
	}
	v := &keepingView{MemoryView: b.view}
	b.state = must(orchestrator.NewState(v))(b.t)
	return v
}

func (v *keepingView) wantUnchanged(t *testing.T) {
	t.Helper()
	for i, s := range v.kept {
		if !bytes.Equal(s, v.were[i]) {
			t.Errorf("%q was handed to the view and is %q now", v.were[i], s)
		}
	}
}

// TestView_isHandedNothingThatChanges: a night, a move to more partitions, and the day
// after leave every slice as it was handed in; a store would write another row otherwise.
func TestView_isHandedNothingThatChanges(t *testing.T) {
	b, _ := running(t)
	v := b.keeping()
	b.wait(20 * minute)
	if err := b.follow(16, false); err != nil {
		t.Fatal(err)
	}
	p := orchestrator.Partition("shop", "production", 16)
	b.add(orchestrator.SubjectOwn(p), 0, orchestrator.Record{Claim: &orchestrator.Claim{Instance: "new", Boot: "boot9", FoldVersion: orchestrator.FoldVersion}})
	b.alert("after the move")
	b.say("ann", "ack", "INC-1")
	b.say("ann", "stop", "INC-1")
	b.say("ann", "resolve", "INC-1")
	b.after(48 * 60 * minute)
	b.alert("two days later")
	if err := b.state.Flush(); err != nil {
		t.Fatal(err)
	}
	v.wantUnchanged(t)
	if len(v.kept) < 50 {
		t.Errorf("only %d slices were handed in", len(v.kept))
	}
}
