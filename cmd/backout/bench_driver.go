package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// incidentsDriver keeps so many incidents in flight and counts their calls.
type incidentsDriver struct {
	engine *engine.Engine
	seats  []seat
	next   atomic.Int64
}

// seat is one environment's incident as its action sees it.
type seat struct {
	// opened brings the incident's number at the first call, ended closes at the
	// last.
	opened chan uint64
	ended  chan struct{}
	calls  [benchSteps]atomic.Int32
}

func newIncidentsDriver(most int) *incidentsDriver {
	d := &incidentsDriver{seats: make([]seat, most)}
	for i := range d.seats {
		d.seats[i].opened, d.seats[i].ended = make(chan uint64, 1), make(chan struct{}, 1)
	}
	return d
}

// do is the action: it does nothing but tell the driver.
func (d *incidentsDriver) do(_ context.Context, c orchestrator.Call) error {
	i, err := strconv.Atoi(strings.TrimPrefix(c.Environment, "e"))
	step, serr := strconv.Atoi(strings.TrimPrefix(c.Step, "step"))
	if err := errors.Join(err, serr); err != nil || i >= len(d.seats) || step < 1 || step > benchSteps {
		return orchestrator.Permanent(fmt.Errorf("a call nobody asked for: %s %s", c.Environment, c.Step))
	}
	s := &d.seats[i]
	if s.calls[step-1].Add(1) > 1 {
		return nil // a second call is found by the audit
	}
	switch step {
	case 1:
		s.opened <- orchestrator.ParseIncidentName(c.Incident)
	case benchSteps:
		s.ended <- struct{}{}
	}
	return nil
}

// drive keeps inFlight incidents going until the time is over or the seats are
// used up, and returns how many went through.
func (d *incidentsDriver) drive(ctx context.Context, inFlight int, until time.Time) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, inFlight)
	for range inFlight {
		wg.Go(func() {
			if err := d.lane(ctx, until); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return int(min(d.next.Load(), int64(len(d.seats)))), nil
	}
}

// lane drives one incident after another.
func (d *incidentsDriver) lane(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) {
		i := int(d.next.Add(1)) - 1
		if i >= len(d.seats) {
			return nil
		}
		if err := d.incident(ctx, i); err != nil {
			return fmt.Errorf("the incident of event %d: %w", i, err)
		}
	}
	return nil
}

// incident sends the event, acknowledges when the plan has begun, and waits for
// the last call.
func (d *incidentsDriver) incident(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, benchSettle)
	defer cancel()
	if err := d.engine.Ingest(ctx, []orchestrator.Record{benchRecord(i)}); err != nil {
		return err
	}
	var n uint64
	select {
	case n = <-d.seats[i].opened:
	case <-ctx.Done():
		return fmt.Errorf("its first step was not called: %w", ctx.Err())
	}
	r, err := d.engine.Command(ctx, orchestrator.Command{ID: "ack-" + benchEnvironment(i), Via: "bench", Person: benchPerson, Verb: "ack", Incident: n})
	if err != nil {
		return err
	}
	if !r.OK {
		return errors.New("the acknowledgement was refused: " + r.Text)
	}
	select {
	case <-d.seats[i].ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("its last step was not called: %w", ctx.Err())
	}
}

// audit checks that every step of every incident was called once.
func (d *incidentsDriver) audit(count int) error {
	for i := range count {
		for s := range benchSteps {
			if n := d.seats[i].calls[s].Load(); n != 1 {
				return fmt.Errorf("step %d of event %d was called %d times", s+1, i, n)
			}
		}
	}
	return nil
}
