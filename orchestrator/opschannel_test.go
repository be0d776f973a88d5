package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// opsBook is a book of a shop whose ops channel is told things.
func opsBook(t *testing.T, mode orchestrator.Mode) *book {
	t.Helper()
	b := newBook(t, onePlan(rollbackNode()), mode)
	cfg := testConfig(mode)
	cfg.Chat, cfg.OpsChannel = true, "C0OPS"
	b.config(cfg)
	return b
}

// announced lists what the ops channel was told, oldest first.
func (b *book) announced() (texts []string) {
	b.t.Helper()
	_, steps := b.state.Incident(1 << 62)
	for _, st := range steps {
		if st.ID == "announce" {
			texts = append(texts, string(st.Inputs))
		}
	}
	if n := b.state.Meta().NextIncident; n > 1 {
		b.t.Fatalf("what is told took the number of an incident: %d", n)
	}
	return texts
}

// After a promotion the ops channel is told once whether one could go back, and not
// while an incident says more.
func TestOpsChannel_isToldTheVerdictAfterAPromotion(t *testing.T) {
	b := opsBook(t, orchestrator.Advise)
	b.act(orchestrator.Record{Deploys: b.twoBuilds()})
	b.promoted("dpl_new")
	if got := b.announced(); len(got) != 0 {
		t.Fatalf("told at once, before its migrations are read: %s", got)
	}
	b.wait(minute)
	got := b.announced()
	if len(got) != 1 || !strings.Contains(got[0], "shop/production serves dpl_new since") || !strings.Contains(got[0], "Could go back to dpl_old") || !strings.Contains(got[0], "Answer: ") || !strings.Contains(got[0], `"C0OPS"`) {
		t.Fatalf("%s", got)
	}
	b.promoted("dpl_new")
	b.wait(minute)
	if again := b.announced(); len(again) != 1 {
		t.Fatalf("told twice of one deployment: %s", again)
	}
	b.promoted("dpl_worse")
	b.alert("5xx")
	b.wait(minute)
	if during := b.announced(); len(during) != 1 {
		t.Fatalf("told beside an incident: %s", during)
	}
	quiet := opsBook(t, orchestrator.Shadow)
	quiet.promoted("dpl_new")
	quiet.wait(minute)
	if got := quiet.announced(); len(got) != 0 {
		t.Fatalf("told in shadow: %s", got)
	}
}

// Two messages are two: each is found again by a key of its own, so that the second is
// never taken for an edit of the first.
func TestOpsChannel_eachMessageHasItsOwnKey(t *testing.T) {
	b := opsBook(t, orchestrator.Advise)
	b.promoted("dpl_a")
	b.promoted("dpl_b")
	b.wait(minute)
	b.promoted("dpl_c")
	b.wait(minute)
	inc, steps := b.state.Incident(1 << 62)
	keys := map[string]bool{}
	for _, st := range steps {
		keys[b.state.StepKey(inc, st)] = true
	}
	if len(steps) != 2 || len(keys) != 2 {
		t.Fatalf("%d messages with %d keys", len(steps), len(keys))
	}
}

// The digest tells of a day once, of nothing when there was nothing, and in shadow asks
// whether what would have been done was right.
func TestOpsChannel_digest(t *testing.T) {
	b := opsBook(t, orchestrator.Shadow)
	due := func(day string) []string {
		b.act(orchestrator.Record{Digest: &orchestrator.DigestDue{Day: day}})
		return b.announced()
	}
	if got := append(due("2026-11-23"), due("2026-11-24")...); len(got) != 0 {
		t.Fatalf("told of the day before an installation, or of nothing: %s", got)
	}
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.after(60 * minute)
	got := due("2026-11-25")
	if len(got) != 1 || !strings.Contains(got[0], "1 incident: INC-1 ") || !strings.Contains(got[0], "would have acted 1 time, last INC-1: ") || !strings.Contains(got[0], "1 wait for your word") {
		t.Fatalf("%s\n%s", got, b.story())
	}
	if again := due("2026-11-25"); len(again) != 1 {
		t.Fatalf("a day was told twice: %s", again)
	}
	b.after(25 * 60 * minute)
	if later := due("2026-11-26"); len(later) != 1 {
		t.Fatalf("an old day was told again: %s", later)
	}
}
