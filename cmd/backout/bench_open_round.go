package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// Before a kill at least openTouched incidents are acknowledged, openAtOnce at a
// time.
const (
	openTouched = 20
	openAtOnce  = 4
)

// openMeasure is a folder full of incidents and the process that runs on it.
type openMeasure struct {
	dir, token     string
	count          int
	log            io.Writer
	target         *benchTarget
	process        *openProcess
	builtPerSecond float64
	// acknowledged are the incidents whose acknowledgement was confirmed, answered
	// those whose question was; used counts those that had any command.
	acknowledged map[uint64]bool
	answered     []uint64
	used         atomic.Uint64
}

// openRound is what one kill and start measured, in milliseconds.
type openRound struct {
	ready, call         float64
	scan, logRead, exec float64
	metrics, list       float64
	memory              childMemory
}

func (m *openMeasure) start(ctx context.Context) (err error) {
	m.process, err = startProcess(ctx, m)
	return err
}

func (m *openMeasure) close() {
	if m.process != nil {
		_ = m.process.kill()
	}
	m.target.close()
}

// next is an incident nobody touched yet; they are spread over all of them.
func (m *openMeasure) next() uint64 {
	step := uint64(m.count)*5/8 | 1
	for gcd(step, uint64(m.count)) != 1 {
		step += 2
	}
	return 1 + m.used.Add(1)*step%uint64(m.count)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// round kills the process while it is given commands, takes the controls, starts
// it again and measures.
func (m *openMeasure) round(ctx context.Context) (got openRound, err error) {
	if err := m.killBusy(ctx); err != nil {
		return got, err
	}
	if err := m.controls(ctx, &got); err != nil {
		return got, err
	}
	start := time.Now()
	if err := m.start(ctx); err != nil {
		return got, err
	}
	got.ready = ms(time.Since(start))
	called, err := m.answer(ctx)
	if err != nil {
		return got, err
	}
	got.call = ms(called.Sub(start))
	if got.memory, err = m.process.memory(ctx); err != nil {
		return got, err
	}
	if got.metrics, err = m.process.timed(ctx, "/metrics"); err != nil {
		return got, err
	}
	if got.list, err = m.process.timed(ctx, "/api/v1/incidents"); err != nil {
		return got, err
	}
	return got, m.audit(ctx)
}

// killBusy acknowledges incidents, several at a time, and kills the process in
// the middle of it.
func (m *openMeasure) killBusy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, benchSettle)
	defer cancel()
	confirmed := make(chan uint64)
	ended := make(chan struct{})
	var wg sync.WaitGroup
	for range openAtOnce {
		wg.Go(func() { m.acknowledge(ctx, confirmed) })
	}
	go func() {
		wg.Wait()
		close(ended)
	}()
	var err error
	for taken := 0; ; {
		select {
		case n := <-confirmed:
			m.acknowledged[n] = true
			if taken++; taken == openTouched {
				err = errors.Join(m.process.kill(), err)
			}
		case <-ended:
			if taken < openTouched {
				err = errors.Join(fmt.Errorf("only %d acknowledgements were taken", taken), m.process.kill())
			}
			m.process = nil
			return err
		}
	}
}

// acknowledge acknowledges one incident after another until the process is gone.
func (m *openMeasure) acknowledge(ctx context.Context, confirmed chan<- uint64) {
	for {
		n := m.next()
		r, err := m.process.say(ctx, "ack "+orchestrator.IncidentName(n))
		if err != nil || !r.OK {
			return
		}
		confirmed <- n
	}
}

// answer answers the question of one incident and returns when the call of the
// step behind it came in.
func (m *openMeasure) answer(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, benchSettle)
	defer cancel()
	n := m.next()
	r, err := m.process.say(ctx, "choose "+orchestrator.IncidentName(n)+" "+benchAsk+" "+benchAnswer)
	if err == nil && !r.OK {
		err = errors.New(r.Text)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("answering %s: %w", orchestrator.IncidentName(n), err)
	}
	m.answered = append(m.answered, n)
	if err := m.target.wait(ctx, int(n-1), int(n)); err != nil {
		return time.Time{}, err
	}
	at, _ := m.target.at(benchEnvironment(int(n - 1)))
	return at, nil
}

// audit checks that every confirmed acknowledgement is there and that every
// answered incident went on, by one call each.
func (m *openMeasure) audit(ctx context.Context) error {
	for n := range m.acknowledged {
		var shown struct{ Acknowledged *console.Acknowledged }
		if err := m.process.call(ctx, http.MethodGet, "/api/v1/incidents/"+strconv.FormatUint(n, 10), nil, &shown); err != nil {
			return err
		}
		if shown.Acknowledged == nil {
			return fmt.Errorf("the acknowledgement of %s is lost", orchestrator.IncidentName(n))
		}
	}
	for _, n := range m.answered {
		if calls := m.target.calls(benchEnvironment(int(n - 1))); calls != 1 {
			return fmt.Errorf("the step of %s was called %d times", orchestrator.IncidentName(n), calls)
		}
	}
	return nil
}
