package orchestrator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// running is a book with a rollback that was permitted and has not reported.
func running(t *testing.T) (*book, orchestrator.Decision) {
	t.Helper()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	return b, b.intend("rollback", "dpl_bad")
}

// follow begins another log where this one ends.
func (b *book) follow(partitions int, restored bool) error {
	m := b.state.Meta()
	env := orchestrator.Envelope{ID: "genesis2", At: b.now, Records: []orchestrator.Record{{Genesis: &orchestrator.Genesis{
		LogID: "log2", Partitions: partitions, FoldVersion: orchestrator.FoldVersion, Lineage: "log",
		After: &orchestrator.After{LogID: m.LogID, Seq: m.Cursor, Chain: m.Chain, Restored: restored},
	}}}}
	data, err := env.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	b.seq++
	_, err = b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq, Subject: orchestrator.SubjectAdmin, Data: data})
	return err
}

func TestGenesis_followsOnWithMorePartitions(t *testing.T) {
	b, d := running(t)
	if err := b.follow(16, false); err != nil {
		t.Fatal(err)
	}
	p := orchestrator.Partition("shop", "production", 16)
	inc := b.incident()
	if inc.Partition != p || b.state.Meta().Partitions != 16 {
		t.Fatalf("partition %d of %d, want %d", inc.Partition, b.state.Meta().Partitions, p)
	}
	if own := b.state.Owner(0); own.Epoch != 0 {
		t.Fatalf("the owner of the old log still owns: %+v", own)
	}
	claim := orchestrator.Record{Claim: &orchestrator.Claim{Instance: "new", Boot: "boot9", FoldVersion: orchestrator.FoldVersion}}
	b.add(orchestrator.SubjectOwn(p), 0, claim)
	b.wantStep("rollback", orchestrator.StepUnknown)
	if inc, st := b.incident(), b.step("rollback"); b.state.StepKey(inc, st) != d.Call.Key {
		t.Fatal("the step key changed with the log: the outside would do it twice")
	}
	if r := b.say("ann", "open", "#shop", ":again"); !r.OK || r.Incident != "INC-1" {
		t.Fatalf("the counter or the open incident got lost: %+v", r)
	}
}

func TestGenesis_restoredWaitsForAPerson(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	if err := b.follow(1, true); err != nil {
		t.Fatal(err)
	}
	if got := b.state.Meta().Paused[""]; got.By != "restore" {
		t.Fatalf("paused by %+v", got)
	}
	if r := b.say("ann", "unpause"); !r.OK || len(b.state.Meta().Paused) != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestGenesis_refusesALogThatDoesNotFollow(t *testing.T) {
	b := quietBook(t)
	m := b.state.Meta()
	for _, after := range []*orchestrator.After{nil, {LogID: "log", Seq: m.Cursor, Chain: "other"}, {LogID: "log", Seq: m.Cursor - 1, Chain: m.Chain}} {
		env := orchestrator.Envelope{ID: "g", Records: []orchestrator.Record{{Genesis: &orchestrator.Genesis{LogID: "log2", Partitions: 1, FoldVersion: 2, After: after}}}}
		data, err := env.Encode()
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.fold.Apply(b.state, orchestrator.Entry{Seq: m.Cursor + 1, Subject: orchestrator.SubjectAdmin, Data: data})
		if !errors.Is(err, orchestrator.ErrOtherLog) {
			t.Fatalf("after %+v: %v", after, err)
		}
	}
}

func TestCheckpoint_findsADivergedLog(t *testing.T) {
	b := quietBook(t)
	for b.seq < orchestrator.CheckEvery+10 {
		b.act(orchestrator.Record{Bad: &orchestrator.Bad{Origin: "test", Reason: "filler"}})
	}
	good, ok := b.state.Checkpoint(orchestrator.CheckEvery)
	if !ok || good.Chain == "" {
		t.Fatal("no checkpoint was kept")
	}
	b.act(orchestrator.Record{Checkpoint: &good})
	env := orchestrator.Envelope{ID: "x", Epoch: b.epoch(), Records: []orchestrator.Record{{Checkpoint: &orchestrator.Checkpoint{Seq: good.Seq, Chain: "other"}}}}
	data, err := env.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq + 1, Subject: orchestrator.SubjectAct(0), Data: data})
	if !errors.Is(err, orchestrator.ErrDiverged) {
		t.Fatalf("got %v", err)
	}
}

