package main

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestSilenceLine: a maintenance window that has not begun is not over.
func TestSilenceLine(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]console.Silence{
		"window  holds ":         {Active: true},
		"window  later ":         {Later: true},
		"window  over  ":         {},
		"3       ended by ann  ": {Silence: orchestrator.Silence{ID: 3, Ended: "ann"}},
	} {
		if line := silenceLine(&s); !strings.HasPrefix(line, want) {
			t.Errorf("%q does not begin with %q", line, want)
		}
	}
}
