package main

import "testing"

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: mostGC, 10 << 20: mostGC, 64 << 20: mostGC, 96 << 20: 200, 500 << 20: leastGC} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d MiB: %d %%, want %d", live>>20, got, want)
		}
	}
}
