package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// pausePoints are where a process that stands still for too long could do harm:
// its permission is in the log and was not read back, it is about to call, and it
// has called and not said so.
func pausePoints() []string {
	return []string{"after-intent", "before-call", "after-call", "before-result"}
}

// TestPressure_stopped stops Backout with SIGSTOP in the middle of a rollback for
// longer than a permission lasts, and lets it go on: it goes on, with one rollback.
func TestPressure_stopped(t *testing.T) {
	t.Parallel()
	for _, point := range pausePoints() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			stoppedAt(t, point, 8*time.Second)
		})
	}
}

// stoppedAt approves a rollback, stops the process at a point for a while, and
// waits for the end of the story.
func stoppedAt(t *testing.T, point string, pause time.Duration) {
	t.Helper()
	s := newShop(t, shopOptions{Crash: true, Kind: true, Workflows: must(filepath.Abs("testdata/kill"))(t)})
	s.breakShop()
	s.waitsForYes()
	s.backout.stop(t)
	s.env = append(s.env, "BACKOUT_PAUSE="+point)
	s.restart("")
	var said sync.WaitGroup
	said.Go(func() { s.say("approve INC-1 back") }) // the answer may come after the pause
	if !s.eventually(30*time.Second, s.backout.stopped) {
		t.Fatalf("Backout did not come to %s: %s", point, s.backout.said())
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	<-timer.C
	if err := s.backout.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	said.Wait()
	s.approveAgain()
	s.waitIncident("INC-1", "proven on every domain", func(inc *console.Incident) bool { return stepOf(inc, "proven").State == "done" })
	inc := s.incident("INC-1")
	attempts, calls := stepOf(&inc, "back").Attempts, s.asked("/rollback/")
	t.Logf("stopped at %s for %s: proven %s later, %d attempts, %d calls of the rollback", point, pause, time.Since(began).Round(100*time.Millisecond), attempts, calls)
	// A permission that was read back too late is not used: its attempt calls nobody.
	if point == "after-intent" && attempts <= calls {
		t.Errorf("%d attempts and %d calls; the first permission was too old to be used:\n%s", attempts, calls, told(&inc))
	}
	s.wantOneRollback()
	s.backout.stop(t)
}

// asked counts the calls of a path at Vercel, whether they had an effect or not.
func (s *shop) asked(path string) int {
	s.t.Helper()
	n := 0
	for _, c := range s.calls() {
		if c.Server == "vercel" && c.Method == "POST" && bytes.Contains([]byte(c.Path), []byte(path)) {
			n++
		}
	}
	return n
}

// stopped reports whether the child stands still after SIGSTOP.
func (p *process) stopped() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		return false
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	return len(fields) > 0 && slices.Contains([]string{"T", "t"}, string(fields[0]))
}
