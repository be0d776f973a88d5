package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestPerson_decidesWhateverThePolicySays: in live mode, with a policy that would act
// alone or a playbook that asks nobody, such an effect waits for a yes.
func TestPerson_decidesWhateverThePolicySays(t *testing.T) {
	t.Parallel()
	for name, approve := range map[string]*orchestrator.Approve{"by policy": {Policy: true}, "nobody asked": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := rollbackNode()
			node.Approve, node.Spec.Person, node.Spec.Serving = approve, true, false
			b := newBook(t, onePlan(node), orchestrator.Live)
			b.promoted("dpl_bad")
			b.alert("5xx")
			b.preview("rollback")
			st := b.wantStep("rollback", orchestrator.StepAwaiting)
			if st.Approval == nil || st.Approval.Auto || !strings.Contains(st.Approval.Rule, "a person always decides") {
				t.Errorf("%+v", st.Approval)
			}
			b.say("ann", "approve", "INC-1", "rollback")
			b.wantStep("rollback", orchestrator.StepReady)
		})
	}
}
