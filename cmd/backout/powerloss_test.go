package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/cmd/backout/internal/powercut"
)

// A power cut is replayed, because that needs no special machine: a run under strace
// is the recording (powerloss_load_test.go, powerloss_record_test.go), package
// powercut makes of it the disk as it may be after a cut at any point of it, and the
// judge starts Backout on that (powerloss_check_test.go). What must hold is what
// somebody was told before that point (powerloss_promise_test.go).

// powerSeed makes the choice of points and the torn writes repeatable.
const powerSeed = 7

// controlPoints bounds the points of a control.
const controlPoints = 20

// TestPowerLoss cuts the power while publishers publish, incidents run, people
// approve, and Backout is stopped, killed and started again: whatever is left of the
// writes that no sync covered, it starts, its log and its store fit, no acknowledged
// event is lost, and no call was made that the log knows nothing of.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	r, events := recordWhole(t, powerLoad)
	if r == nil {
		return
	}
	points := pointsAround(events, 12, rand.New(rand.NewPCG(powerSeed, 0)))
	r.replay(t, examine, r.opt, points, cuts()...).wantNothingLost(t)
	r.wantControls(t, events)
}

// wantControls replays disks that do not do what they were told: the judge must see
// it, or its silence says nothing.
func (r *recorded) wantControls(t *testing.T, events []powercut.Event) {
	t.Helper()
	end := []int{len(events) - 1}
	var told []int // right after it was said that the inbox has an event
	for i := range events {
		if strings.HasPrefix(events[i].Mark, "ack nats/") && len(told) < controlPoints {
			told = append(told, i)
		}
	}
	deaf := func(ignore func(path string) bool) powercut.Options {
		o := r.opt
		o.IgnoreSync = ignore
		return o
	}
	at := func(part string) func(string) bool {
		return func(path string) bool { return strings.Contains(path, part) }
	}
	strict := r.opt
	strict.FolderSyncOnly = true
	r.replay(t, examine, deaf(at("")), end, powercut.Dropped).wantWrong(t, "a disk that ignores every sync", "lost: ")
	r.replay(t, examine, deaf(at("/BACKOUT/msgs/")), told, powercut.Dropped).wantWrong(t, "an inbox that is not synced", "lost: ")
	r.replay(t, examine, deaf(at("/BACKOUT_LOG/msgs/")), end, powercut.Dropped).wantWrong(t, "a log that is not synced", "the log ends")
	r.replay(t, examine, strict, end, powercut.Dropped).wantWrong(t, "a file system that keeps a name by a sync of its folder only", "lost: ")
}

// TestPowerLoss_afterKills kills Backout between a write of the log and its sync,
// which strace makes take long, and cuts the power right after the next start: what
// that start read must not be folded before it is on disk.
func TestPowerLoss_afterKills(t *testing.T) {
	t.Parallel()
	r, events := recordWhole(t, killsLoad, slowSyncs()...)
	if r == nil {
		return
	}
	var points []int
	for i := range events {
		if events[i].Path == "state.db" && events[i].Synced > 0 {
			points = append(points, i)
		}
	}
	r.replay(t, examine, r.opt, points, powercut.Dropped).wantNothingLost(t)
	hits := r.halfWritten(t)
	t.Logf("%d of %d kills left an entry of the log that was written and not synced", hits, slowKills)
	if hits == 0 {
		t.Error("no kill hit between a write and its sync; that proves nothing")
	}
}

// halfWritten counts the kills that hit between a write of the log and its sync.
func (r *recorded) halfWritten(t *testing.T) int {
	t.Helper()
	hits := 0
	for p := r.Play(r.opt); ; {
		e, ok, err := p.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return hits
		}
		if e.Mark == killedMark && p.Unsynced("BACKOUT_LOG/msgs/") > 0 {
			hits++
		}
	}
}

// syncDelay is longer than the store waits with a commit, and than a busy machine
// takes to stop a child.
const syncDelay = 120 * time.Millisecond

// slowSyncs makes a sync of a file take longer.
func slowSyncs() []string {
	return []string{"-e", fmt.Sprintf("inject=fsync:delay_enter=%d", syncDelay.Microseconds())}
}

// TestPowerLoss_whileTheLogIsTrimmed cuts the power while old entries are dropped
// and the settings of the log, which hold its name, are written anew.
func TestPowerLoss_whileTheLogIsTrimmed(t *testing.T) {
	t.Parallel()
	r, events := recordWhole(t, trimLoad)
	if r == nil {
		return
	}
	points := pointsAround(events, 10, rand.New(rand.NewPCG(powerSeed, 1)))
	r.replay(t, examineLog, r.opt, points, powercut.Dropped, powercut.Torn).wantNothingLost(t)
}
