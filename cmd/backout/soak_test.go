//go:build soak

package main

import (
	"testing"
	"time"
)

// TestSoak_kills kills 2,000 times; it takes about half an hour.
func TestSoak_kills(t *testing.T) { killAtRandom(t, 2000, 30) }

// TestSoak_stopped stands still for a minute at every point.
func TestSoak_stopped(t *testing.T) {
	for _, point := range pausePoints() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			stoppedAt(t, point, time.Minute)
		})
	}
}

// TestSoakCluster is TestCluster twenty times over; then the bars are asserted.
func TestSoakCluster(t *testing.T) { loseInstances(t, 20) }
