//go:build !linux

package engine

import "time"

// systemClock is the clock of this machine. Without a clock that goes on during a
// suspend, a suspend looks like a jump and a person is asked.
type systemClock struct{ start time.Time }

func newSystemClock() Clock { return systemClock{time.Now()} }

// Now implements Clock.
func (systemClock) Now() time.Time { return time.Now() }

// Monotonic implements Clock.
func (c systemClock) Monotonic() time.Duration { return time.Since(c.start) }

// SinceBoot implements Clock.
func (c systemClock) SinceBoot() time.Duration { return time.Since(c.start) }
