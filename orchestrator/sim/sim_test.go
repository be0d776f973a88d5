package sim_test

import (
	"os"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator/sim"
)

// TestSim plays seeds from 1 on for BACKOUT_SIM_TIME (a Go duration; 5s by
// default).
func TestSim(t *testing.T) {
	play(t, 1, budget(t, 5*time.Second))
}

func budget(t *testing.T, otherwise time.Duration) time.Duration {
	t.Helper()
	v := os.Getenv("BACKOUT_SIM_TIME")
	if v == "" {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func play(t *testing.T, first uint64, budget time.Duration) {
	t.Helper()
	start := time.Now()
	seeds := uint64(0)
	for time.Since(start) < budget {
		if err := sim.Run(first + seeds); err != nil {
			t.Fatal(err)
		}
		seeds++
	}
	t.Logf("%d seeds, %.0f seeds/s", seeds, float64(seeds)/time.Since(start).Seconds())
}
