package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestChunks_eachIsSettledOnItsOwn: nobody knows of two of three chunks whether people got
// their mail, who are others in each. One word cannot mean both without saying so.
func TestChunks_eachIsSettledOnItsOwn(t *testing.T) {
	t.Parallel()
	mail := orchestrator.Node{
		ID: "mail", Title: "Mail everybody", Kind: orchestrator.NodeAction, Action: "mail.send", Approve: &orchestrator.Approve{Roles: []string{"on-call"}},
		Spec: orchestrator.Spec{Effect: true, Chunked: true, Safety: orchestrator.Verifiable, CallTimeout: 1000},
	}
	b := newBook(t, onePlan(mail), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: b.step("mail").StepRef, Hash: "h", Text: "mail all", Chunks: 3}})
	b.say("bob", "approve", "INC-1", "mail")
	chunk := func(n int) *orchestrator.Step {
		_, steps := b.state.Incident(1)
		for _, st := range steps {
			if st.ID == "mail" && st.Chunk == n {
				return st
			}
		}
		t.Fatalf("there is no chunk %d", n)
		return nil
	}
	for n, kind := range map[int]orchestrator.ResultKind{1: orchestrator.ResultDone, 2: orchestrator.ResultInDoubt, 3: orchestrator.ResultInDoubt} {
		out := b.act(orchestrator.Record{Intent: &orchestrator.Intent{StepRef: chunk(n).StepRef, Attempt: fmt.Sprint("c", n), Try: 1}})
		b.result(out.Decisions[0], kind)
	}
	b.wait(minute)
	for n := 2; n <= 3; n++ {
		b.act(orchestrator.Record{Verified: &orchestrator.Verified{
			StepRef: chunk(n).StepRef, Attempt: fmt.Sprint("c", n), Kind: orchestrator.OutcomeCannotTell, Never: true, Text: "nobody can be asked",
		}})
	}
	if text := b.story(); !strings.Contains(text, "I started Mail everybody (chunk 3 of 3) at") {
		t.Errorf("the timeline does not say which chunk:\n%s", text)
	}
	if waits := b.step("mail").Waiting; !strings.Contains(waits, "each of the chunks 2 and 3") {
		t.Errorf("the step waits for %q", waits)
	}
	if r := b.say("ann", "confirm-done", "INC-1"); r.OK || !strings.Contains(r.Text, "chunks 2 and 3") {
		t.Errorf("without a step: %+v", r)
	}
	for words, why := range map[string]string{"mail": "chunks 2 and 3, each of people of its own", "chunk=1": `chunk "1" does not wait`, "chunk=many": `chunk "many" does not wait`} {
		if r := b.say("ann", "confirm-done", "INC-1", "mail", words); r.OK || !strings.Contains(r.Text, why) {
			t.Errorf("confirm-done %s: %+v, want %q", words, r, why)
		}
	}
	if r := b.say("ann", "confirm-done", "INC-1", "mail", "chunk=2"); !r.OK || chunk(2).State != orchestrator.StepDone || chunk(3).State == orchestrator.StepDone {
		t.Fatalf("%+v: chunk 2 is %s, chunk 3 %s", r, chunk(2).State, chunk(3).State)
	}
	if r := b.say("ann", "retry", "INC-1", "mail"); !r.OK || chunk(3).State != orchestrator.StepReady || chunk(2).State != orchestrator.StepDone {
		t.Errorf("%+v: chunk 3 is %s, the only one left", r, chunk(3).State)
	}
	b.wantSameEverywhere()
}
