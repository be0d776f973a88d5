package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// systemClock is the clock of this machine.
type systemClock struct{ start time.Time }

func newSystemClock() Clock { return systemClock{time.Now()} }

// Now implements Clock.
func (systemClock) Now() time.Time { return time.Now() }

// Monotonic implements Clock.
func (c systemClock) Monotonic() time.Duration { return time.Since(c.start) }

// SinceBoot implements Clock by CLOCK_BOOTTIME (clock_gettime(2)).
func (systemClock) SinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
