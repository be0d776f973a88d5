package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// stillFine is how long appends may fail before /readyz says so: a server that
// restarts is back by then.
const stillFine = 3 * time.Second

// logRoom says how full the log is, or why it takes nothing or not all.
func (a *app) logRoom() (note string, err error) {
	s := a.engine.LogState()
	note = fmt.Sprintf("%s of %s (%d %%)", configs.Size(s.Bytes), configs.Size(s.Limit), s.Percent())
	switch {
	case s.Full:
		return "", fmt.Errorf("the log is full, %s: nothing new is taken, what was done is kept and written when there is room. %s", note, a.raise())
	case !s.Failing.IsZero() && time.Since(s.Failing) > stillFine:
		return "", fmt.Errorf("the log has taken nothing since %s: %w", s.Failing.UTC().Format("15:04:05 UTC"), s.Cause)
	case s.Refusing:
		what, help := a.shortOf(s, note)
		return "", fmt.Errorf("%s: new signals are refused; commands, results and claims still go in, what is published over NATS waits in the inbox. %s", what, help)
	}
	return note, nil
}

// shortOf says what is nearly full and what helps: the disk, when it has less than
// the limit, or the log.
func (a *app) shortOf(s engine.LogState, note string) (what, help string) {
	if free, known := a.bus.DiskFree(); known && s.Limit < int64(a.cfg.NATS.MaxLog) {
		return fmt.Sprintf("the disk of %s is nearly full, %s are left", a.cfg.Instance.Data, configs.Size(free)), "Make room there and it goes on by itself"
	}
	return "the log is nearly full, " + note, a.raise()
}

func (a *app) raise() string {
	return fmt.Sprintf("Raise nats.max_log (%s now) and restart, or let it be trimmed", a.cfg.NATS.MaxLog)
}

// putBlob keeps a body that came with a signal, unless signals are refused.
func (a *app) putBlob(ctx context.Context, data []byte) (string, error) {
	if a.engine.LogState().Refusing {
		return "", orchestrator.ErrLogNearlyFull
	}
	return a.bus.PutBlob(ctx, data)
}

// roomMetrics tells /metrics how full the log is.
func (a *app) roomMetrics(r prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "backout_" + name, Help: help}, value))
	}
	gauge("log_bytes", "What the log takes, in bytes.", func() float64 { return float64(a.engine.LogState().Bytes) })
	gauge("log_limit_bytes", "What the log may take: nats.max_log, or less when the disk has less.", func() float64 { return float64(a.engine.LogState().Limit) })
	gauge("signals_refused", "1 while new signals are refused because the log is nearly full.", func() float64 {
		if a.engine.LogState().Refusing {
			return 1
		}
		return 0
	})
}
