package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// measure kills the process again and again while everything flows, lets what was begun
// end, and counts.
func (b *killBench) measure(ctx context.Context, w *killWorld) (*killLine, error) {
	flow, stopAll := context.WithCancel(ctx)
	publish, stopPublishing := context.WithCancel(flow)
	var all, publishers sync.WaitGroup
	defer func() {
		stopAll()
		publishers.Wait()
		all.Wait()
	}()
	publishers.Go(func() { w.overNATS(publish) })
	for range killPeople {
		all.Go(func() { w.answers(flow) })
	}
	all.Go(func() { w.settles(flow) })
	err := b.killAll(ctx, w)
	stopPublishing()
	publishers.Wait()
	if err != nil {
		return nil, err
	}
	w.comeToRest(flow)
	stopAll()
	all.Wait()
	w.count(ctx)
	return &w.line, nil
}

func (b *killBench) killAll(ctx context.Context, w *killWorld) error {
	chance := rand.New(rand.NewPCG(b.seed, 1)) //nolint:gosec // moments, no secrets
	var ready []float64
	for k := range b.kills {
		if err := w.openMore(); err != nil {
			return err
		}
		if err := waits(ctx, time.Duration(chance.Int64N(int64(maxUptime)))); err != nil {
			return err
		}
		start := time.Now()
		if err := w.process.kill(); err != nil {
			return err
		}
		if k%4 == 3 {
			if err := w.killBooting(ctx, time.Duration(chance.Int64N(int64(maxBoot)))); err != nil {
				return err
			}
			w.line.Booting++
			start = time.Now()
		}
		if err := w.startAgain(ctx); err != nil {
			return fmt.Errorf("after kill %d: %w", k+1, err)
		}
		ready = append(ready, ms(time.Since(start)))
		if (k+1)%50 == 0 {
			fmt.Fprintf(b.log, "%d of %d kills\n", k+1, b.kills)
		}
	}
	w.line.Ready = spreadOf(ready)
	return nil
}

// killBooting starts the process and kills it before it is ready, or just then.
func (w *killWorld) killBooting(ctx context.Context, after time.Duration) error {
	p, err := beginProcess(ctx, w.openMeasure)
	if err != nil {
		return err
	}
	if err := waits(ctx, after); err != nil {
		return err
	}
	return p.kill()
}

// waits lets some time pass.
func waits(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// comeToRest waits until every question of an acknowledged event is answered and the
// step behind it is done. What is not by then is counted as lost.
func (w *killWorld) comeToRest(ctx context.Context) {
	left := w.openers()
	_ = poll(ctx, benchSettle, "everything to end", func() bool {
		for len(left) > 0 && w.state(ctx, left[0], benchStep) == orchestrator.StepDone {
			left = left[1:]
		}
		return len(left) == 0
	})
}

// openers are the environments whose event was acknowledged.
func (w *killWorld) openers() (all []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acked {
		var i int
		if n, _ := fmt.Sscanf(a[1], "bench/e%d", &i); n == 1 {
			all = append(all, i)
		}
	}
	return all
}

// count fills in what became of everything that was acknowledged.
func (w *killWorld) count(ctx context.Context) {
	l := &w.line
	l.Events, l.Answers = len(w.acked), len(w.confirmed)
	l.EventsLost = len(w.lost(ctx, func(path string, query url.Values, v any) error { return w.now().get(ctx, path, query, v) }))
	for i := range w.confirmed {
		if w.state(ctx, i, benchStep) != orchestrator.StepDone || w.target.calls(benchEnvironment(i)) == 0 {
			l.AnswersLost++
		}
	}
	for i := range w.opened {
		switch n := w.target.calls(benchEnvironment(i)); {
		case n > 1:
			l.Twice++
			fallthrough
		case n == 1:
			l.Steps++
		}
	}
}
