package orchestrator_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestDryRun_givesTheVerdict: what a dry run says of the way back is what the verdict
// says, from all that is known: secrets, variables, migrations and the plan.
func TestDryRun_givesTheVerdict(t *testing.T) {
	t.Parallel()
	for _, row := range verdictRows() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
			b.doc(orchestrator.DocPlaybook, "look", &orchestrator.Plan{Playbook: "look", Title: "Look", Nodes: []orchestrator.Node{{
				ID: "verdict", Kind: orchestrator.NodeAction, Action: "deployment.verdict", With: map[string]any{"from": "dpl_new"},
			}}})
			b.after(30 * aDay)
			ds := b.twoBuilds()
			if row.told != nil {
				row.told(b, ds)
			}
			b.act(orchestrator.Record{Deploys: ds})
			b.observed("dpl_new")
			if row.after != nil {
				row.after(b)
			}
			d, err := b.state.DryRun(testRules(), orchestrator.DryOptions{Playbook: "look", Project: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			report, err := d.Walk(context.Background(), b.now, orchestrator.DryReads{})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Steps) != 1 || !strings.HasPrefix(report.Steps[0].Found, "answer "+row.answer) || !strings.Contains(report.Steps[0].Found, row.says) {
				t.Errorf("want %s because %q, the dry run has %+v", row.answer, row.says, report.Steps)
			}
		})
	}
}
