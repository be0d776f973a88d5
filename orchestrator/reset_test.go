package orchestrator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// resetPlan asks, takes a copy and empties the database.
func resetPlan() *orchestrator.Plan {
	const within = "30m"
	return onePlan(
		orchestrator.Node{ID: "database", Kind: orchestrator.NodeAsk, Ask: &orchestrator.Ask{
			Roles: []string{"dba"}, Within: within, Else: orchestrator.ElsePage,
			Choice: []orchestrator.Choice{{Key: "leave", Text: "Leave it"}, {Key: "reset", Text: "Drop everything"}},
		}},
		orchestrator.Node{ID: "snapshot", Kind: orchestrator.NodeAction, Action: orchestrator.SnapshotAction, Spec: orchestrator.Spec{Name: orchestrator.SnapshotAction, Safety: orchestrator.Repeatable, CallTimeout: 1000}},
		orchestrator.Node{
			ID: "reset", Kind: orchestrator.NodeAction, Action: orchestrator.ResetAction, With: map[string]any{"snapshot": "=steps.snapshot.output"},
			Spec:    orchestrator.Spec{Name: orchestrator.ResetAction, Effect: true, Safety: orchestrator.Verifiable, CallTimeout: 1000},
			Approve: &orchestrator.Approve{Roles: []string{"dba"}, Quorum: 2, Requester: "excluded", Confirm: orchestrator.ConfirmName, Within: within, Else: orchestrator.ElseStop},
		},
	)
}

func resetConfig() *orchestrator.Config {
	c := testConfig(orchestrator.Live)
	c.People = nil
	for _, id := range []string{"ann", "bob", "cat", "dan"} {
		c.People = append(c.People, orchestrator.Person{ID: id, Roles: []string{"on-call", "devops-lead", "dba"}})
	}
	c.Projects[0].Environments[0].Database = orchestrator.Database{Direct: true, Prisma: true, AllowDataLoss: true}
	return c
}

// resetting is a reset that waits for its approval; change may take a guard away.
type resetting struct {
	plan   *orchestrator.Plan
	config *orchestrator.Config
	copied string
	votes  [][2]string
}

func (r *resetting) run(t *testing.T) (*book, orchestrator.Decision) {
	t.Helper()
	b := newBook(t, r.plan, orchestrator.Live)
	b.config(resetConfig())
	b.promoted("dpl_bad")
	if reply := b.say("ann", "rollback", "#shop", ":bad"); !reply.OK {
		t.Fatal(reply.Text)
	}
	b.config(r.config)
	if reply := b.say("dan", "choose", "INC-1", "database", "choice=reset"); !reply.OK {
		t.Fatal(reply.Text)
	}
	d := b.intend("snapshot", "dpl_bad")
	b.add(orchestrator.SubjectResults(0), 0, orchestrator.Record{Result: &orchestrator.Result{
		StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultDone, Data: json.RawMessage(r.copied),
	}})
	st := b.wantStep("reset", orchestrator.StepAwaiting)
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: st.StepRef, Hash: "h", Text: "DROP EVERYTHING of shop", Data: json.RawMessage(`{"database":"shop"}`)}})
	for _, v := range r.votes {
		b.say(v[0], "approve", "INC-1", "reset", "confirm="+v[1])
	}
	if b.step("reset").State != orchestrator.StepReady {
		return b, orchestrator.Decision{}
	}
	return b, b.intend("reset", "dpl_bad")
}

const verified = `{"copy":"shop-1","verified":true}`

func metGuards() *resetting {
	return &resetting{plan: resetPlan(), config: resetConfig(), copied: verified, votes: [][2]string{{"bob", "shop"}, {"cat", "shop"}}}
}

func TestReset_withEveryGuardMet(t *testing.T) {
	t.Parallel()
	b, d := metGuards().run(t)
	if !d.Accepted || !strings.Contains(string(d.Call.Inputs), "shop-1") {
		t.Fatalf("%+v\n%s", d, b.story())
	}
}

