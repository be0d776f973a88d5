package orchestrator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// unclaimed sends an event that no project claims and returns its line of quarantine.
func (b *book) unclaimed(ev orchestrator.Event) orchestrator.Quarantined {
	b.t.Helper()
	ev.Origin, ev.Source, ev.Labels = "http/alertmanager", "alertmanager", map[string]string{"service": "billing"}
	b.event(ev)
	q, ok := b.state.QuarantinedAt(b.seq, 0)
	if !ok || q.Event == nil || !strings.HasPrefix(q.Reason, "unrouted: ") {
		b.t.Fatalf("line %d.0 of quarantine: %v %+v", b.seq, ok, q)
	}
	return q
}

func (b *book) replay(q orchestrator.Quarantined, by, scope string) orchestrator.Quarantined {
	b.t.Helper()
	ev := *q.Event
	ev.Replay = &orchestrator.Replay{Seq: q.Seq, Index: q.Index, By: by, Scope: scope}
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Event: &ev})
	now, ok := b.state.QuarantinedAt(q.Seq, q.Index)
	if !ok {
		b.t.Fatalf("line %s left quarantine", q.Name())
	}
	return now
}

// claimBilling adds the rule that the events of unclaimed were missing.
func (b *book) claimBilling() {
	b.t.Helper()
	cfg := testConfig(orchestrator.Live)
	cfg.Projects[0].Match = append(cfg.Projects[0].Match, orchestrator.Match{Labels: map[string]string{"service": "billing"}, Component: "billing"})
	b.config(cfg)
}

// self is how many incidents are about Backout itself: one, about what nobody claims.
const self = 1

func firing(b *book) orchestrator.Event {
	return orchestrator.Event{ID: "disk/1/firing", Type: orchestrator.AlertFiring, Name: "DiskFull", Severity: "critical", StartsAt: b.now}
}

func TestReplay_whoMayAndHowOften(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, by, scope string
		claimed         bool
		incidents       uint64
		replayed, tried bool
	}{
		{"on call", "ann", "person", true, self + 1, true, false},
		{"an admin token", "admin", "admin", true, self + 1, true, false},
		{"an admin token of somebody without a role", "cat", "admin", true, self + 1, true, false},
		{"somebody without a role", "cat", "person", true, self, false, false},
		{"nobody", "", "", true, self, false, false},
		{"admin by name only", "admin", "person", true, self, false, false},
		{"still nobody's", "ann", "person", false, self, false, true},
	} {
		b := quietBook(t)
		q := b.unclaimed(firing(b))
		if c.claimed {
			b.claimBilling()
		}
		for range 3 {
			q = b.replay(q, c.by, c.scope)
		}
		if (q.Replayed != nil) != c.replayed || (q.Tried != nil) != c.tried {
			t.Errorf("%s: replayed %+v, tried %+v", c.name, q.Replayed, q.Tried)
		}
		if c.replayed && (q.Replayed.By != c.by || q.Replayed.At != b.now || q.Replayed.Incident != 2) {
			t.Errorf("%s: noted as %+v", c.name, q.Replayed)
		}
		meta := b.state.Meta()
		if meta.NextIncident != c.incidents || meta.Quarantined != 1 || meta.Events != 1 {
			t.Errorf("%s: %d incidents, %d in quarantine, %d events", c.name, meta.NextIncident, meta.Quarantined, meta.Events)
		}
		if waits := len(b.state.QuarantineFrom(0, 0, 10, true)) == 1; waits == c.replayed {
			t.Errorf("%s: waiting in quarantine: %v", c.name, waits)
		}
	}
}

