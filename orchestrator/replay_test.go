package orchestrator_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// record keeps every entry a story folded.
func (b *book) entries() []orchestrator.Entry { return b.log }

// story plays a rollback with people, refusals, timers and results.
func story(t *testing.T) *book {
	t.Helper()
	gate := orchestrator.Node{ID: "cured", Kind: orchestrator.NodeGate, Then: "monitoring", Gate: &orchestrator.Gate{Signals: true, Pass: "quiet", Every: "10s", Consecutive: "2", Within: "5m"}}
	b := newBook(t, onePlan(rollbackNode(), gate), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	at := b.now
	b.alert("latency")
	b.preview("rollback")
	b.say("cat", "approve", "INC-1")
	b.say("ann", "ack", "INC-1")
	b.say("ann", "approve", "INC-1")
	d := b.intend("rollback", "dpl_bad")
	b.result(d, orchestrator.ResultDone)
	b.resolved("5xx", at)
	b.resolved("latency", at)
	b.wait(2 * minute)
	b.say("bob", "resolve", "INC-1")
	b.wait(25 * 60 * minute)
	return b
}

// TestFold_sameLogSameState folds one log again from zero, on one and on two
// processors, and compares every byte of every bucket.
func TestFold_sameLogSameState(t *testing.T) {
	b := story(t)
	want := dumped(t, b.view, b.state)
	for _, procs := range []int{1, 2} {
		old := runtime.GOMAXPROCS(procs)
		view := &orchestrator.MemoryView{}
		state, err := orchestrator.NewState(view)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.entries() {
			if _, err := b.fold.Apply(state, e); err != nil {
				t.Fatal(err)
			}
		}
		if got := dumped(t, view, state); !bytes.Equal(got, want) {
			t.Errorf("on %d processors the same log gave another state", procs)
		}
		runtime.GOMAXPROCS(old)
	}
}

// TestFold_flushBetweenEntriesChangesNothing commits after every entry, as a
// restart at any place would.
func TestFold_flushBetweenEntriesChangesNothing(t *testing.T) {
	b := story(t)
	want := dumped(t, b.view, b.state)
	view := &orchestrator.MemoryView{}
	for _, e := range b.entries() {
		state, err := orchestrator.NewState(view)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.fold.Apply(state, e); err != nil {
			t.Fatal(err)
		}
		if err := state.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	state, err := orchestrator.NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	if got := dumped(t, view, state); !bytes.Equal(got, want) {
		t.Error("a state that was stored after every entry differs from one that was not")
	}
}

func dumped(t *testing.T, v *orchestrator.MemoryView, s *orchestrator.State) []byte {
	t.Helper()
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, bucket := range orchestrator.Buckets() {
		v.Scan(bucket, nil, nil, func(k, val []byte) bool {
			fmt.Fprintf(&out, "%s %x %s\n", bucket, k, val)
			return true
		})
	}
	return out.Bytes()
}

// FuzzApply feeds the fold bodies that are no entries: nothing may panic, and
// nothing may stop it but a guard.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{
		`{"id":"x","at":1,"r":[{"ev":{"origin":"a","id":"1","type":"backout.alert.firing","project":"shop","name":"n","severity":"critical"}}]}`,
		`{"id":"x","at":1,"r":[{"cmd":{"id":"1","person":"ann","verb":"approve","incident":1,"step":"rollback"}}]}`,
		`{"id":"x","epoch":9,"r":[{"intent":{"n":1,"o":0,"attempt":"a","try":1}},{"result":{"n":1,"o":0,"attempt":"a","kind":"done"}}]}`,
		`{"r":[{"timer":{"due":1,"n":1,"name":"s/0/0/0"}},{"preview":{"n":1,"o":0,"hash":"h","text":"t","chunks":3}}]}`,
		`{"r":[{"observed":{"project":"shop","environment":"production","serving":{"deployment":"d"}}},{"deploys":{"project":"shop","environment":"production","list":[{"id":"d"}]}}]}`,
	} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		subjects := []string{orchestrator.SubjectEvents, orchestrator.SubjectCommands, orchestrator.SubjectConfig, orchestrator.SubjectAct(0)}
		b.seq++
		_, err := b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq, Subject: subjects[int(which)%len(subjects)], Data: body})
		if isGuard(err) {
			return
		}
		if err == nil {
			err = b.state.Flush()
		}
		if err != nil {
			t.Fatalf("the fold stopped: %v", err)
		}
		b.alert("after it")
	})
}
