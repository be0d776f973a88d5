package orchestrator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// plainRules evaluates what the tests of this package need without CEL: the
// expressions are keys of a table, everything else is an error.
type plainRules map[string]func(map[string]any) any

func (r plainRules) Eval(expr string, vars map[string]any) (any, error) {
	if f, ok := r[expr]; ok {
		return f(vars), nil
	}
	return nil, errors.New("no such expression: " + expr)
}

// book is one log being folded, with verbs to tell a story.
type book struct {
	t     *testing.T
	fold  *orchestrator.Fold
	view  *orchestrator.MemoryView
	state *orchestrator.State
	seq   uint64
	now   int64
	ids   int
	last  *orchestrator.Folded
	log   []orchestrator.Entry
}

const minute = int64(60_000)

func testRules() plainRules {
	return plainRules{
		"true":       func(map[string]any) any { return true },
		"false":      func(map[string]any) any { return false },
		"critical":   func(v map[string]any) any { return v["signal"].(map[string]any)["severity"] == "critical" },
		"quiet":      func(v map[string]any) any { return v["failing"] == int64(0) },
		"value >= 3": func(v map[string]any) any { return v["value"].(int64) >= 3 },
		"went back": func(v map[string]any) any {
			return v["steps"].(map[string]any)["rollback"].(map[string]any)["state"] == "done"
		},
		"steps.snapshot.output": func(v map[string]any) any {
			return v["steps"].(map[string]any)["snapshot"].(map[string]any)["output"]
		},
		"suspect.deployment_id": func(v map[string]any) any { return v["suspect"].(map[string]any)["deployment_id"] },
		"verdict.target.id": func(v map[string]any) any {
			return v["verdict"].(map[string]any)["target"].(map[string]any)["id"]
		},
	}
}

func newBook(t *testing.T, plan *orchestrator.Plan, mode orchestrator.Mode) *book {
	t.Helper()
	fold, err := orchestrator.NewFold(testRules())
	if err != nil {
		t.Fatal(err)
	}
	view := &orchestrator.MemoryView{}
	state, err := orchestrator.NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{t: t, fold: fold, view: view, state: state, now: 1_700_000_000_000}
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Genesis: &orchestrator.Genesis{LogID: "log", Partitions: 1, FoldVersion: 1}})
	b.config(testConfig(mode))
	b.doc(orchestrator.DocRules, "", &orchestrator.RuleSet{Rules: []orchestrator.Rule{
		{ID: "bad_deploy", Priority: 10, When: "critical", Do: orchestrator.RuleOpen, Playbook: plan.Playbook, Why: "critical after a promotion"},
	}})
	b.doc(orchestrator.DocPlaybook, plan.Playbook, plan)
	b.claim("boot1")
	return b
}

func testConfig(mode orchestrator.Mode) *orchestrator.Config {
	return &orchestrator.Config{
		Mode: mode,
		People: []orchestrator.Person{
			{ID: "ann", Name: "Ann", Roles: []string{"on-call", "dba"}},
			{ID: "bob", Name: "Bob", Roles: []string{"on-call"}},
			{ID: "cat", Name: "Cat", Roles: []string{"support"}},
		},
		Projects: []orchestrator.Project{{
			ID: "shop", Vercel: "prj_shop",
			Environments: []orchestrator.Environment{{ID: "production", Kind: "production", Domains: []orchestrator.Domain{{Host: "shop.test"}}}},
			Match:        []orchestrator.Match{{Labels: map[string]string{"service": "checkout"}, Component: "checkout"}},
		}},
		Policies: orchestrator.Policies{Autonomy: []orchestrator.Autonomy{
			{Action: "vercel.rollback", Do: orchestrator.DoAuto, Veto: minute, Roles: []string{"on-call"}, Quorum: 1},
			{Action: "two.people", Do: orchestrator.DoAsk, Roles: []string{"on-call"}, Quorum: 2, Requester: "excluded", Within: 5 * minute},
		}},
	}
}

