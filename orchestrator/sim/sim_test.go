package sim_test

import (
	"os"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator/sim"
)

// TestSim plays seeds for BACKOUT_SIM_TIME (a Go duration; 5s by default).
func TestSim(t *testing.T) {
	budget := 5 * time.Second
	if v := os.Getenv("BACKOUT_SIM_TIME"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		budget = d
	}
	start := time.Now()
	seeds := uint64(0)
	for time.Since(start) < budget {
		seeds++
		if err := sim.Run(seeds); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d seeds, %.0f seeds/s", seeds, float64(seeds)/time.Since(start).Seconds())
}
