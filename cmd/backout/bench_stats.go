package main

import (
	"slices"
	"time"
)

// quantiles are durations by rank: every whole percentile from 0 to 100, in
// milliseconds, and how many samples they are of.
type quantiles struct {
	Samples     int          `json:"samples"`
	P50         float64      `json:"p50_ms"`
	P90         float64      `json:"p90_ms"`
	P99         float64      `json:"p99_ms"`
	Max         float64      `json:"max_ms"`
	Percentiles [101]float64 `json:"percentiles_ms"`
}

// rank takes the nearest rank: a figure that was really measured.
func rank(samples []time.Duration) quantiles {
	q := quantiles{Samples: len(samples)}
	if len(samples) == 0 {
		return q
	}
	sorted := slices.Sorted(slices.Values(samples))
	for p := range q.Percentiles {
		i := (p*len(sorted) + 99) / 100
		q.Percentiles[p] = ms(sorted[max(0, i-1)])
	}
	q.P50, q.P90, q.P99, q.Max = q.Percentiles[50], q.Percentiles[90], q.Percentiles[99], q.Percentiles[100]
	return q
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// spread is the middle one of some rounds, and the lowest and highest.
type spread struct {
	Median float64   `json:"median"`
	Low    float64   `json:"low"`
	High   float64   `json:"high"`
	Rounds []float64 `json:"rounds"`
}

func spreadOf(rounds []float64) spread {
	if len(rounds) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(rounds))
	mid := sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		mid = (mid + sorted[len(sorted)/2-1]) / 2
	}
	return spread{Median: mid, Low: sorted[0], High: sorted[len(sorted)-1], Rounds: rounds}
}
