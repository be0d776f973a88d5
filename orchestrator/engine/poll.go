package engine

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// The bounds of a source's own interval, and of one poll.
const (
	pollLeast = time.Second
	pollMost  = time.Hour
	pollWait  = 30 * time.Second
)

// pace says when a source is asked.
type pace struct {
	// first is the wait before the first poll, every the pause between two, deadline
	// bounds each.
	first, every, deadline time.Duration
}

// paceOf spreads the sources by their names: those of one interval are not all
// asked at once, and the same source always at the same distance. A source without
// an interval of its own is asked at once and then as often as the engine says.
func paceOf(s orchestrator.Source, otherwise time.Duration) pace {
	p, ok := s.(orchestrator.Paced)
	if !ok || p.Every() <= 0 {
		return pace{every: otherwise, deadline: otherwise}
	}
	every := min(max(p.Every(), pollLeast), pollMost)
	h := fnv.New32a()
	h.Write([]byte(s.Name()))
	at := time.Duration(h.Sum32()%1000) * every / 1000
	// Between 19/20 and 21/20 of the interval, and the first within a second.
	return pace{first: min(at, time.Second) * 3 / 4, every: every - every/20 + at/10, deadline: pollWait}
}

// startPolls asks the sources from when the log says what there is to be asked about: the
// first start of all has no configuration yet, and what is read before it means nothing.
func (e *Engine) startPolls(ctx context.Context) {
	if e.polling || len(e.core.State().Config().Projects) == 0 {
		return
	}
	e.polling = true
	for _, s := range e.opt.Sources {
		e.tasks.Go(func() { e.pollSource(ctx, s) })
	}
}

// pollSource asks a source for facts for as long as this process runs; what it says
// counts only while this process owns the work. Each source has a goroutine and a
// deadline of its own, so that a slow one delays nobody else.
func (e *Engine) pollSource(ctx context.Context, s orchestrator.Source) {
	pc := paceOf(s, e.opt.SourceEvery)
	timer := time.NewTimer(pc.first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		e.pollOnce(ctx, s, pc.deadline)
		timer.Reset(pc.every)
	}
}

func (e *Engine) pollOnce(ctx context.Context, s orchestrator.Source, deadline time.Duration) {
	pctx, cancel := context.WithTimeout(ctx, deadline)
	records, err := s.Poll(pctx)
	cancel()
	if err != nil && ctx.Err() == nil {
		e.opt.Logger.WarnContext(ctx, "a source could not be polled", "source", s.Name(), "error", err)
	}
	for i := range records {
		e.timed(&records[i])
	}
	e.input(func() {
		delete(e.blind, s.Name())
		if err != nil {
			e.blind[s.Name()] = err.Error()
		}
		e.core.told(e.clock.now(), records)
	})
}

// told queues what a source said, without what would change nothing.
func (c *Core) told(now time.Time, records []orchestrator.Record) {
	if !c.Owns(0) || c.backlog(0) >= maxBacklog {
		return
	}
	for i := range records {
		if c.fold.Worth(c.state, &records[i], now.UnixMilli()) {
			c.Post(0, records[i])
		}
	}
}
