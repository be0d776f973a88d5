package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/aimarketplace/backout/orchestrator"
)

// barFailover is DESIGN section 7, row 6: milliseconds until the next step's call.
const barFailover = 4000

// failoverLoss is one way to lose a process, and how it comes back.
type failoverLoss struct {
	key, name string
	bar       float64
	// leader is set when what is lost is the NATS server that leads the log.
	leader       bool
	strike, mend func(ctx context.Context, w *failoverWorld, i int) error
}

func failoverLosses() []failoverLoss {
	again := func(ctx context.Context, w *failoverWorld, i int) error { return w.startInstance(ctx, i) }
	none := func(context.Context, *failoverWorld, int) error { return nil }
	return []failoverLoss{
		{key: "sigkill", name: "SIGKILL of the owner", bar: barFailover, mend: again, strike: func(_ context.Context, w *failoverWorld, i int) error { w.procs[i].kill9(); return nil }},
		{key: "sigterm", name: "SIGTERM of the owner", bar: barFailover, strike: func(_ context.Context, w *failoverWorld, i int) error {
			return w.procs[i].Process.Signal(syscall.SIGTERM)
		}, mend: func(ctx context.Context, w *failoverWorld, i int) error {
			return errors.Join(w.procs[i].end(), again(ctx, w, i))
		}},
		{
			key: "sigstop", name: "SIGSTOP of the owner", bar: barFailover,
			strike: func(_ context.Context, w *failoverWorld, i int) error { return w.procs[i].freeze(true) },
			mend:   func(_ context.Context, w *failoverWorld, i int) error { return w.procs[i].freeze(false) },
		},
		{
			key: "nats", name: "SIGKILL of the NATS server that leads the log", leader: true,
			strike: func(_ context.Context, w *failoverWorld, i int) error { w.nats.nodes[i].kill9(); return nil },
			mend:   func(ctx context.Context, w *failoverWorld, i int) error { return w.nats.startNode(ctx, i) },
		},
		{key: "nothing", name: "control: nothing is lost", strike: none, mend: none},
	}
}

// projects are what the rounds use up: one for each loss, and before it those whose
// steps are on their way then. All of a round are in one partition, so one instance
// acts for them.
func (b *failoverBench) projects(losses int) (all []string) {
	for n := range losses {
		first := fmt.Sprintf("shop%d", n)
		all = append(all, first)
		home := orchestrator.Partition(first, "production", clusterPartitions)
		for k, found := 0, 0; found < b.inFlight; k++ {
			if name := fmt.Sprintf("shop%d-%d", n, k); orchestrator.Partition(name, "production", clusterPartitions) == home {
				all = append(all, name)
				found++
			}
		}
	}
	return all
}
