package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// A storm's bodies are kept up to a bound in each hour, for each source by itself.
func TestRawBudget(t *testing.T) {
	t.Parallel()
	var b rawBudget
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	kept := func(source string, size, times int, now time.Time) (n int) {
		for range times {
			if b.take(source, size, now) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		what        string
		got, wanted int
	}{
		{"small ones", kept("a", 100, 2*rawBodies, now), rawBodies},
		{"large ones", kept("b", 100<<10, 20, now), rawBytes / (100 << 10)},
		{"one too large", kept("c", rawOver+1, 1, now), 0},
		{"in the next hour", kept("a", 100, 1, now.Add(rawHour)), 1},
	} {
		if c.got != c.wanted {
			t.Errorf("%s: %d kept, want %d", c.what, c.got, c.wanted)
		}
	}
}

// Bodies of payments, mail, GitHub and log drains are never kept.
func TestRaw_neverOf(t *testing.T) {
	t.Parallel()
	for _, name := range []string{sourceStripe, sourceToss, sourceGitHub, sourceVercelDrain, sourceSendGrid, sourceSentry, sourceEvents} {
		if (Source{Name: name}).keepsRaw() {
			t.Errorf("bodies of %s are kept", name)
		}
	}
}

// The alerts land although their body cannot be kept, and name it by its hash.
func TestRaw_bodyCannotBeKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) {
		o.PutBlob = func(context.Context, []byte) (string, error) { return "", orchestrator.ErrLogNearlyFull }
	})
	body := `{"alerts":[{"status":"firing","labels":{"alertname":"A"},"fingerprint":"f","startsAt":"2026-11-23T09:00:00Z"}]}`
	status, answer, _ := d.post(t, "/hooks/alertmanager", body, "Authorization", "Bearer "+hookToken)
	if rs := d.wants(t, status, answer, 200, `"accepted":1`); len(rs) != 1 || len(rs[0].Event.Blob) != 64 {
		t.Errorf("%+v", rs)
	}
}
