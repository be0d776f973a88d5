package engine

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// asked is a source that counts its polls and may hang until its deadline.
type asked struct {
	name  string
	every time.Duration
	hangs bool
	at    []time.Time
	took  time.Duration
}

func (a *asked) Name() string         { return a.name }
func (a *asked) Every() time.Duration { return a.every }

func (a *asked) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	began := time.Now()
	a.at = append(a.at, began)
	if a.hangs {
		<-ctx.Done()
	}
	a.took = time.Since(began)
	return nil, ctx.Err()
}

func TestPollSource_slowOneDelaysNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{opt: Options{Logger: slog.New(slog.DiscardHandler), SourceEvery: time.Minute}, inputs: make(chan func(), 4096), done: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		slow, quick := &asked{name: "slow", every: 10 * time.Minute, hangs: true}, &asked{name: "quick", every: 10 * time.Second}
		for _, s := range []*asked{slow, quick} {
			e.tasks.Go(func() { e.pollSource(ctx, s) })
		}
		ended := time.NewTimer(10 * time.Minute)
		<-ended.C
		cancel()
		e.tasks.Wait()
		if n := len(quick.at); n < 55 || n > 65 {
			t.Errorf("the quick source was asked %d times in 10 minutes at 10 s", n)
		}
		if slow.took != pollWait {
			t.Errorf("the slow one had %s, its deadline is %s", slow.took, pollWait)
		}
	})
}

func TestPaceOf_boundsAndSpreads(t *testing.T) {
	t.Parallel()
	for every, want := range map[time.Duration]time.Duration{time.Millisecond: pollLeast, 48 * time.Hour: pollMost, time.Minute: time.Minute} {
		p := paceOf(&asked{name: "a", every: every}, 0)
		if p.every < want*19/20 || p.every > want*21/20 || p.first > time.Second || p.deadline > pollWait {
			t.Errorf("%s: %+v", every, p)
		}
	}
	different := map[time.Duration]bool{}
	for i := range 20 {
		name := fmt.Sprint("probe/shop/production/p", i)
		p := paceOf(&asked{name: name, every: time.Minute}, 0)
		if p != paceOf(&asked{name: name, every: time.Minute}, 0) {
			t.Error("the same source has two paces")
		}
		different[p.every] = true
	}
	if len(different) < 15 {
		t.Errorf("20 sources have only %d paces", len(different))
	}
}
