package sim_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator/sim"
)

// TestSim plays seeds from BACKOUT_SIM_FIRST (1) on for BACKOUT_SIM_TIME (a Go
// duration; 5s by default).
func TestSim(t *testing.T) {
	play(t, firstSeed(t), budget(t, 5*time.Second))
}

func firstSeed(t *testing.T) uint64 {
	t.Helper()
	v := os.Getenv("BACKOUT_SIM_FIRST")
	if v == "" {
		return 1
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
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
