package engine

import (
	"sync/atomic"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Bounds of what a clock may do: a wall clock that moves by more than maxJump
// against the time since boot has jumped; a monotonic clock that lags by more than
// napping has slept, because the machine was suspended.
const (
	maxJump    = 2 * time.Minute
	napping    = 2 * time.Second
	clockEvery = time.Second
)

// Clock reads the machine's clocks.
type Clock interface {
	// Now is the wall clock, which may be set.
	Now() time.Time
	// Monotonic counts from any start, is never set, and stands still while the
	// machine is suspended.
	Monotonic() time.Duration
	// SinceBoot goes on while the machine is suspended and is never set.
	SinceBoot() time.Duration
}

// clockGuard notices that the wall clock jumped or that the machine slept. While a
// jump is not accepted, time goes on as it did before: nothing wrong gets into the
// log. Only the loop uses it, but for correction.
type clockGuard struct {
	clock Clock
	// wall, boot are the last readings that agreed.
	wall   time.Time
	mono   time.Duration
	boot   time.Duration
	nextAt time.Time
	// told is set when the jump is in the log.
	jumped, told bool
	delta        time.Duration
	// fix is added to the wall clock, in nanoseconds.
	fix atomic.Int64
}

// verdict is what a look at the clocks found.
type verdict int

const (
	steady verdict = iota
	slept
	jumped
)

func newClockGuard(c Clock) *clockGuard {
	return &clockGuard{clock: c, wall: c.Now(), mono: c.Monotonic(), boot: c.SinceBoot()}
}

// look compares the clocks with the last look. latest is the time of the newest
// entry: one ahead of this clock is a jump too, of this clock or another one.
func (g *clockGuard) look(latest time.Time) verdict {
	wall, mono, boot := g.clock.Now(), g.clock.Monotonic(), g.clock.SinceBoot()
	if g.jumped {
		return jumped
	}
	passed := boot - g.boot
	counted, byWall := mono-g.mono, wall.Round(0).Sub(g.wall.Round(0))
	if d := byWall - passed; d > maxJump || d < -maxJump {
		return g.jump(d)
	}
	g.wall, g.mono, g.boot = wall, mono, boot
	if ahead := latest.Sub(wall.Round(0)); ahead > maxJump {
		return g.jump(-ahead)
	}
	if passed-counted > napping {
		return slept
	}
	return steady
}

func (g *clockGuard) jump(by time.Duration) verdict {
	g.jumped, g.told, g.delta = true, false, by
	g.fix.Store(int64(-by))
	return jumped
}

// accept takes the wall clock as it is.
func (g *clockGuard) accept() {
	g.jumped, g.told, g.delta = false, false, 0
	g.fix.Store(0)
	g.wall, g.mono, g.boot = g.clock.Now(), g.clock.Monotonic(), g.clock.SinceBoot()
}

// core is the time that entries get. Safe for concurrent use.
func (g *clockGuard) core(now time.Time) time.Time { return now.Add(time.Duration(g.fix.Load())) }

// now is core of the present. Safe for concurrent use.
func (g *clockGuard) now() time.Time { return g.core(g.clock.Now()) }

// real turns a time of the core back into one of this machine.
func (g *clockGuard) real(at time.Time) time.Time { return at.Add(-time.Duration(g.fix.Load())) }

// watchClock looks at the clocks once a second.
func (e *Engine) watchClock(now time.Time) {
	g := e.clock
	if now.Before(g.nextAt) && g.nextAt.Sub(now) <= clockEvery {
		return
	}
	g.nextAt = now.Add(clockEvery)
	switch g.look(time.UnixMilli(e.core.State().Meta().Now)) {
	case steady:
	case slept:
		e.opt.Logger.Warn("this machine was suspended; claiming anew before anything is done")
		e.core.Reclaim()
	case jumped:
		e.clockJumped()
	}
}

// clockJumped stops what waits for a time, says so in the log once, and goes on
// when a person has accepted the clock.
func (e *Engine) clockJumped() {
	g, name := e.clock, e.opt.Core.Instance
	_, known := e.core.State().Meta().Jumped[name]
	switch {
	case !g.told:
		g.told = true
		e.core.Halt(true)
		e.opt.Logger.Error("the clock of this machine jumped; timers and automatic actions stand still until `backout clock accept`", "by", g.delta.Round(time.Second).String())
		e.core.Post(0, orchestrator.Record{Clock: &orchestrator.ClockJump{Instance: name, Delta: g.delta.Milliseconds()}})
		e.jumpSeen = false
	case known:
		e.jumpSeen = true
	case e.jumpSeen:
		e.opt.Logger.Info("the clock was accepted")
		g.accept()
		e.core.Halt(false)
	}
}
