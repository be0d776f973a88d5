//go:build soak

package main

import "testing"

// TestSoak_powerLoss cuts the power at every point of each recording, in every way;
// it takes about a quarter of an hour.
func TestSoak_powerLoss(t *testing.T) { loseAtEveryPoint(t, examine, powerLoad) }

func TestSoak_powerLossAfterKills(t *testing.T) {
	loseAtEveryPoint(t, examine, killsLoad, slowSyncs()...)
}
func TestSoak_powerLossWhileTrimmed(t *testing.T) { loseAtEveryPoint(t, examineLog, trimLoad) }

func loseAtEveryPoint(t *testing.T, look judge, load func(*testing.T), options ...string) {
	t.Helper()
	r, events := recordWhole(t, load, options...)
	if r == nil {
		return
	}
	var points []int
	for i := range events {
		if idle := (events[i].Call == "fsync" || events[i].Call == "fdatasync") && events[i].Synced == 0; !idle {
			points = append(points, i)
		}
	}
	r.replay(t, look, r.opt, points, cuts()...).wantNothingLost(t)
}
