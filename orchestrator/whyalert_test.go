package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestWhyAlert: who looks at Alertmanager has a fingerprint, not the id that is made of it.
func TestWhyAlert(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	start := b.now
	b.event(orchestrator.Event{
		Origin: "http/alertmanager", ID: "ab12/1700000000000/firing", Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop",
		Fingerprint: "ab12", Name: "Slow", Severity: "warning", StartsAt: start,
	})
	b.event(orchestrator.Event{
		Origin: "http/sentry", ID: "event/1", Type: orchestrator.AlertFiring, Source: "sentry", Project: "shop", Fingerprint: "issue/7", Name: "TypeError", Severity: "critical", StartsAt: start,
	})
	b.event(orchestrator.Event{
		Origin: "http/alertmanager", ID: "cd34/1700000000000/resolved", Type: orchestrator.AlertResolved, Source: "alertmanager", Project: "shop",
		Fingerprint: "cd34", Name: "Slow", StartsAt: start, Time: start,
	})
	for fingerprint, want := range map[string]string{"cd34": "not known to fire", "ab12": "no rule matched", "issue/7": "it fires; INC-1 has it"} {
		if found := b.state.WhyAlert(fingerprint); len(found) != 1 || !strings.Contains(found[0].Why, want) {
			t.Errorf("%s: %+v, want %q", fingerprint, found, want)
		}
	}
	if found := b.state.WhyAlert("ab"); len(found) != 0 {
		t.Errorf("a part of a fingerprint finds %+v", found)
	}
}