func TestReplay_becomesWhatItShouldBe(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	q := b.unclaimed(firing(b))
	b.claimBilling()
	q = b.replay(q, "ann", "person")
	inc := b.incident()
	if inc.N != 2 || inc.Project != "shop" || inc.Component != "billing" || !strings.Contains(b.story(), "handed in again from quarantine "+q.Name()) {
		t.Fatalf("%+v\n%s", inc, b.story())
	}
	if seen, _ := b.state.Seen(q.Origin, q.Event.ID, b.now); seen.N != 2 || !strings.Contains(seen.Why, "opened INC-2") {
		t.Fatalf("`why` says %+v", seen)
	}
	b.event(*q.Event) // the sender's own repeat
	if _, steps := b.state.Incident(2); len(steps) == 0 || b.state.Meta().NextIncident != 2 || b.state.Meta().Events != 1 {
		t.Fatal("the sender's repeat counted again")
	}
}

// TestReplay_keepsWhatCame: an event goes back as it came, so a
// rule that names another environment holds the next time.
func TestReplay_keepsWhatCame(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	cfg := testConfig(orchestrator.Live)
	cfg.Projects[0].Match = []orchestrator.Match{{Labels: map[string]string{"service": "billing"}, Environment: "moon", Component: "lander"}}
	b.config(cfg)
	q := b.unclaimed(firing(b))
	if q.Event.Project+q.Event.Environment+q.Event.Component != "" {
		t.Fatalf("the event is kept with what a wrong rule filled in: %+v", q.Event)
	}
	b.claimBilling()
	if q = b.replay(q, "ann", "person"); q.Replayed == nil || b.incident().Environment != "production" {
		t.Fatalf("%+v", q)
	}
}

// TestReplay_old looks at events that are handed in again days later.
func TestReplay_old(t *testing.T) {
	t.Parallel()
	t.Run("failures of webhooks do not add up with those of now", func(t *testing.T) {
		t.Parallel()
		b := quietBook(t)
		var old []orchestrator.Quarantined
		for _, id := range []string{"w1", "w2", "w3"} {
			old = append(old, b.unclaimed(orchestrator.Event{ID: id, Type: orchestrator.WebhookFailed, Provider: "stripe", Endpoint: "/" + id, StartsAt: b.now}))
		}
		b.after(10 * 60 * minute)
		b.claimBilling()
		for _, q := range old {
			b.replay(q, "ann", "person")
		}
		if got := b.state.Env("shop", "production").Webhooks; len(got) != 0 {
			t.Fatalf("counted as of now: %+v", got)
		}
	})
	t.Run("a promotion without a time is one of then", func(t *testing.T) {
		t.Parallel()
		b := quietBook(t)
		q := b.unclaimed(orchestrator.Event{ID: "p", Type: orchestrator.DeployPromoted, DeploymentID: "dpl_old"})
		b.after(60 * minute)
		b.promoted("dpl_new")
		b.claimBilling()
		b.replay(q, "ann", "person")
		if got := b.state.Env("shop", "production").Promoted; got != "dpl_new" {
			t.Fatalf("%s serves by an old event", got)
		}
	})
	t.Run("an id that is forgotten", func(t *testing.T) {
		t.Parallel()
		b := quietBook(t)
		q := b.unclaimed(firing(b))
		b.after(20 * 24 * 60 * minute)
		b.claimBilling()
		for range 2 {
			q = b.replay(q, "ann", "person")
		}
		if q.Replayed == nil || q.Replayed.Incident == 0 {
			t.Fatalf("%+v", q)
		}
	})
}