func TestIntent_onlyTheOwnerOfItsPartition(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	if err := b.follow(16, false); err != nil {
		t.Fatal(err)
	}
	mine := orchestrator.Partition("shop", "production", 16)
	other := (mine + 1) % 16
	for _, p := range []int{mine, other} {
		b.add(orchestrator.SubjectOwn(p), 0, orchestrator.Record{Claim: &orchestrator.Claim{Instance: "i", Boot: "boot1", FoldVersion: 2}})
	}
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	st := b.step("rollback")
	intent := orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: "a", Try: 1}}
	for _, subject := range []string{orchestrator.SubjectAct(other), orchestrator.SubjectEvents} {
		f := b.add(subject, b.state.Owner(other).Epoch, b.serves("dpl_bad"), intent)
		if len(f.Decisions) != 1 || f.Decisions[0].Accepted {
			t.Fatalf("%s: %+v", subject, f.Decisions)
		}
	}
	f := b.add(orchestrator.SubjectAct(mine), b.state.Owner(mine).Epoch, b.serves("dpl_bad"), intent)
	if len(f.Decisions) != 1 || !f.Decisions[0].Accepted {
		t.Fatalf("%+v", f.Decisions)
	}
}

func TestRetention_forgetsClosedIncidentsAndOldAlerts(t *testing.T) {
	b := quietBook(t)
	b.alert("5xx")
	at := b.now
	b.resolved("5xx", at)
	b.say("ann", "dismiss", "INC-1")
	b.wait(399 * 24 * 60 * minute)
	if inc, _ := b.state.Incident(1); inc == nil {
		t.Fatal("gone too early")
	}
	b.wait(2 * 24 * 60 * minute)
	if inc, _ := b.state.Incident(1); inc != nil {
		t.Fatal("a closed incident is kept for ever")
	}
	b.stray("wakes the daily sweep")
	if err := b.state.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []orchestrator.Bucket{orchestrator.BucketAlert, orchestrator.BucketStep} {
		b.view.Scan(bucket, nil, nil, func(k, _ []byte) bool {
			if bucket == orchestrator.BucketAlert || k[7] == 1 {
				t.Errorf("%s still has %q", bucket, k)
			}
			return true
		})
	}
}

func TestRedacted_takesTheWordsOutOfTheState(t *testing.T) {
	b := quietBook(t)
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop", Name: "secretword", Severity: "critical", Fingerprint: "f"})
	seq := b.seq
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Redacted: &orchestrator.Redacted{Seq: seq, By: "ann", Reason: "test"}})
	if inc := b.incident(); inc.Title != "[redacted]" {
		t.Fatalf("title %q", inc.Title)
	}
	if story := b.story(); len(story) == 0 || strings.Contains(story, "secretword") {
		t.Fatalf("the timeline keeps it:\n%s", story)
	}
}

func TestRedacted_takesTheBodyOutOfTheSignal(t *testing.T) {
	b := quietBook(t)
	fires := orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop", Name: "Down", Severity: "critical", Fingerprint: "f", ID: "f/1", Blob: "first"}
	b.event(fires)
	seq := b.seq
	for _, id := range []string{"2", "3", "4", "5"} {
		fires.ID, fires.Blob = "f/"+id, "hash"+id
		b.event(fires)
	}
	bodies := func() (out []string) {
		for _, r := range b.state.Signals(1, 1)[0].Raw {
			out = append(out, r.Blob)
		}
		return out
	}
	if got := strings.Join(bodies(), " "); got != "first hash3 hash4 hash5" {
		t.Fatalf("the first and the three newest: %s", got)
	}
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Redacted: &orchestrator.Redacted{Seq: seq, By: "ann", Reason: "test"}})
	if got := strings.Join(bodies(), " "); got != "hash3 hash4 hash5" {
		t.Fatalf("after the redaction: %s", got)
	}
}
