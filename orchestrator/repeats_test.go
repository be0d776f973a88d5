package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestEnds_byItsKeyAlone: PagerDuty's shape needs nothing but the dedup_key to resolve,
// so no match rule claims that.
func TestEnds_byItsKeyAlone(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	b.event(orchestrator.Event{
		Origin: "http/pagerduty", ID: "srv01/trigger", Type: orchestrator.AlertFiring, Source: "pagerduty", Fingerprint: "srv01",
		Name: "Down", Severity: "critical", StartsAt: b.now, Labels: map[string]string{"service": "checkout"},
	})
	if inc, _ := b.state.Incident(1); inc == nil || inc.Firing != 1 {
		t.Fatalf("the trigger: %+v", inc)
	}
	ends := orchestrator.Event{Origin: "http/pagerduty", ID: "srv01/resolve", Type: orchestrator.AlertResolved, Source: "pagerduty", Fingerprint: "srv01", Name: "srv01"}
	b.event(ends)
	if inc, _ := b.state.Incident(1); inc.Firing != 0 || b.state.Meta().Quarantined != 0 {
		t.Errorf("after the resolve %d fire, %d in quarantine", inc.Firing, b.state.Meta().Quarantined)
	}
	ends.ID, ends.Fingerprint = "srv02/resolve", "srv02"
	b.event(ends)
	if n := b.state.Meta().Quarantined; n != 1 {
		t.Errorf("the end of what nobody knows: %d in quarantine, want 1", n)
	}
}

// TestSignals_pastWhatIsKept: an incident keeps 2,000 different signals; the next ones are
// counted and told of once, raise the severity, and their end takes nothing away.
func TestSignals_pastWhatIsKept(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	send := func(from, to int, typ, severity string) {
		var records []orchestrator.Record
		for i := from; i < to; i++ {
			records = append(records, orchestrator.Record{Event: &orchestrator.Event{
				Origin: "http/alertmanager", ID: fmt.Sprint(typ, i), Type: typ, Source: "alertmanager", Project: "shop",
				Name: fmt.Sprint("alert ", i), Fingerprint: fmt.Sprint("fp-", i), Severity: severity, StartsAt: b.now, Time: b.now,
			}})
		}
		b.add(orchestrator.SubjectEvents, 0, records...)
	}
	send(0, 1, orchestrator.AlertFiring, "critical")
	send(1, 2003, orchestrator.AlertFiring, "warning")
	inc, _ := b.state.Incident(1)
	if inc.Firing != 2000 || inc.Overflow != 3 {
		t.Errorf("%d fire, %d are only counted; want 2000 and 3", inc.Firing, inc.Overflow)
	}
	told := 0
	for _, line := range b.state.Timeline(1, 0, 200) {
		told += strings.Count(line.Text, "further ones are counted")
	}
	if told != 1 {
		t.Errorf("the timeline says %d times that further signals are only counted, want once", told)
	}
	send(0, 2003, orchestrator.AlertResolved, "critical")
	if inc, _ = b.state.Incident(1); inc.Firing != 0 {
		t.Errorf("%d fire after all have ended", inc.Firing)
	}
}
