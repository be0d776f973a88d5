package orchestrator_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// mutate spoils the body of an entry.
func mutate(rng *rand.Rand, data []byte, others []orchestrator.Entry) []byte {
	data = append(bytes.Clone(data), ' ')
	switch rng.IntN(7) {
	case 0: // a byte is another one
		data[rng.IntN(len(data))] = byte(rng.IntN(256))
	case 1: // the end is missing
		data = data[:rng.IntN(len(data))]
	case 2: // a piece is missing
		at := rng.IntN(len(data))
		data = append(data[:at:at], data[min(len(data), at+1+rng.IntN(30)):]...)
	case 3: // a number is another one
		nums := []string{"0", "1", "-1", "2", "7", "65535", "65536", "2147483648", "9223372036854775807", "18446744073709551615", "1e9", "null"}
		from := rng.IntN(len(data))
		if at := bytes.IndexAny(data[from:], "0123456789"); at >= 0 {
			at += from
			data = append(append(data[:at:at], nums[rng.IntN(len(nums))]...), data[at+1:]...)
		}
	case 4: // a name is another one
		names := []string{"result", "intent", "verified", "measure", "preview", "timer", "cmd", "ev", "doc", "body", "nodes", "kind", "future", "class", "rows", "schema"}
		from, to := names[rng.IntN(len(names))], names[rng.IntN(len(names))]
		data = bytes.ReplaceAll(data, []byte(`"`+from+`":`), []byte(`"`+to+`":`))
	case 5: // a piece of another entry
		other := others[rng.IntN(len(others))].Data
		at, from := rng.IntN(len(data)), rng.IntN(len(other))
		data = append(append(data[:at:at], other[from:min(len(other), from+rng.IntN(200))]...), data[at:]...)
	case 6: // records moved into each other
		data = bytes.Replace(data, []byte(`{"`), []byte(`{"x":`+[]string{"null", "[]", "{}", `"` + strings.Repeat("y", 700) + `"`}[rng.IntN(4)]+`,"`), 1+rng.IntN(3))
	}
	return data
}

// longStory plays what story does not: chunks, measurements, questions, doubts,
// results that nobody waits for.
func longStory(t *testing.T) *book {
	t.Helper()
	mail := orchestrator.Node{
		ID: "mail", Kind: orchestrator.NodeAction, Action: "mail.send", Approve: &orchestrator.Approve{Roles: []string{"on-call"}},
		Spec:      orchestrator.Spec{Effect: true, Chunked: true, Safety: orchestrator.Verifiable, CallTimeout: 1000},
		OnFailure: orchestrator.OnFailure{Do: orchestrator.FailAsk, Ask: &orchestrator.Ask{Within: "5m", Choice: []orchestrator.Choice{{Key: "retry"}, {Key: "stop"}}, Else: orchestrator.ElseStop}},
	}
	gate := orchestrator.Node{ID: "healthy", Kind: orchestrator.NodeGate, Gate: &orchestrator.Gate{Uses: "probe", Pass: "true", Every: "10s", Consecutive: "2", Within: "5m"}}
	ask := orchestrator.Node{ID: "why", Kind: orchestrator.NodeAsk, Ask: &orchestrator.Ask{Typed: []string{"cause"}, Within: "1h", Else: orchestrator.ElseEscalate}}
	b := newBook(t, onePlan(rollbackNode(), mail, gate, ask), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	d := b.intend("rollback", "dpl_bad")
	b.claim("boot2")
	b.wait(31_000)
	b.look(d, orchestrator.OutcomeDone)
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: b.step("mail").StepRef, Hash: "h2", Text: "mail all", Chunks: 3}})
	b.say("bob", "approve", "INC-1", "mail")
	for c := range 3 {
		ref := b.step("mail").StepRef
		ref.Chunk = c + 1
		out := b.act(orchestrator.Record{Intent: &orchestrator.Intent{StepRef: ref, Attempt: fmt.Sprint("c", c), Try: 1}})
		b.result(out.Decisions[0], []orchestrator.ResultKind{orchestrator.ResultDone, orchestrator.ResultInDoubt, orchestrator.ResultAccepted}[c])
	}
	b.wait(minute)
	b.say("ann", "skip", "INC-1", "mail")
	b.say("ann", "snooze", "INC-1", "for=1h")
	for range 4 {
		if st := b.step("mail"); st.State.Ended() {
			break
		}
		b.wait(minute)
	}
	b.inDatabase("1_init")
	b.classed("2_drop", dropped(), newValue())
	b.rows("2_drop", orchestrator.RowCount{N: 9})
	b.inDatabase("1_init", "2_drop")
	b.stray("nobody's")
	b.say("ann", "note", "INC-1", ":look at \"this\"")
	b.say("ann", "pause", ":night")
	b.say("ann", "close", "INC-1")
	b.wait(3 * 60 * minute)
	return b
}