// Each guard, taken away alone, keeps the database.
func TestReset_eachGuardAlone(t *testing.T) {
	t.Parallel()
	approve := func(r *resetting) *orchestrator.Approve { return r.plan.Nodes[2].Approve }
	for name, one := range map[string]struct {
		without func(*resetting)
		want    string
	}{
		"the configuration allows no loss": {func(r *resetting) { r.config.Projects[0].Environments[0].Database.AllowDataLoss = false }, "allow_data_loss is not true"},
		"staging is no excuse": {func(r *resetting) {
			e := &r.config.Projects[0].Environments[0]
			e.Kind, e.Database.AllowDataLoss = orchestrator.KindStaging, false
		}, "allow_data_loss is not true"},
		"the copy was not verified":        {func(r *resetting) { r.copied = `{"copy":"shop-1","verified":false}` }, "was not verified"},
		"the copy has no name":             {func(r *resetting) { r.copied = `{"verified":true}` }, "was not verified"},
		"the copy is no step's":            {func(r *resetting) { r.plan.Nodes[2].With["snapshot"] = map[string]any{"copy": "x", "verified": true} }, "not the output of a step"},
		"what was taken is no copy":        {func(r *resetting) { r.plan.Nodes[1].Action = "postgres.schema" }, "has not taken a copy"},
		"one person":                       {func(r *resetting) { approve(r).Quorum = 1; r.votes = r.votes[:1] }, "needs 2 people who did not ask for it, and has 1"},
		"the one who asked counts not":     {func(r *resetting) { approve(r).Requester = ""; r.votes[1] = [2]string{"ann", "shop"} }, "needs 2 people"},
		"the one who chose it counts not":  {func(r *resetting) { approve(r).Requester = ""; r.votes[1] = [2]string{"dan", "shop"} }, "needs 2 people"},
		"no name typed":                    {func(r *resetting) { approve(r).Confirm = ""; r.votes[1][1] = "" }, "has not typed the name"},
		"another name typed":               {func(r *resetting) { approve(r).Confirm = ""; r.votes[1][1] = "shop_staging" }, "has not typed the name"},
		"the requester is refused at once": {func(r *resetting) { r.votes[1][0] = "ann" }, "ann asked for it"},
		"who chose it is refused at once":  {func(r *resetting) { r.votes[1][0] = "dan" }, "dan asked for it"},
		"twice the same person":            {func(r *resetting) { r.votes[1] = r.votes[0] }, "bob has approved already"},
		"a wrong name is refused at once":  {func(r *resetting) { r.votes[1][1] = "shp" }, "name of the database typed back"},
		"policy alone": {func(r *resetting) {
			*approve(r) = orchestrator.Approve{Policy: true}
			r.config.Policies.Autonomy = []orchestrator.Autonomy{{Action: "*", Do: orchestrator.DoAuto, Veto: 1}}
			r.votes = nil
		}, "policy alone never does"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := metGuards()
			one.without(r)
			b, d := r.run(t)
			if b.step("reset").State == orchestrator.StepAwaiting && b.step("reset").Approval.Auto {
				b.wait(minute)
				d = b.intend("reset", "dpl_bad")
			}
			if d.Accepted || !strings.Contains(b.story(), one.want) {
				t.Errorf("%+v\n%s", d, b.story())
			}
		})
	}
}

// A disposable database needs a person's yes to what was shown, and nothing else.
func TestReset_disposableNeedsLess(t *testing.T) {
	t.Parallel()
	r := metGuards()
	e := &r.config.Projects[0].Environments[0]
	e.Kind, e.Database.AllowDataLoss = orchestrator.KindDisposable, false
	r.copied, r.votes = `{}`, [][2]string{{"bob", ""}}
	*r.plan.Nodes[2].Approve = orchestrator.Approve{Roles: []string{"dba"}, Quorum: 1, Within: "30m", Else: orchestrator.ElseStop}
	if b, d := r.run(t); !d.Accepted {
		t.Errorf("%+v\n%s", d, b.story())
	}
}

func TestSnapshotStep(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=steps.snapshot.output": "snapshot", "=steps.snapshot.output.name": "", "=steps.a.b.output": "", "steps.snapshot.output": "", "": "",
		"=true ? steps.x.output : steps.y.output": "",
	} {
		if got := orchestrator.SnapshotStep(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if orchestrator.SnapshotStep(7) != "" {
		t.Error("a number is no step")
	}
}
