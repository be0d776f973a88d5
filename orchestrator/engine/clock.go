package engine

import (
	"sync"
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

// clockGuard notices that the wall clock jumped or that the machine slept. Every
// time that goes into the log is asked of it, and it compares the clocks each time:
// while a jump is not accepted, time goes on as it did before, so nothing wrong gets
// in. Safe for concurrent use, but look, accept and what they tell are the loop's.
type clockGuard struct {
	clock Clock
	mu    sync.Mutex
	// wall, boot are the last readings that agreed.
	wall   time.Time
	mono   time.Duration
	boot   time.Duration
	nextAt time.Time
	// slept is set when the machine was suspended and the loop has not heard of it.
	jumped, slept bool
	delta         time.Duration
	// fix is added to the wall clock.
	fix time.Duration
}

// clocks is how a look at the clocks found them.
type clocks int

const (
	steady clocks = iota
	slept
	jumped
)

func newClockGuard(c Clock) *clockGuard {
	return &clockGuard{clock: c, wall: c.Now(), mono: c.Monotonic(), boot: c.SinceBoot()}
}

// look compares the clocks with the last look. latest is the time of the newest
// entry: one ahead of this clock is a jump too, of this clock or another one.
func (g *clockGuard) look(latest time.Time) clocks {
	g.mu.Lock()
	defer g.mu.Unlock()
	wall := g.compare()
	if ahead := latest.Sub(wall.Round(0)); !g.jumped && ahead > maxJump {
		g.jump(-ahead)
	}
	switch {
	case g.jumped:
		return jumped
	case g.slept:
		g.slept = false
		return slept
	}
	return steady
}

// compare reads the clocks, notes what they did since the last reading, and returns
// the wall clock.
func (g *clockGuard) compare() time.Time {
	wall, mono, boot := g.clock.Now(), g.clock.Monotonic(), g.clock.SinceBoot()
	if g.jumped {
		return wall
	}
	passed := boot - g.boot
	counted, byWall := mono-g.mono, wall.Round(0).Sub(g.wall.Round(0))
	if d := byWall - passed; d > maxJump || d < -maxJump {
		g.jump(d)
		return wall
	}
	g.wall, g.mono, g.boot = wall, mono, boot
	g.slept = g.slept || passed-counted > napping
	return wall
}

func (g *clockGuard) jump(by time.Duration) {
	g.jumped, g.delta, g.fix = true, by, -by
}

func (g *clockGuard) jumpedBy() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.delta
}

// accept takes the wall clock as it is.
func (g *clockGuard) accept() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.jumped, g.delta, g.fix = false, 0, 0
	g.wall, g.mono, g.boot = g.clock.Now(), g.clock.Monotonic(), g.clock.SinceBoot()
}

// core turns a time of this machine into the time that entries get.
func (g *clockGuard) core(at time.Time) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return at.Add(g.fix)
}

// now is the present as entries get it.
func (g *clockGuard) now() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	wall := g.compare()
	return wall.Add(g.fix)
}

// real turns a time of the core back into one of this machine.
func (g *clockGuard) real(at time.Time) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return at.Add(-g.fix)
}

// watchClock acts on what the clocks did, once a second.
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

// clockJumped stops what waits for a time and says so in the log, once.
func (e *Engine) clockJumped() {
	if !e.jumpTold {
		by := e.clock.jumpedBy()
		e.jumpTold, e.jumpSeen = true, false
		e.core.Halt(true)
		e.opt.Logger.Error("the clock of this machine jumped; timers and automatic actions stand still until `backout clock accept`", "by", by.Round(time.Second).String())
		e.core.Post(0, orchestrator.Record{Clock: &orchestrator.ClockJump{Instance: e.opt.Core.Instance, Delta: by.Milliseconds()}})
	}
}

// seeClock follows what the log says of our clock: that it jumped, and then that a
// person has accepted it.
func (e *Engine) seeClock() {
	if !e.jumpTold {
		return
	}
	_, known := e.core.State().Meta().Jumped[e.opt.Core.Instance]
	if known {
		e.jumpSeen = true
		return
	}
	if e.jumpSeen {
		e.opt.Logger.Info("the clock was accepted")
		e.jumpTold, e.jumpSeen = false, false
		e.clock.accept()
		e.core.Halt(false)
	}
}