// look reports what a verification of an attempt found.
func (b *book) look(d orchestrator.Decision, kind orchestrator.OutcomeKind) {
	b.t.Helper()
	b.act(orchestrator.Record{Verified: &orchestrator.Verified{StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: kind, Text: "as seen", CheckAfter: 1000}})
}

// TestPoison_mutatedLogs spoils entries of real logs. The fold may stop for a
// guard only; it must come to the same state with and without restarts; and it
// must still be able to fold a new incident at the end.
func TestPoison_mutatedLogs(t *testing.T) {
	rounds := 600
	if testing.Short() {
		rounds = 60
	}
	stories := []*book{story(t), longStory(t)}
	quarantined, stopped := uint64(0), 0
	for seed := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		base := stories[seed%len(stories)]
		log := append([]orchestrator.Entry(nil), base.log...)
		for range 1 + rng.IntN(4) {
			i, j := rng.IntN(len(log)), rng.IntN(len(log))
			switch rng.IntN(6) {
			case 0: // two change places
				log[i].Data, log[j].Data, log[i].Subject, log[j].Subject = log[j].Data, log[i].Data, log[j].Subject, log[i].Subject
			case 1: // one comes twice
				log[i].Data, log[i].Subject = log[j].Data, log[j].Subject
			default:
				log[i].Data = mutate(rng, log[i].Data, base.log)
			}
		}
		meta, ok := playMutated(t, base.fold, log, seed)
		quarantined += meta.Quarantined
		if !ok {
			stopped++
		}
	}
	t.Logf("%d mutated logs: %d records in quarantine, %d stopped by a guard", rounds, quarantined, stopped)
}

// playMutated folds a spoiled log twice; ok is false when a guard stopped it.
func playMutated(t *testing.T, fold *orchestrator.Fold, log []orchestrator.Entry, seed int) (orchestrator.Meta, bool) {
	t.Helper()
	var dumps [2][]byte
	var stops [2]string
	var meta orchestrator.Meta
	for i := range dumps {
		view := &orchestrator.MemoryView{}
		state := must(orchestrator.NewState(view))(t)
		for _, e := range log {
			if _, err := fold.Apply(state, e); err != nil {
				if !isGuard(err) {
					t.Fatalf("seed %d, entry %d: the fold stopped: %v\n%s", seed, e.Seq, err, e.Data)
				}
				stops[i] = err.Error()
				break
			}
			if i == 0 {
				continue
			}
			if err := state.Flush(); err != nil {
				t.Fatalf("seed %d, entry %d: the state cannot be kept: %v\n%s", seed, e.Seq, err, e.Data)
			}
			state = must(orchestrator.NewState(view))(t)
		}
		if stops[i] == "" {
			dumps[i] = dumped(t, view, state)
		}
		meta = state.Meta()
	}
	if !bytes.Equal(dumps[0], dumps[1]) || stops[0] != stops[1] {
		t.Fatalf("seed %d: with restarts the state is another one (%q, %q):\n%s", seed, stops[0], stops[1], firstDifference(dumps[0], dumps[1]))
	}
	return meta, stops[0] == ""
}

func isGuard(err error) bool {
	for _, g := range []error{orchestrator.ErrGap, orchestrator.ErrOtherLog, orchestrator.ErrTooNew, orchestrator.ErrDiverged} {
		if errors.Is(err, g) {
			return true
		}
	}
	return false
}
