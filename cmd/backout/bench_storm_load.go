package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// stormSample is how things stood at a moment of the storm.
type stormSample struct {
	AtMS    float64 `json:"at_ms"`
	Events  uint64  `json:"events"`
	Counted uint64  `json:"counted"`
	Heap    uint64  `json:"heap_bytes"`
	State   int64   `json:"state_bytes"`
	Log     int64   `json:"log_bytes"`
}

// storm posts until the time or the alerts are over and acknowledges all the
// while; it returns how each acknowledgement went.
func (b *stormBench) storm(ctx context.Context, load *alertLoad, line *stormLine) ([]said, error) {
	posts := int(b.flags.lasts.Seconds() * float64(b.rate) / ingestPerPost)
	if b.flags.count > 0 {
		posts = b.flags.count / ingestPerPost
	}
	every := time.Second * ingestPerPost / time.Duration(b.rate)
	acks := max(2, int(float64(b.acks)*every.Seconds()*float64(posts)))
	fmt.Fprintf(b.log, "the storm: %d alerts in %s, %d acknowledgements\n", posts*ingestPerPost, time.Duration(posts)*every, acks)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var posting, watching error
	ended := make(chan struct{})
	all.Go(func() {
		defer close(ended)
		if posting = b.post(ctx, load, line, posts, every); posting != nil {
			cancel()
		}
	})
	all.Go(func() { line.Samples, watching = b.watch(ctx, ended) })
	acked, err := b.acknowledge(ctx, "storm", acks)
	if err != nil {
		cancel()
	}
	all.Wait()
	if posting != nil && err != nil && !errors.Is(err, context.Canceled) {
		return nil, errors.Join(err, posting)
	}
	return acked, errors.Join(posting, err, watching)
}

// post sends the messages, each at its time, and returns when all are taken and
// folded.
func (b *stormBench) post(ctx context.Context, load *alertLoad, line *stormLine, posts int, every time.Duration) error {
	work := make(chan alertMessage, 4*stormSenders)
	var senders sync.WaitGroup
	failed := make(chan error, stormSenders)
	for range stormSenders {
		senders.Go(func() {
			var body []byte
			for m := range work {
				m.body = body
				if err := load.deliver(ctx, &m); err != nil {
					failed <- err
					return
				}
				body = m.body
			}
		})
	}
	start := time.Now()
	due := schedule{load: load, work: work, posts: posts, every: every}
	err := due.run(ctx, failed)
	line.LateMS = ms(time.Since(start) - time.Duration(posts)*every)
	close(work)
	senders.Wait()
	line.Posted, line.Refused = posts*ingestPerPost, int(load.refused.Load())
	line.PerSecond = float64(line.Posted) / time.Since(start).Seconds()
	if err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
	}
	// What was posted stands before this entry of the log, so it is folded when this is.
	last := orchestrator.Token{Hash: "the end of the storm", Scope: "publish", Project: benchProject(0), Revoked: true}
	return b.rig.engine.Configure(ctx, orchestrator.Record{Token: &last})
}

// schedule is the messages of a storm, each with its time.
type schedule struct {
	load  *alertLoad
	work  chan<- alertMessage
	posts int
	every time.Duration
}

// run hands the messages out.
func (s *schedule) run(ctx context.Context, failed <-chan error) error {
	ticks := time.NewTicker(s.every)
	defer ticks.Stop()
	start := time.Now()
	for i := range s.posts {
		for time.Since(start) < time.Duration(i)*s.every {
			select {
			case <-ticks.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m := alertMessage{load: s.load}
		e := i % stormEnvironments
		m.fill(e, s.load.sent[e], ingestNew)
		s.load.sent[e] += ingestNew
		select {
		case s.work <- m:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// watch looks once a second how large everything is, and once more at the end.
func (b *stormBench) watch(ctx context.Context, ended <-chan struct{}) (all []stormSample, err error) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	start := time.Now()
	for last := false; !last; {
		select {
		case <-ticks.C:
		case <-ended:
			last = true
		case <-ctx.Done():
			return all, nil
		}
		s, err := b.sample(ctx)
		if err != nil {
			return nil, err
		}
		s.AtMS = ms(time.Since(start))
		all = append(all, s)
	}
	return all, nil
}

func (b *stormBench) sample(ctx context.Context) (s stormSample, err error) {
	dir := filepath.Join(b.dir, "data")
	if s.State, err = stateSize(dir); err != nil {
		return s, err
	}
	err = filepath.WalkDir(filepath.Join(dir, "nats"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // a file that has just gone has no size
		}
		if info, err := e.Info(); err == nil {
			s.Log += info.Size()
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("measuring the log's files: %w", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.Heap = m.HeapAlloc
	err = b.rig.engine.Read(ctx, 0, func(st *orchestrator.State) error {
		meta := st.Meta()
		s.Events, s.Counted = meta.Events, meta.Spent["http/alertmanager"].Over
		return nil
	})
	return s, err
}
