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

// TestTimeline_afterAStorm: two thousand signals and their ends leave room for what people
// do afterwards, and say once that they are not told of any more.
func TestTimeline_afterAStorm(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	for _, typ := range []string{orchestrator.AlertFiring, orchestrator.AlertResolved} {
		for i := range 1100 {
			ev := orchestrator.Event{
				Origin: "http/alertmanager", ID: fmt.Sprint(typ, i), Type: typ, Source: "alertmanager", Project: "shop",
				Name: fmt.Sprint("alert ", i), Fingerprint: fmt.Sprint("fp-", i), Severity: "critical", StartsAt: 1_700_000_000_000,
			}
			b.event(ev)
		}
	}
	b.say("ann", "note", "INC-1", ":we restarted it")
	lines := b.state.Timeline(1, 0, 5000)
	crowded := 0
	for _, l := range lines {
		crowded += strings.Count(l.Text, "tells no more of single signals")
	}
	if last := lines[len(lines)-1]; !strings.Contains(last.Text, "we restarted it") || crowded != 1 || len(lines) > 1100 {
		t.Errorf("%d lines, %d times crowded, the last one is %+v", len(lines), crowded, last)
	}
}

// TestSignals_manyGoneAtOnce: of a delivery that ends many signals a few have a line each.
func TestSignals_manyGoneAtOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	for _, typ := range []string{orchestrator.AlertFiring, orchestrator.AlertResolved} {
		var records []orchestrator.Record
		for i := range 50 {
			records = append(records, orchestrator.Record{Event: &orchestrator.Event{
				Origin: "http/alertmanager", ID: fmt.Sprint(typ, i), Type: typ, Source: "alertmanager", Project: "shop",
				Name: fmt.Sprint("alert ", i), Fingerprint: fmt.Sprint("fp-", i), Severity: "critical", StartsAt: b.now,
			}})
		}
		b.add(orchestrator.SubjectEvents, 0, records...)
	}
	story := b.story()
	if n := strings.Count(story, "gone: "); n != 10 || !strings.Contains(story, "and 40 more signals gone at once; 0 signals still fire") {
		t.Errorf("%d have a line each:\n%s", n, story)
	}
}
