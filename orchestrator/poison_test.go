package orchestrator_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// raw folds a body that no Backout wrote.
func (b *book) raw(subject, body string) *orchestrator.Folded {
	b.t.Helper()
	b.seq++
	entry := orchestrator.Entry{Seq: b.seq, Subject: subject, Data: []byte(body)}
	b.log = append(b.log, entry)
	out, err := b.fold.Apply(b.state, entry)
	if err != nil {
		b.t.Fatalf("the fold stopped at %.200s: %v", body, err)
	}
	return out
}

func (b *book) quarantine() []orchestrator.Quarantined { return b.state.Quarantine(1000) }

// wantQuarantined expects one more line with this reason.
func (b *book) wantQuarantined(before int, reason, excerpt string) {
	b.t.Helper()
	all := b.quarantine()
	if len(all) != before+1 {
		b.t.Fatalf("%d lines in quarantine, want %d: %+v", len(all), before+1, all)
	}
	if q := all[before]; !strings.Contains(q.Reason, reason) || !strings.Contains(q.Excerpt, excerpt) || q.At == 0 {
		b.t.Fatalf("quarantine says %+v, want reason %q and excerpt %q", q, reason, excerpt)
	}
}

// TestPoison_goesToQuarantineWithItsReason: what the fold cannot take is kept, and
// what comes after it is folded.
func TestPoison_goesToQuarantineWithItsReason(t *testing.T) {
	act := orchestrator.SubjectAct(0)
	for _, c := range []struct{ name, subject, body, reason, excerpt string }{
		{"undecodable", act, `{"id":"x","r":[{`, "decoding an entry", `{"id":"x","r":[{`},
		{"wrong type", act, `{"id":"x","r":[{"result":{"n":"one"}}]}`, "decoding an entry", ""},
		{"nested for ever", act, strings.Repeat(`{"r":[`, 200_000), "decoding an entry", ""},
		{"over-long", act, `{"id":"x","r":[{"bad":{"reason":"` + strings.Repeat("x", 3<<20) + `"}}]}`, "bytes was not read", `{"id":"x"`},
		{"kind of a newer version", act, `{"id":"x","r":[{"merge":{"from":1,"into":2}}]}`, "a kind that this version does not know", `{"merge":{"from":1,"into":2}}`},
		{"result of no incident", act, `{"id":"x","r":[{"result":{"n":77,"o":0,"attempt":"a","kind":"done"}}]}`, "a result of an incident that does not exist: INC-77", `"attempt":"a"`},
		{"look at no step", act, `{"id":"x","r":[{"verified":{"n":1,"o":55,"attempt":"a","kind":"done"}}]}`, "a look of a step that INC-1 does not have", `"o":55`},
		{"measurement of no step", act, `{"id":"x","r":[{"measure":{"n":1,"o":55}}]}`, "a measurement of a step", ""},
		{"preview of no step", act, `{"id":"x","r":[{"preview":{"n":1,"o":55,"hash":"h","text":"t"}}]}`, "a preview of a step", ""},
		{"intent of no incident", act, `{"id":"x","r":[{"intent":{"n":9,"o":0,"attempt":"a","try":1}}]}`, "an intent of an incident", ""},
		{"playbook that cannot be", orchestrator.SubjectConfig, `{"id":"x","r":[{"doc":{"kind":"playbook","name":"rollback","hash":"h","body":{"playbook":"rollback","nodes":[{"ordinal":0,"id":"a","kind":"action","needs":[7]}]}}}]}`, "it needs node 7", ""},
		{"playbook that would never end", orchestrator.SubjectConfig, `{"id":"x","r":[{"doc":{"kind":"playbook","name":"rollback","hash":"h","body":{"playbook":"rollback","nodes":[{"ordinal":3,"id":"a","kind":"join"}]}}}]}`, "its ordinal is 3", ""},
		{"configuration of another shape", orchestrator.SubjectConfig, `{"id":"x","r":[{"doc":{"kind":"config","hash":"h","body":["no"]}}]}`, "the document config cannot be read", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, d := running(t)
			b.raw(c.subject, c.body)
			b.wantQuarantined(0, c.reason, c.excerpt)
			b.result(d, orchestrator.ResultDone)
			if st := b.stepOf(1, "rollback"); st.State != orchestrator.StepDone {
				t.Fatalf("the step is %s after it", st.State)
			}
		})
	}
}

