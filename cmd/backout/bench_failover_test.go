package main

import (
	"testing"
	"time"
)

// TestBenchFailover_goesOnAfterAKill loses one owner of three. Like the other stories of
// a cluster it runs alone.
func TestBenchFailover_goesOnAfterAKill(t *testing.T) {
	r := shippedBench(t, "failover", "--rounds", "1", "--losses", "sigkill", "--in-flight", "0")
	if len(r.Failover) != 1 || r.Failover[0].Steps != 1 || r.Failover[0].Step.Median <= 0 || r.Failover[0].Event.Median <= 0 {
		t.Errorf("the round is not what was asked for: %+v", r)
	}
	if ev := r.FailoverEvents; ev == nil || ev.Acknowledged == 0 || ev.Lost != 0 {
		t.Errorf("the events are not counted: %+v", r)
	}
}

func TestAckClock_longestPause(t *testing.T) {
	t.Parallel()
	since := time.Now()
	var c ackClock
	c.times = []time.Time{since.Add(-time.Minute)}
	if _, ok := c.pause(since); ok {
		t.Error("an acknowledgement of before the loss counts")
	}
	for _, s := range []time.Duration{time.Second, 5 * time.Second, 6 * time.Second} {
		c.times = append(c.times, since.Add(s))
	}
	if got, ok := c.pause(since); !ok || got != 4*time.Second {
		t.Errorf("the longest pause is %s, want 4s", got)
	}
}