var rollbackSpec = orchestrator.Spec{Name: "vercel.rollback", Effect: true, Serving: true, Safety: orchestrator.Verifiable, CallTimeout: 20_000, Settle: 5_000}

func onePlan(nodes ...orchestrator.Node) *orchestrator.Plan {
	for i := range nodes {
		nodes[i].Ordinal = i
		if i > 0 && nodes[i].Needs == nil {
			nodes[i].Needs = []int{i - 1}
		}
	}
	return &orchestrator.Plan{Playbook: "rollback", Title: "Roll back", Lock: true, NeedsSuspect: true, Nodes: nodes}
}

func rollbackNode() orchestrator.Node {
	return orchestrator.Node{
		ID: "rollback", Kind: orchestrator.NodeAction, Action: "vercel.rollback", Spec: rollbackSpec,
		With:    map[string]any{"expect_serving": "=suspect.deployment_id", "target": "dpl_old"},
		Approve: &orchestrator.Approve{Policy: true},
	}
}

func (b *book) add(subject string, epoch uint64, records ...orchestrator.Record) *orchestrator.Folded {
	b.t.Helper()
	b.seq++
	env := orchestrator.Envelope{ID: fmt.Sprint("m", b.seq), At: b.now, Epoch: epoch, Records: records}
	data, err := env.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	entry := orchestrator.Entry{Seq: b.seq, Subject: subject, Data: data}
	b.log = append(b.log, entry)
	b.last, err = b.fold.Apply(b.state, entry)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.last
}

func (b *book) config(c *orchestrator.Config) { b.doc(orchestrator.DocConfig, "", c) }

func (b *book) doc(kind, name string, v any) {
	b.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	b.add(orchestrator.SubjectConfig, 0, orchestrator.Record{Doc: &orchestrator.Doc{Kind: kind, Name: name, Hash: fmt.Sprint(kind, name, b.seq), Body: body}})
}

func (b *book) claim(boot string) {
	b.t.Helper()
	b.add(orchestrator.SubjectOwn(0), 0, orchestrator.Record{Claim: &orchestrator.Claim{Instance: "one", Boot: boot, FoldVersion: orchestrator.FoldVersion}})
}

func (b *book) epoch() uint64 { return b.state.Owner(0).Epoch }

func (b *book) after(ms int64) { b.now += ms }

// wait lets time pass and fires every timer that falls due, in order.
func (b *book) wait(ms int64) {
	b.t.Helper()
	end := b.now + ms
	for {
		var next *orchestrator.TimerFired
		b.view.Scan(orchestrator.BucketTimer, nil, nil, func(k, _ []byte) bool {
			t, _ := orchestrator.ParseTimerKey(k)
			next = &t
			return false
		})
		if next == nil || next.Due > end {
			break
		}
		b.now = max(b.now, next.Due)
		b.act(orchestrator.Record{Timer: next})
	}
	b.now = end
}

func (b *book) act(records ...orchestrator.Record) *orchestrator.Folded {
	b.t.Helper()
	return b.add(orchestrator.SubjectAct(0), b.epoch(), records...)
}

func (b *book) event(ev orchestrator.Event) {
	b.t.Helper()
	b.ids++
	if ev.ID == "" {
		ev.ID = fmt.Sprint("e", b.ids)
	}
	if ev.Origin == "" {
		ev.Origin = "nats/shop"
	}
	b.add(orchestrator.SubjectEvents, 0, orchestrator.Record{Event: &ev})
}

func (b *book) promoted(id string) {
	b.t.Helper()
	b.event(orchestrator.Event{Type: orchestrator.DeployPromoted, Project: "shop", DeploymentID: id, Commit: "c-" + id, Time: b.now})
}

func (b *book) alert(name string) {
	b.t.Helper()
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop", Name: name, Severity: "critical", StartsAt: b.now})
}

