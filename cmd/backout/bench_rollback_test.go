package main

import (
	"testing"
)

// TestBenchRollback_measuresTheParts: one rollback by the whole product, its parts in
// the order they happen.
func TestBenchRollback_measuresTheParts(t *testing.T) {
	t.Parallel()
	r := shippedBench(t, "rollback", "--rounds", "1", "--alias-job", "100ms", "--lag", "0")
	l := r.Rollback
	if l == nil || len(l.Proven.Rounds) != 1 || l.Asked.Median <= 0 || l.Moved.Median < l.Asked.Median || l.Proven.Median < l.Moved.Median {
		t.Errorf("the parts are not in order: %+v", r)
	}
}
