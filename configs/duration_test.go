package configs_test

import (
	"fmt"
	"os"
	"regexp"
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
		c := parse(t, fmt.Sprintf(small, "/f")+"policies: {limits: {signal_age: "+text+"}}\n", nil)
		if got := c.Policies.Limits.SignalAge.Milliseconds(); got != want.Milliseconds() {
			t.Errorf("%s is %d ms, not %v", text, got, want)
		}
	}
}

func TestTimings_overrideOneByOne(t *testing.T) {
	t.Parallel()
	c := parse(t, fmt.Sprintf(small, "/f")+"policies: {timings: {cured_every: 2s, my_consecutive: 7}}\n", nil)
	doc, err := c.Document()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"cured_every": 2000, "my_consecutive": 7, "cured_consecutive": 4, "cured_within": 900_000} {
		if got := doc.Policies.Timings[name]; got != want {
			t.Errorf("%s is %d, not %d", name, got, want)
		}
	}
}

// TestTimings_coverTheEmbeddedPlaybooks: a playbook that waits for a time nobody set would not compile.
func TestTimings_coverTheEmbeddedPlaybooks(t *testing.T) {
	t.Parallel()
	timings := parse(t, fmt.Sprintf(small, "/f"), nil).Policies.Timings
	used := map[string]bool{}
	for _, path := range glob(t, "../workflows/*.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\btiming\.([a-z_]+)`).FindAllStringSubmatch(string(text), -1) {
			used[found[1]] = true
			if _, ok := timings[found[1]]; !ok {
				t.Errorf("%s waits for timing.%s, which has no default", path, found[1])
			}
		}
	}
	for name := range timings {
		if !used[name] {
			t.Errorf("timing.%s has a default, and no playbook waits for it", name)
		}
	}
}
