package main

import (
	"encoding/json"
	"testing"
)

// TestBenchNotices_everybodyOnce: the whole product mails an audience, the second time
// with a crash in between; the bench itself looks that everybody got one mail.
func TestBenchNotices_everybodyOnce(t *testing.T) {
	t.Parallel()
	code, out, said := once(t, "", nil, must(built.plain())(t), "bench", "notices", "--recipients", "12000", "--dir", t.TempDir(), "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if l := r.Notices; l == nil || len(l.Rounds) != 2 || l.Rounds[0].Killed || !l.Rounds[1].Killed || l.Rounds[1].Peak == 0 {
		t.Errorf("the rounds are not what was asked for: %s", out)
	}
}
