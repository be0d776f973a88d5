package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aimarketplace/backout/cmd/backout/internal/powercut"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// judges is how many starts after a power cut run at once.
const judges = 4

// cuts are the ways the power is cut at each point.
func cuts() []powercut.Cut { return []powercut.Cut{powercut.Dropped, powercut.Kept, powercut.Torn} }

// events lists the events of a recording, and fails when the model does not know
// something that happened.
func (r *recorded) events(t *testing.T) []powercut.Event {
	t.Helper()
	var out []powercut.Event
	for p := r.Play(r.opt); ; {
		e, ok, err := p.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, e)
	}
}

// wantWhole checks that the replay with every write kept is, byte for byte, the
// folder that the program left: the recording misses nothing. It reads the plan of
// the recording from there, if a store is there.
func (r *recorded) wantWhole(t *testing.T) {
	t.Helper()
	p := r.Play(r.opt)
	for ok, err := true, error(nil); ok; {
		if _, ok, err = p.Next(); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(r.dir, "replayed")
	if err := p.CutPower(powercut.Kept, 0, dir); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("diff", "-r", r.final(), dir).CombinedOutput(); err != nil {
		t.Fatalf("the replay is not what was there: %v\n%s", err, out)
	}
	path := filepath.Join(dir, "state.db")
	if _, err := os.Stat(path); err != nil {
		return
	}
	st := must(store.Open(path))(t)
	defer st.Close()
	if err := st.Read(func(s *orchestrator.State) error { r.plan = planOf(s); return nil }); err != nil {
		t.Fatal(err)
	}
}

var digits = regexp.MustCompile(`\d+`)

// kindOf tells apart what is synced: the files of a stream are of one kind.
func kindOf(e *powercut.Event) string { return e.Call + " " + digits.ReplaceAllString(e.Path, "N") }

// pointsAround picks the events after which the power is cut: before and after the
// first and another of each kind of sync, and some more.
func pointsAround(events []powercut.Event, more int, random *rand.Rand) []int {
	kinds := map[string][]int{}
	for i := range events {
		if events[i].Synced > 0 {
			kinds[kindOf(&events[i])] = append(kinds[kindOf(&events[i])], i)
		}
	}
	picked := map[int]bool{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		at := kinds[kind]
		for _, i := range []int{at[0], at[random.IntN(len(at))]} {
			picked[i] = true
			picked[max(0, i-1)] = true
		}
	}
	for range more {
		picked[random.IntN(len(events))] = true
	}
	return slices.Sorted(maps.Keys(picked))
}

// outcome is what a replay found.
type outcome struct {
	mu             sync.Mutex
	points, images int
	// told is what somebody had been told at the last point, dropped how many writes
	// a cut dropped at most.
	told, dropped int
	wrong         []string
}

func (o *outcome) add(where string, wrong []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.images++
	for _, w := range wrong {
		o.wrong = append(o.wrong, where+": "+w)
	}
}

// wantNothingLost fails with everything that was wrong, and says how much was tried.
func (o *outcome) wantNothingLost(t *testing.T) {
	t.Helper()
	for _, w := range o.wrong {
		t.Error(w)
	}
	lost := o.count("lost: ")
	t.Logf("power cut at %d points, %d starts on what was left: %d acknowledgements, %d lost, %d other faults; up to %d unsynced writes dropped at once",
		o.points, o.images, o.told, lost, len(o.wrong)-lost, o.dropped)
}

// count is how many complaints hold some words.
func (o *outcome) count(words string) int {
	n := 0
	for _, w := range o.wrong {
		if strings.Contains(w, words) {
			n++
		}
	}
	return n
}

// wantWrong is for controls: it fails unless the judge found something of that kind.
func (o *outcome) wantWrong(t *testing.T, when, what string) {
	t.Helper()
	n := o.count(what)
	if n == 0 {
		t.Errorf("control: %s: nothing was found of %q: %v", when, what, o.wrong)
	}
	t.Logf("control: %s: found %q %d times in %d starts, with %d acknowledgements", when, what, n, o.images, o.told)
}

// judge starts on a folder that a cut left and says what is wrong with it.
type judge func(ctx context.Context, dir string, want *promised) []string

// replay cuts the power at the given points, in every way of the list, and lets a
// judge look at what is left.
func (r *recorded) replay(t *testing.T, look judge, o powercut.Options, points []int, ways ...powercut.Cut) *outcome {
	t.Helper()
	out := &outcome{points: len(points)}
	want := &promised{called: map[string]bool{}, plan: r.plan}
	var working sync.WaitGroup
	free := make(chan struct{}, judges)
	p := r.Play(o)
	for i := 0; len(points) > 0; i++ {
		e, ok, err := p.Next()
		if err != nil || !ok {
			t.Fatalf("the replay ended at event %d: %v", i, err)
		}
		if e.Mark != "" {
			want.take(t, e.Mark)
		}
		if i != points[0] {
			continue
		}
		points = points[1:]
		out.told, out.dropped = want.told, max(out.dropped, p.Unsynced(""))
		for _, cut := range ways {
			dir := filepath.Join(r.dir, fmt.Sprintf("cut-%d-%s", i, cut), "data")
			if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := p.CutPower(cut, uint64(i), dir); err != nil {
				t.Fatal(err)
			}
			known := want.now()
			where := fmt.Sprintf("event %d, after %s %s, %s", i, e.Call, e.Path, cut)
			free <- struct{}{}
			working.Go(func() {
				out.add(where, look(t.Context(), dir, known))
				_ = os.RemoveAll(filepath.Dir(dir))
				<-free
			})
		}
	}
	working.Wait()
	return out
}