// TestReplay_ofABody hands in what a body held that could not be read before: its
// events are one replay, and those that are known already count once.
func TestReplay_ofABody(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	b.add(orchestrator.SubjectEvents, 0, orchestrator.Record{Bad: &orchestrator.Bad{Origin: "nats/shop", Reason: "odd"}})
	q, _ := b.state.QuarantinedAt(b.seq, 0)
	known := orchestrator.Event{ID: "k", Origin: "nats/shop", Type: orchestrator.AlertFiring, Project: "shop", Name: "Known", Severity: "critical", StartsAt: b.now}
	b.event(known)
	fresh, stray, foreign := known, known, known
	fresh.ID, fresh.Name = "f", "Fresh"
	stray.ID, stray.Project = "s", "elsewhere"
	foreign.ID, foreign.Origin = "o", "nats/other"
	var records []orchestrator.Record
	for _, ev := range []orchestrator.Event{known, fresh, stray, foreign} {
		ev.Replay = &orchestrator.Replay{Seq: q.Seq, Index: q.Index, By: "ann"}
		records = append(records, orchestrator.Record{Event: &ev})
	}
	for range 2 {
		b.add(orchestrator.SubjectAdmin, 0, records...)
	}
	q, _ = b.state.QuarantinedAt(q.Seq, q.Index)
	if q.Replayed == nil || q.Replayed.Incident != 1 || !strings.Contains(q.Replayed.Why, "known by another delivery") || !strings.Contains(q.Replayed.Why, "unrouted") {
		t.Fatalf("%+v", q.Replayed)
	}
	if got := b.state.Meta(); got.Events != 3 || got.Quarantined != 2 {
		t.Fatalf("%d events, %d in quarantine", got.Events, got.Quarantined)
	}
	names := []string{}
	for _, line := range b.state.QuarantineFrom(q.Seq, q.Index+1, 10, true) {
		names = append(names, line.Origin+" "+line.Excerpt)
	}
	if !slices.Equal(names, []string{"nats/shop backout.alert.firing Known s"}) {
		t.Fatalf("what waits: %v", names)
	}
}

func TestReplay_notOfWhatWasRedacted(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	q := b.unclaimed(firing(b))
	b.act(orchestrator.Record{Redacted: &orchestrator.Redacted{Seq: q.Seq, By: "ann", Reason: "a name"}})
	if got, _ := b.state.QuarantinedAt(q.Seq, q.Index); got.Event != nil || got.Blob != "" || strings.Contains(got.Excerpt, "DiskFull") {
		t.Fatalf("kept after it was redacted: %+v", got)
	}
}

// TestReplay_firstVersion: a log of the first version keeps no events and knows no
// replays.
func TestReplay_firstVersion(t *testing.T) {
	t.Parallel()
	fold, err := orchestrator.NewFold(testRules())
	if err != nil {
		t.Fatal(err)
	}
	state, err := orchestrator.NewState(&orchestrator.MemoryView{})
	if err != nil {
		t.Fatal(err)
	}
	b := &book{t: t, fold: fold, state: state, now: 1_700_000_000_000}
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Genesis: &orchestrator.Genesis{LogID: "log", Partitions: 1, FoldVersion: 1}})
	b.config(testConfig(orchestrator.Live))
	b.event(firing(b))
	q, ok := b.state.QuarantinedAt(b.seq, 0)
	if !ok || q.Event != nil {
		t.Fatalf("%v %+v", ok, q)
	}
	ev := firing(b)
	ev.Origin, ev.Replay = "nats/shop", &orchestrator.Replay{Seq: q.Seq, By: "ann"}
	b.claimBilling()
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Event: &ev})
	if got, _ := b.state.QuarantinedAt(q.Seq, 0); got.Replayed != nil || b.state.Meta().NextIncident != 0 {
		t.Fatalf("%+v", got)
	}
}

// TestQuarantine_isForgotten: a line stays as long as a closed incident, and then goes, or
// senders of rubbish would fill the disk in the end.
func TestQuarantine_isForgotten(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	rubbish := func() {
		b.add(orchestrator.SubjectEvents, 0, orchestrator.Record{Bad: &orchestrator.Bad{Origin: "http/sentry", Reason: "broken"}})
	}
	rubbish()
	b.after(300 * aDay)
	rubbish()
	b.alert("a day begins")
	if got := len(b.quarantine()); got != 2 {
		t.Fatalf("%d lines are left, none is old", got)
	}
	b.after(101 * aDay)
	b.alert("another day")
	if left := b.quarantine(); len(left) != 1 || left[0].At < b.now-400*aDay {
		t.Errorf("left: %+v", left)
	}
	if got := b.state.Meta().Quarantined; got != 2 {
		t.Errorf("counted %d, and two came", got)
	}
}
