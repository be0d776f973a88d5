//go:build crashpoints

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// crash kills this very process with SIGKILL when a named point is reached for
// the n-th time: BACKOUT_CRASH=after-intent:2. BACKOUT_PAUSE stops it with SIGSTOP
// instead, until somebody sends SIGCONT. It wraps what the engine is given
// (log, actions, metrics), so that the engine under test is the shipped one.
type crash struct {
	mu     sync.Mutex
	point  string
	left   int
	signal syscall.Signal
}

func newCrash() *crash {
	at, signal := os.Getenv("BACKOUT_CRASH"), syscall.SIGKILL
	if at == "" {
		at, signal = os.Getenv("BACKOUT_PAUSE"), syscall.SIGSTOP
	}
	name, n, _ := strings.Cut(at, ":")
	left, err := strconv.Atoi(n)
	if err != nil {
		left = 1
	}
	return &crash{point: name, left: left, signal: signal}
}

func (c *crash) at(point string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if point != c.point {
		return
	}
	if c.left--; c.left != 0 {
		return
	}
	fmt.Fprintln(os.Stderr, "crash point", point)
	_ = syscall.Kill(os.Getpid(), c.signal)
	if c.signal == syscall.SIGKILL {
		select {} // SIGKILL arrives; nothing after this line may run
	}
	<-time.After(100 * time.Millisecond) // the stop reaches this thread a moment later
}

func instrumentedLog(l orchestrator.Log) orchestrator.Log { return &crashLog{Log: l, c: newCrash()} }

type crashLog struct {
	orchestrator.Log
	c *crash
}

// Append names its points by what the message carries.
func (l *crashLog) Append(ctx context.Context, m orchestrator.Message) (uint64, error) {
	for _, kind := range []string{"intent", "result", "inbox", "claim", "verified", "timer"} {
		if bytes.Contains(m.Data, []byte(`"`+kind+`":{`)) {
			l.c.at("before-" + kind)
		}
	}
	seq, err := l.Log.Append(ctx, m)
	for _, kind := range []string{"intent", "result", "inbox", "claim", "verified", "timer"} {
		if err == nil && bytes.Contains(m.Data, []byte(`"`+kind+`":{`)) {
			l.c.at("after-" + kind)
		}
	}
	return seq, err
}

func instrumentedActions(all map[string]orchestrator.Action) map[string]orchestrator.Action {
	out := map[string]orchestrator.Action{}
	c := newCrash()
	for name, a := range all {
		if o, ok := a.(orchestrator.Observer); ok {
			out[name] = &crashObserver{crashAction{a, c}, o}
			continue
		}
		out[name] = &crashAction{a, c}
	}
	return out
}

type crashAction struct {
	orchestrator.Action
	c *crash
}

func (a *crashAction) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	effect := a.Spec().Effect
	if effect {
		a.c.at("before-call")
	}
	out, err := a.Action.Do(ctx, c)
	if effect {
		a.c.at("after-call")
	}
	return out, err
}

type crashObserver struct {
	crashAction
	o orchestrator.Observer
}

func (a *crashObserver) Observe(ctx context.Context, c orchestrator.Call) (orchestrator.Serving, error) {
	return a.o.Observe(ctx, c)
}

func instrumentedMetrics(m engine.Metrics) engine.Metrics { return &crashMetrics{m, newCrash()} }

type crashMetrics struct {
	engine.Metrics
	c *crash
}

func (m *crashMetrics) Folded(n int, lag time.Duration) {
	m.Metrics.Folded(n, lag)
	m.c.at("before-commit")
}

func (m *crashMetrics) Committed(took time.Duration) {
	m.c.at("after-commit")
	m.Metrics.Committed(took)
}
