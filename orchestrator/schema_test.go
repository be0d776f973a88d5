package orchestrator_test

import (
	"encoding/json"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestSchema_lateResult: what a step read of the database counts like a poll, and not
// when something newer was read before its result came.
func TestSchema_lateResult(t *testing.T) {
	t.Parallel()
	read := func(at int64, applied ...string) orchestrator.SchemaRead {
		return orchestrator.SchemaRead{Project: "shop", Environment: "production", Applied: applied, All: len(applied), At: at}
	}
	for name, c := range map[string]struct{ polled, result, want int64 }{
		"a result before the poll": {polled: 2, result: 1, want: 2},
		"a result after the poll":  {polled: 1, result: 2, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := rollbackNode()
			node.ID, node.Action, node.Approve, node.With = "schema", orchestrator.SchemaAction, nil, nil
			node.Spec = orchestrator.Spec{Name: orchestrator.SchemaAction, Safety: orchestrator.Repeatable, CallTimeout: 1000}
			b := newBook(t, onePlan(node), orchestrator.Live)
			b.promoted("dpl_bad")
			b.alert("5xx")
			d := b.intend("schema", "dpl_bad")
			polled, result := read(b.now+c.polled, "1"), read(b.now+c.result, "1", "2")
			b.act(orchestrator.Record{Schema: &polled})
			data, err := json.Marshal(result)
			if err != nil {
				t.Fatal(err)
			}
			b.act(orchestrator.Record{Result: &orchestrator.Result{StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultDone, Data: data}})
			if got := b.state.Settings("shop", "production").Schema; got == nil || got.At != b.now+c.want {
				t.Errorf("the schema is as read at %+v, want what was read last", got)
			}
		})
	}
}