// TestPoison_unknownKindOfAnOldLogIsPassedOver: version 1 passed over them.
func TestPoison_unknownKindOfAnOldLogIsPassedOver(t *testing.T) {
	old := oldBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	old.raw(orchestrator.SubjectAct(0), `{"id":"x","r":[{"merge":{"from":1}},{"result":{"n":9,"attempt":"a","kind":"done"}}]}`)
	if n := len(old.quarantine()); n != 0 {
		t.Fatalf("%d lines in the quarantine of a log of version 1", n)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// breaking panics on one expression, as a bug in the fold would.
type breaking struct {
	orchestrator.Rules
	on string
}

func (r breaking) Eval(expr string, vars map[string]any) (any, error) {
	if expr == r.on {
		_ = []string{}[len(expr)]
	}
	return r.Rules.Eval(expr, vars)
}

// breakOn makes the fold break whenever it evaluates expr.
func (b *book) breakOn(expr string) {
	b.t.Helper()
	b.fold = must(orchestrator.NewFold(breaking{testRules(), expr}))(b.t)
}

// TestPoison_aRecordThatTheFoldBreaksOn: a panic in the middle of a record is one
// line of quarantine; people are told, whoever waits is answered, and the step
// that the record was about is theirs.
func TestPoison_aRecordThatTheFoldBreaksOn(t *testing.T) {
	second := orchestrator.Node{ID: "next", Kind: orchestrator.NodeAction, Action: "page.x", With: map[string]any{"a": "=went back"}, Spec: orchestrator.Spec{Safety: orchestrator.Repeatable}}
	t.Run("a result", func(t *testing.T) {
		b := newBook(t, onePlan(rollbackNode(), second), orchestrator.Advise)
		b.breakOn("went back")
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		b.say("ann", "approve", "INC-1")
		d := b.intend("rollback", "dpl_bad")
		b.result(d, orchestrator.ResultDone)
		b.wantQuarantined(0, "the fold broke on this record: runtime error: index out of range", `"kind":"done"`)
		if !strings.Contains(b.timeline(1), "could not be folded and is in quarantine") {
			t.Fatalf("nobody is told:\n%s", b.timeline(1))
		}
		if b.pages(2) != 1 || !strings.Contains(b.timeline(2), "a record of the log went to quarantine") {
			t.Fatalf("%d pages in the incident about Backout itself\n%s", b.pages(2), b.timeline(2))
		}
		b.wantSameEverywhere()
	})
	t.Run("a command", func(t *testing.T) {
		b := newBook(t, onePlan(second), orchestrator.Live)
		b.promoted("dpl_bad")
		b.breakOn("went back")
		if r := b.say("ann", "rollback", "#shop", ":because"); r.OK || !strings.Contains(r.Text, "breaks on that command") {
			t.Fatalf("answered %+v", r)
		}
		b.wantSameEverywhere()
	})
	t.Run("an intent", func(t *testing.T) {
		node := rollbackNode()
		node.Retry.For = "=boom"
		b := newBook(t, onePlan(node), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		b.say("ann", "approve", "INC-1")
		b.breakOn("boom")
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("an intent the fold broke on was permitted")
		}
		if st := b.stepOf(1, "rollback"); st.State != orchestrator.StepWaiting || st.Parked == 0 || !strings.Contains(st.Waiting, "a person: `retry`") {
			t.Fatalf("the step waits for %q", st.Waiting)
		}
		b.wantSameEverywhere()
		b.breakOn("")
		if r := b.say("ann", "retry", "INC-1", "rollback"); !r.OK {
			t.Fatal(r.Text)
		}
		if st := b.stepOf(1, "rollback"); st.State != orchestrator.StepReady {
			t.Fatalf("after retry it is %s", st.State)
		}
	})
	t.Run("a timer", func(t *testing.T) {
		gate := orchestrator.Node{ID: "cured", Kind: orchestrator.NodeGate, Gate: &orchestrator.Gate{Signals: true, Pass: "boom", Every: "10s", Consecutive: "3", Within: "5m"}}
		b := newBook(t, onePlan(gate), orchestrator.Live)
		b.breakOn("boom")
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.wait(minute)
		if st := b.stepOf(1, "cured"); st.Parked == 0 {
			t.Fatalf("the gate whose timer broke waits for %q", st.Waiting)
		}
		b.wantSameEverywhere()
	})
}

// broken is a store that is damaged.
type brokenView struct{ orchestrator.View }

func (brokenView) Put(orchestrator.Bucket, []byte, []byte) { panic("page 7 is not a leaf") }

// TestPoison_aBrokenStoreIsNoPoison: what breaks in the store is this instance's
// own and stops it, instead of dropping a record that others fold.
func TestPoison_aBrokenStoreIsNoPoison(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	if err := b.state.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := b.state.Bind(brokenView{b.view}); err != nil {
		t.Fatal(err)
	}
	env := orchestrator.Envelope{ID: "x", At: b.now, Records: []orchestrator.Record{{Event: &orchestrator.Event{Origin: "o", ID: "1", Type: orchestrator.AlertFiring, Project: "shop", Name: "n", Severity: "critical"}}}}
	data := must(env.Encode())(t)
	_, err := b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq + 1, Subject: orchestrator.SubjectEvents, Data: data})
	if !errors.Is(err, orchestrator.ErrStore) || !strings.Contains(err.Error(), "page 7") {
		t.Fatalf("folding into a broken store gave %v", err)
	}
}

