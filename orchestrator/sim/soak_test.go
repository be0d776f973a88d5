//go:build soak

package sim_test

import (
	"testing"
	"time"
)

// TestSoakSim plays other seeds for an hour, or for BACKOUT_SIM_TIME.
func TestSoakSim(t *testing.T) { play(t, 1<<32, budget(t, time.Hour)) }
