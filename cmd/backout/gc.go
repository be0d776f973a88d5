package main

import (
	"context"
	"os"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// A storm makes much short-lived garbage over a small heap, so collecting at twice the
// heap costs a tenth of the processor for a few megabytes saved. So the heap may grow
// by heapRoom before it is collected, and by less than that, relative to it, when it
// is large. GOGC or GOMEMLIMIT in the environment leave all of it to whoever set them.
const (
	heapRoom   = 192 << 20
	leastGC    = 100
	mostGC     = 250
	gcLookedAt = 5 * time.Second
)

// paceGC sets how much the heap may grow between collections, until ctx ends.
func paceGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(mostGC)
	go func() {
		tick := time.NewTicker(gcLookedAt)
		defer tick.Stop()
		live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for {
			select {
			case <-tick.C:
				runtimemetrics.Read(live)
				debug.SetGCPercent(gcPercent(live[0].Value.Uint64()))
			case <-ctx.Done():
				return
			}
		}
	}()
}

// gcPercent is how much a heap of so many live bytes may grow, in percent.
func gcPercent(live uint64) int {
	return int(min(max(heapRoom*100/max(live, 1), leastGC), mostGC))
}
