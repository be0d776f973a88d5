package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// killBetweenCalls kills a traced child with SIGKILL after it came to a stand: a
// process that is killed inside a write leaves no trace of whether it wrote. Between
// a write and its sync it may well die.
func (p *process) killBetweenCalls(t *testing.T) {
	t.Helper()
	p.stand(t)
	p.kill9()
}

// stand stops a child; SIGCONT lets it go on.
func (p *process) stand(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	still := 0
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(readyLimit); still < 2; {
		<-tick.C
		if still++; !p.stands() {
			still = 0
		}
		if time.Now().After(limit) {
			t.Fatal("the child did not stop")
		}
	}
}

// killDuringSync kills a child whose syncs are slow between a write to a file and
// its sync: do makes it write. On a machine too busy for that it kills at last
// wherever the child is: the recording tells which kills hit.
func (p *process) killDuringSync(t *testing.T, path string, do func()) {
	t.Helper()
	for try := 1; ; try++ {
		var doing sync.WaitGroup
		written := grows(t, path)
		doing.Go(do)
		since := written()
		p.stand(t)
		if time.Since(since) < syncDelay*3/4 || try == stopTries {
			p.kill9()
			doing.Wait()
			return
		}
		_ = p.Process.Signal(syscall.SIGCONT) // the machine is busy: the sync may be over
		doing.Wait()
	}
}

// stopTries bounds the tries to stop a child in the middle of a sync.
const stopTries = 50

// grows returns a function that waits until a file is longer than now, and returns
// when it was not yet.
func grows(t *testing.T, path string) (wait func() time.Time) {
	t.Helper()
	size := func() int64 { return must(os.Stat(path))(t).Size() }
	before := size()
	return func() time.Time {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for notYet, limit := time.Now(), time.Now().Add(readyLimit); ; <-tick.C {
			asked := time.Now()
			if size() != before {
				return notYet
			}
			if notYet = asked; asked.After(limit) {
				t.Fatal("nothing was written")
			}
		}
	}
}

// stands reports whether every thread is stopped.
func (p *process) stands() bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Process.Pid))
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(text), ") ")
		if rest != "" && rest[0] != 'T' && rest[0] != 't' {
			return false
		}
	}
	return len(stats) > 0
}
