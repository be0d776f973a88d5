package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// long is a JSON object of about a megabyte.
func long() json.RawMessage {
	return json.RawMessage(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`)
}

// TestLane_recordsThatAreTooLong are replaced by records that say so: one that the
// log never takes would hold up every other one for ever.
func TestLane_recordsThatAreTooLong(t *testing.T) {
	t.Parallel()
	ref := orchestrator.StepRef{N: 1, Ordinal: 2}
	list := make([]orchestrator.DeploymentAt, 5000)
	for i := range list {
		list[i].ID = fmt.Sprintf("dpl_%032d", i)
	}
	l := &lane{}
	for _, rec := range []orchestrator.Record{
		{Result: &orchestrator.Result{StepRef: ref, Attempt: "a", Kind: orchestrator.ResultDone, Data: long()}},
		{Preview: &orchestrator.Previewed{StepRef: ref, Text: "t", Data: long()}},
		{Measure: &orchestrator.Measured{StepRef: ref, Data: long()}},
		{Verified: &orchestrator.Verified{StepRef: ref, Attempt: "a", Kind: orchestrator.OutcomeDone, Data: long()}},
		{Observed: &orchestrator.Observed{Project: "p", Serving: orchestrator.Serving{Deployment: strings.Repeat("d", 1<<20)}}},
		{Deploys: &orchestrator.Deployments{Project: "p", List: list}},
		{Event: &orchestrator.Event{Origin: "o", Summary: strings.Repeat("<", 200<<10)}},
	} {
		l.queue(item{rec: rec, fact: true})
	}
	bodies := l.bundle(false)
	if len(bodies) != len(l.items) {
		t.Fatalf("%d of %d records are bundled", len(bodies), len(l.items))
	}
	for i, b := range bodies {
		if len(b) > maxRecord {
			t.Errorf("record %d is %d bytes long", i, len(b))
		}
	}
	if r := l.items[0].rec.Result; r.Kind != orchestrator.ResultDone || r.Attempt != "a" || !strings.Contains(r.Text, "its output is not kept") {
		t.Errorf("a result became %+v", r)
	}
	if p := l.items[1].rec.Preview; !p.Gone || p.Error == "" {
		t.Errorf("a preview became %+v", p)
	}
	if b := l.items[6].rec.Bad; b == nil || b.Origin != "o" {
		t.Errorf("an event became %+v", l.items[6].rec)
	}
}

// TestLane_messagesStayUnderTheLimit: many records that are each short enough are
// several messages.
func TestLane_messagesStayUnderTheLimit(t *testing.T) {
	t.Parallel()
	l := &lane{}
	for range 40 {
		l.queue(item{rec: orchestrator.Record{Measure: &orchestrator.Measured{Data: json.RawMessage(`{"a":"` + strings.Repeat("x", 100<<10) + `"}`)}}})
	}
	bodies := l.bundle(false)
	size := 0
	for _, b := range bodies {
		size += len(b)
	}
	if len(bodies) == 0 || len(bodies) == len(l.items) || size > orchestrator.MaxEntry {
		t.Fatalf("a message of %d records and %d bytes", len(bodies), size)
	}
}

// TestFitting_textsThatGrow: what is short in the inbox may be six times as long in
// the log.
func TestFitting_textsThatGrow(t *testing.T) {
	t.Parallel()
	var records []orchestrator.Record
	for range pumpRecords {
		records = append(records, orchestrator.Record{Event: &orchestrator.Event{Origin: "o", Summary: strings.Repeat("<", 2000)}})
	}
	items := fitting(records)
	size := 0
	for i := range items {
		size += len(items[i].json)
	}
	if len(items) == 0 || len(items) == len(records) || size > orchestrator.MaxEntry {
		t.Fatalf("%d of %d records are taken, %d bytes", len(items), len(records), size)
	}
}

// hanging never comes back.
type hanging struct{ orchestrator.Action }

func (hanging) Do(context.Context, orchestrator.Call) (orchestrator.Output, error) {
	select {}
}

// TestWithin_aHandlerThatHangs: its attempt is in doubt and not under way for ever.
func TestWithin_aHandlerThatHangs(t *testing.T) {
	t.Parallel()
	e := &Engine{opt: Options{Actions: map[string]orchestrator.Action{"hang": hanging{}}, Logger: slog.New(slog.DiscardHandler)}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	rec, outcome := e.within(ctx, Task{Kind: TaskDo, Action: "hang", job: &job{attempt: "a"}})
	if outcome != "hung" || rec.Result == nil || rec.Result.Kind != orchestrator.ResultInDoubt || rec.Result.Attempt != "a" {
		t.Fatalf("%s: %+v", outcome, rec.Result)
	}
}

// TestRoom: nine tenths are for everybody, and what was turned away for want of room
// is told until something is taken.
func TestRoom(t *testing.T) {
	t.Parallel()
	r := newRoom()
	if r.now().Refusing {
		t.Fatal("signals are refused before anything is known")
	}
	r.weighed(899, 1000)
	if s := r.now(); s.Refusing || s.Percent() != 89 {
		t.Fatalf("%+v", s)
	}
	r.weighed(900, 1000)
	if !r.now().Refusing {
		t.Fatal("nine tenths are not refused")
	}
	r.weighed(100, 1000)
	r.note(0, orchestrator.ErrLogFull)
	if s := r.now(); !s.Refusing || !s.Full || s.Failing.IsZero() {
		t.Fatalf("a full log: %+v", s)
	}
	r.note(600, nil)
	if s := r.now(); s.Refusing || s.Full || !s.Failing.IsZero() || s.Bytes != 700+entryBytes {
		t.Fatalf("after an entry was taken: %+v", s)
	}
	r.note(600, nil)
	if !r.now().Refusing {
		t.Fatal("what this process appends is not counted")
	}
}
