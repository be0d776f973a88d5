package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestSignals_manyAtOnce: of a delivery with many new signals a few have a line each,
// the rest one; all of them count.
func TestSignals_manyAtOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	var records []orchestrator.Record
	for i := range 50 {
		records = append(records, orchestrator.Record{Event: &orchestrator.Event{
			Origin: "http/alertmanager", ID: fmt.Sprint("many-", i), Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop",
			Name: fmt.Sprint("alert ", i), Fingerprint: fmt.Sprint("fp-", i), Severity: "critical", StartsAt: b.now,
		}})
	}
	b.add(orchestrator.SubjectEvents, 0, records...)
	inc, _ := b.state.Incident(1)
	lines := b.state.Timeline(1, 0, 100)
	each := 0
	for _, l := range lines {
		if strings.HasPrefix(l.Text, "signal: ") {
			each++
		}
	}
	if inc.Firing != 50 || each != 10 {
		t.Errorf("%d fire and %d have a line each, want 50 and 10", inc.Firing, each)
	}
	if story := b.story(); strings.Count(story, "and 40 more signals at once") != 1 {
		t.Errorf("the rest is not told of once:\n%s", story)
	}
}