func (b *book) resolved(name string, startsAt int64) {
	b.t.Helper()
	b.event(orchestrator.Event{Type: orchestrator.AlertResolved, Source: "alertmanager", Project: "shop", Name: name, StartsAt: startsAt})
}

func (b *book) say(person, verb string, args ...string) orchestrator.Reply {
	b.t.Helper()
	b.ids++
	c := orchestrator.Command{ID: fmt.Sprint("c", b.ids), Via: "cli", Person: person, Verb: verb, Args: map[string]string{}}
	for _, a := range args {
		if n := orchestrator.ParseIncidentName(a); n > 0 {
			c.Incident = n
		} else if k, v, ok := strings.Cut(a, "="); ok {
			c.Args[k] = v
		} else if strings.HasPrefix(a, "#") {
			c.Project = a[1:]
		} else if strings.HasPrefix(a, ":") {
			c.Text = a[1:]
		} else {
			c.Step = a
		}
	}
	f := b.add(orchestrator.SubjectCommands, 0, orchestrator.Record{Command: &c})
	if len(f.Replies) != 1 {
		b.t.Fatalf("%s %v: %d replies", verb, args, len(f.Replies))
	}
	return f.Replies[0]
}

func (b *book) step(id string) *orchestrator.Step {
	b.t.Helper()
	inc, steps := b.state.Incident(b.state.Meta().NextIncident)
	if inc == nil {
		b.t.Fatal("no incident")
	}
	var found *orchestrator.Step
	for _, st := range steps {
		if st.ID == id && st.Chunk == 0 {
			found = st
		}
	}
	if found == nil {
		b.t.Fatalf("no step %s", id)
	}
	return found
}

func (b *book) wantStep(id string, state orchestrator.StepState) *orchestrator.Step {
	b.t.Helper()
	st := b.step(id)
	if st.State != state {
		b.t.Fatalf("step %s is %s (%s, waits for %s), want %s\n%s", id, st.State, st.Reason, st.Waiting, state, b.story())
	}
	return st
}

func (b *book) incident() *orchestrator.Incident {
	inc, _ := b.state.Incident(b.state.Meta().NextIncident)
	return inc
}

func (b *book) story() string {
	var out strings.Builder
	for _, l := range b.state.Timeline(b.state.Meta().NextIncident, 0, 200) {
		fmt.Fprintf(&out, "  +%ds %s: %s\n", (l.At-1_700_000_000_000)/1000, l.Actor, l.Text)
	}
	return out.String()
}

func (b *book) preview(id string) {
	b.t.Helper()
	st := b.wantStep(id, orchestrator.StepAwaiting)
	if st.Work != orchestrator.WorkPreview {
		b.t.Fatalf("step %s wants %q, not a preview", id, st.Work)
	}
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: st.StepRef, Hash: "h1", Text: "roll shop back to dpl_old"}})
}

func (b *book) serves(id string) orchestrator.Record {
	return orchestrator.Record{Observed: &orchestrator.Observed{Project: "shop", Environment: "production", At: b.now, Serving: orchestrator.Serving{Deployment: id, AutoAssign: true}}}
}

// intend observes, asks for an attempt and returns the decision.
func (b *book) intend(id, serving string) orchestrator.Decision {
	b.t.Helper()
	st := b.step(id)
	b.ids++
	f := b.act(b.serves(serving), orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: fmt.Sprint("boot1/", b.ids), Try: st.Tries + 1}})
	if len(f.Decisions) != 1 {
		b.t.Fatalf("%d decisions", len(f.Decisions))
	}
	return f.Decisions[0]
}

func (b *book) result(d orchestrator.Decision, kind orchestrator.ResultKind) {
	b.t.Helper()
	b.add(orchestrator.SubjectResults(0), 0, orchestrator.Record{Result: &orchestrator.Result{
		StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: kind, Text: "as told", Data: json.RawMessage(`{"deployment_id":"dpl_old"}`),
		Accepted: &orchestrator.Accepted{Token: "t", CheckAfter: 500, Until: minute},
	}})
}
