package main

import (
	"encoding/json"
	"testing"
)

// TestBenchRollback_measuresTheParts: one rollback by the whole product, its parts in
// the order they happen.
func TestBenchRollback_measuresTheParts(t *testing.T) {
	t.Parallel()
	code, out, said := once(t, "", nil, must(built.plain())(t), "bench", "rollback", "--rounds", "1", "--alias-job", "100ms", "--lag", "0", "--dir", t.TempDir(), "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l := r.Rollback
	if l == nil || len(l.Proven.Rounds) != 1 || l.Asked.Median <= 0 || l.Moved.Median < l.Asked.Median || l.Proven.Median < l.Moved.Median {
		t.Errorf("the parts are not in order: %s", out)
	}
}
