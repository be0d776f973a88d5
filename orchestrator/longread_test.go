package orchestrator_test

import (
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestRead_mayTakeLong: a read that works on, such as a copy of a database, is looked at
// until it is done, in every mode and without a question.
func TestRead_mayTakeLong(t *testing.T) {
	t.Parallel()
	for _, mode := range []orchestrator.Mode{orchestrator.Shadow, orchestrator.Advise, orchestrator.Live} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			node := rollbackNode()
			node.ID, node.Action, node.Approve, node.With = "copy", "postgres.snapshot", nil, nil
			node.Spec = orchestrator.Spec{Name: "postgres.snapshot", Safety: orchestrator.Repeatable, CallTimeout: 1000}
			b := newBook(t, onePlan(node), mode)
			b.promoted("dpl_bad")
			b.alert("5xx")
			d := b.intend("copy", "dpl_bad")
			b.act(orchestrator.Record{Result: &orchestrator.Result{
				StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultAccepted,
				Accepted: &orchestrator.Accepted{Token: "job", CheckAfter: 1000, Until: 60 * minute},
			}})
			b.wantStep("copy", orchestrator.StepAccepted)
			b.wait(minute)
			b.look(d, orchestrator.OutcomeRunning)
			b.wantStep("copy", orchestrator.StepAccepted)
			b.wait(minute)
			b.look(d, orchestrator.OutcomeDone)
			b.wantStep("copy", orchestrator.StepDone)
		})
	}
}
