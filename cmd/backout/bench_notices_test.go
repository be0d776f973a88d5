package main

import (
	"testing"
)

// TestBenchNotices_everybodyOnce: the whole product mails an audience, the second time
// with a crash in between; the bench itself looks that everybody got one mail.
func TestBenchNotices_everybodyOnce(t *testing.T) {
	t.Parallel()
	r := shippedBench(t, "notices", "--recipients", "12000")
	if l := r.Notices; l == nil || len(l.Rounds) != 2 || l.Rounds[0].Killed || !l.Rounds[1].Killed || l.Rounds[1].Peak == 0 {
		t.Errorf("the rounds are not what was asked for: %+v", r)
	}
}