// wantSameEverywhere folds the book's log into two other states: at once, and with
// a restart after every entry.
func (b *book) wantSameEverywhere() {
	b.t.Helper()
	want := dumped(b.t, b.view, b.state)
	for _, restarts := range []bool{false, true} {
		view := &orchestrator.MemoryView{}
		state := must(orchestrator.NewState(view))(b.t)
		for _, e := range b.log {
			if _, err := b.fold.Apply(state, e); err != nil {
				b.t.Fatal(err)
			}
			if !restarts {
				continue
			}
			if err := state.Flush(); err != nil {
				b.t.Fatalf("after entry %d: %v", e.Seq, err)
			}
			state = must(orchestrator.NewState(view))(b.t)
		}
		if got := dumped(b.t, view, state); !bytes.Equal(got, want) {
			b.t.Fatalf("folded again (with restarts: %t) the state is another one:\n%s", restarts, firstDifference(want, got))
		}
	}
}

func firstDifference(a, b []byte) string {
	la, lb := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(la), len(lb)) {
		if !bytes.Equal(la[i], lb[i]) {
			return string(la[i]) + "\n" + string(lb[i])
		}
	}
	return "one has more rows"
}

// timeline is the story of one incident.
func (b *book) timeline(n uint64) string {
	var out strings.Builder
	for _, l := range b.state.Timeline(n, 0, 500) {
		out.WriteString("  " + l.Actor + ": " + l.Text + "\n")
	}
	return out.String()
}

// stepOf is a step of one incident.
func (b *book) stepOf(n uint64, id string) *orchestrator.Step {
	b.t.Helper()
	_, steps := b.state.Incident(n)
	for _, st := range steps {
		if st.ID == id && st.Chunk == 0 {
			return st
		}
	}
	b.t.Fatalf("INC-%d has no step %s", n, id)
	return nil
}
