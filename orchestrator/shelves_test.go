package orchestrator_test

import (
	"fmt"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestShelves_everySignalIsFoundAgain: an incident has more signals than stand on one
// shelf. Whichever of them fires again, or ends, is found on its own, also by a state
// that was opened since.
func TestShelves_everySignalIsFoundAgain(t *testing.T) {
	t.Parallel()
	const signals = 300
	b := newRespondBook(t, nil)
	began := b.now
	say := func(kind string, n int) {
		b.event(orchestrator.Event{
			Type: kind, Source: "alertmanager", Project: "shop", Name: fmt.Sprint("alert ", n), Severity: "critical", StartsAt: began,
			ID: fmt.Sprint(kind, n, b.now),
		})
	}
	check := func(when string, count, firing int) {
		t.Helper()
		inc, all := b.incident(), b.state.Signals(1, 2*signals)
		if len(all) != signals || inc.Distinct != signals || inc.Firing != firing {
			t.Fatalf("%s the incident keeps %d signals and counts %d, %d of them firing; want %d and %d", when, len(all), inc.Distinct, inc.Firing, signals, firing)
		}
		for _, sig := range all {
			if sig.Count != count || sig.Firing != (firing > 0) {
				t.Fatalf("%s a signal is %+v", when, sig)
			}
		}
	}
	for n := range signals {
		say(orchestrator.AlertFiring, n)
	}
	check("at first", 1, signals)
	b.counting() // flushes, and goes on with a state that knows nothing
	b.now += minute
	for n := range signals {
		say(orchestrator.AlertFiring, n)
	}
	check("after each came again", 2, signals)
	b.counting()
	b.now += minute
	for n := range signals {
		say(orchestrator.AlertResolved, n)
	}
	check("after each ended", 2, 0)
}

// TestShelves_afterASplit: when signals were taken out of an incident, those that stay
// are found as before, and so are new ones.
func TestShelves_afterASplit(t *testing.T) {
	t.Parallel()
	const signals = 200
	b := newRespondBook(t, func(c *orchestrator.Config) {
		blog := c.Projects[0]
		blog.ID, blog.Match, blog.DependsOn = "blog", nil, []string{"db"}
		c.Projects[0].DependsOn = []string{"db"}
		c.Projects = append(c.Projects, blog)
	})
	say := func(project string, n int) {
		b.event(orchestrator.Event{
			Type: orchestrator.AlertFiring, Source: "alertmanager", Project: project, Name: fmt.Sprint("alert ", n), Severity: "critical", StartsAt: b.now,
			ID: fmt.Sprint(project, n, b.now),
		})
	}
	for n := range signals {
		say("shop", n)
		say("blog", n)
	}
	if r := b.say("ann", "split", "INC-1", "project=blog"); !r.OK {
		t.Fatal(r.Text)
	}
	b.counting()
	b.now += minute
	for n := range signals + 50 {
		say("shop", n)
	}
	inc, _ := b.state.Incident(1)
	if kept := len(b.state.Signals(1, 10*signals)); kept != signals+50 || inc.Distinct != signals+50 {
		t.Errorf("the incident keeps %d signals and counts %d, want %d", kept, inc.Distinct, signals+50)
	}
	if other, _ := b.state.Incident(2); other.Distinct != signals {
		t.Errorf("the new one counts %d, want %d", other.Distinct, signals)
	}
}
