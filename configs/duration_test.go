package configs_test

import (
	"fmt"
	"testing"
	"time"
)

func TestDuration_forms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond,
		"90s":   90 * time.Second,
		"5m":    5 * time.Minute,
		"72h":   72 * time.Hour,
		"14d":   14 * 24 * time.Hour,
		"1w":    7 * 24 * time.Hour,
		"1h30m": 90 * time.Minute,
		"1d12h": 36 * time.Hour,
		"0s":    0,
		"0090s": 90 * time.Second,
	} {
		c := parse(t, fmt.Sprintf(small, "/f")+"policies: {limits: {signal_age: "+text+"}, timings: {a: 4, b: "+text+"}}\n", nil)
		if got := c.Policies.Limits.SignalAge.Milliseconds(); got != want.Milliseconds() {
			t.Errorf("%s is %d ms, not %v", text, got, want)
		}
		if got := c.Policies.Timings; got["a"] != 4 || int64(got["b"]) != want.Milliseconds() {
			t.Errorf("%s as a timing is %v", text, got)
		}
	}
}
