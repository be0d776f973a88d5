package orchestrator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// chatBook is a book whose incidents are shown in a chat.
func chatBook(t *testing.T, plan *orchestrator.Plan, mode orchestrator.Mode) *book {
	t.Helper()
	b := newBook(t, plan, mode)
	c := testConfig(mode)
	c.Chat = true
	b.config(c)
	return b
}

// posts lets the chat step go out as often as it wants to and returns what it showed
// last.
func (b *book) posts() orchestrator.Card {
	b.t.Helper()
	for range 5 {
		b.wait(1_001)
		if st := b.step("chat"); st.State == orchestrator.StepReady {
			b.ids++
			f := b.act(orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: b.newAttempt(), Try: st.Tries + 1}})
			if len(f.Decisions) == 1 && f.Decisions[0].Accepted {
				b.result(f.Decisions[0], orchestrator.ResultDone)
			}
		}
	}
	var card orchestrator.Card
	if err := json.Unmarshal(b.step("chat").Inputs, &card); err != nil {
		b.t.Fatal(err)
	}
	return card
}

func (b *book) newAttempt() string { b.ids++; return "boot1/" + strings.Repeat("c", b.ids) }

// TestChat_showsTheEnd follows the message over stop and close: a message that still
// offers Approve, or says resolved, is not true any more.
func TestChat_showsTheEnd(t *testing.T) {
	b := chatBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "stop", "INC-1")
	card := b.posts()
	if len(card.Waiting) > 0 || !strings.Contains(strings.Join(card.Incident.Summary, "\n"), "the plan was stopped by ann") {
		t.Errorf("after stop the message shows %+v\n%s", card, b.story())
	}
	b.say("ann", "resolve", "INC-1")
	b.say("ann", "close", "INC-1")
	if card := b.posts(); card.Incident.State != "closed" {
		t.Errorf("after close the message says %s", card.Incident.State)
	}
}

// TestChat_saysWhatToSay reads the questions as somebody on a phone does.
func TestChat_saysWhatToSay(t *testing.T) {
	ask := orchestrator.Node{ID: "why", Kind: orchestrator.NodeAsk, Ask: &orchestrator.Ask{Roles: []string{"on-call"}, Typed: []string{"cause"}, Within: "1h", Else: orchestrator.ElseEscalate}}
	ask.Needs = []int{}
	for _, row := range []struct {
		mode orchestrator.Mode
		step string
		want []string
	}{
		{orchestrator.Live, "rollback", []string{"acts at", "`stop INC-1`", "`now INC-1 rollback`"}},
		{orchestrator.Advise, "rollback", []string{"0 of 1 approval by on-call, until"}},
		{orchestrator.Advise, "why", []string{"by on-call, until", "`answer INC-1 why cause=...`"}},
	} {
		b := chatBook(t, onePlan(rollbackNode(), ask), row.mode)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		var hint string
		for _, w := range b.posts().Waiting {
			if w.Step == row.step {
				hint = w.Hint
			}
		}
		for _, want := range row.want {
			if !strings.Contains(hint, want) {
				t.Errorf("%s %s: %q does not say %q", row.mode, row.step, hint, want)
			}
		}
	}
}

// TestMail_nobodyIsWrittenToTwice lets a plan lead anew after it has mailed.
func TestMail_nobodyIsWrittenToTwice(t *testing.T) {
	mail := orchestrator.Node{
		ID: "mail", Kind: orchestrator.NodeAction, Action: "mail.send", Needs: []int{}, With: map[string]any{"kind": "identified", "audience": "buyers"},
		Approve: &orchestrator.Approve{Roles: []string{"on-call"}},
		Spec:    orchestrator.Spec{Effect: true, Chunked: true, Safety: orchestrator.Verifiable, CallTimeout: 1000},
	}
	b := newBook(t, onePlan(rollbackNode(), mail), orchestrator.Live)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: b.step("mail").StepRef, Hash: "h2", Text: "mail all", Chunks: 1, Data: []byte(`{"blob":"b1"}`)}})
	if st := b.step("mail"); st.State == orchestrator.StepAwaiting {
		b.say("ann", "approve", "INC-1", "mail")
	}
	ref := b.step("mail").StepRef
	ref.Chunk = 1
	out := b.act(orchestrator.Record{Intent: &orchestrator.Intent{StepRef: ref, Attempt: b.newAttempt(), Try: 1}})
	b.result(out.Decisions[0], orchestrator.ResultDone)
	first := b.wantStep("mail", orchestrator.StepDone)
	b.say("ann", "stop", "INC-1")
	if r := b.say("ann", "rollback", "#shop", ":again"); !r.OK {
		t.Fatal(r.Text)
	}
	second := b.wantStep("mail", orchestrator.StepDone)
	if second.Round == first.Round || string(second.Output) != string(first.Output) || !strings.Contains(b.story(), "nobody is written to twice") {
		t.Fatalf("%+v\n%s", second, b.story())
	}
}

// TestRollbackByHand_saysHowFarItIs asks again at each stage.
func TestRollbackByHand_saysHowFarItIs(t *testing.T) {
	for _, row := range []struct {
		name, want string
		until      func(b *book)
	}{
		{"asked", "is rolling back already; rollback waits for 0 of 1 approval by on-call", func(*book) {}},
		{"skipped", "rollback leads", func(b *book) { b.say("ann", "skip", "INC-1", "rollback") }},
		{"rejected", "rollback leads", func(b *book) { b.say("ann", "reject", "INC-1", "rollback") }},
		{"done", "has rolled back already: dpl_old serves", func(b *book) {
			b.say("ann", "approve", "INC-1")
			d := b.intend("rollback", "dpl_bad")
			b.observed("dpl_old")
			b.result(d, orchestrator.ResultDone)
			b.promoted("dpl_old")
		}},
		{"done, and replaced since", "rollback leads", func(b *book) {
			b.say("ann", "approve", "INC-1")
			d := b.intend("rollback", "dpl_bad")
			b.result(d, orchestrator.ResultDone)
			b.after(minute)
			b.promoted("dpl_worse")
		}},
		{"under way", "is changing what serves right now", func(b *book) {
			b.say("ann", "approve", "INC-1")
			b.intend("rollback", "dpl_bad")
		}},
	} {
		ask := orchestrator.Node{ID: "why", Kind: orchestrator.NodeAsk, Needs: []int{}, Ask: &orchestrator.Ask{Typed: []string{"cause"}, Within: "1h", Else: orchestrator.ElseEscalate}}
		b := newBook(t, onePlan(rollbackNode(), ask), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		row.until(b)
		if r := b.say("ann", "rollback", "#shop", ":still broken"); !strings.Contains(r.Text, row.want) {
			t.Errorf("%s: %q, want %q\n%s", row.name, r.Text, row.want, b.story())
		}
	}
}

// TestApproval_aYesGivesNoMoreTime compares what is shown with when it really ends.
func TestApproval_aYesGivesNoMoreTime(t *testing.T) {
	node := rollbackNode()
	node.Action, node.Spec.Name = "two.people", "two.people"
	b := newBook(t, onePlan(node), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	_, until, _ := strings.Cut(b.step("rollback").Waiting, ", until ")
	b.after(2 * minute)
	b.say("ann", "approve", "INC-1")
	if got := b.step("rollback").Waiting; !strings.HasSuffix(got, ", until "+until) || !strings.HasPrefix(got, "1 of 2") {
		t.Fatalf("%q, but it ends at %s", got, until)
	}
}

// TestVerdict_notBackToASuspect ships a second bad deployment over the first.
func TestVerdict_notBackToASuspect(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	ds := b.twoBuilds()
	ds.List[0].CreatedAt, ds.List[0].AliasedAt = b.now-minute, b.now-minute
	b.act(orchestrator.Record{Deploys: ds})
	b.observed("dpl_new")
	b.alert("5xx")
	b.after(5 * minute)
	ds.At = b.now
	ds.List = append([]orchestrator.DeploymentAt{{ID: "dpl_newer", Commit: "c4", CreatedAt: b.now, AliasedAt: b.now, Candidate: true, Ready: true}}, ds.List...)
	b.act(orchestrator.Record{Deploys: ds})
	b.observed("dpl_newer")
	v := b.state.VerdictNow("shop", "production")
	if v.Target.ID != "dpl_old" || !strings.Contains(strings.Join(v.Reasons, "; "), "dpl_new is not a target: known bad, the suspect of INC-1") {
		t.Fatalf("%+v\n%s", v, b.story())
	}
	b.say("ann", "dismiss", "INC-1")
	if v := b.state.VerdictNow("shop", "production"); v.Target.ID != "dpl_new" {
		t.Fatalf("after dismiss: %+v", v)
	}
}

// TestVerdict_dismissTakesBackARollback asks what can be gone back to once the incident
// that rolled back is said to have been none.
func TestVerdict_dismissTakesBackARollback(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.act(orchestrator.Record{Deploys: b.twoBuilds()})
	b.observed("dpl_new")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	d := b.intend("rollback", "dpl_new")
	b.act(orchestrator.Record{Result: &orchestrator.Result{StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultDone, Data: []byte(`{"deployment_id":"dpl_old"}`)}})
	b.observed("dpl_old", func(o *orchestrator.Observed) { o.Serving.AutoAssign = false })
	bad := func() string {
		for _, d := range b.state.Deployments("shop", "production") {
			if d.ID == "dpl_new" {
				return d.Bad
			}
		}
		return "not there"
	}
	if got := bad(); got != "rolled back by INC-1" {
		t.Fatalf("%q\n%s", got, b.story())
	}
	r := b.say("ann", "dismiss", "INC-1")
	if bad() != "" || !strings.Contains(r.Text, "stays staged at the provider until one is promoted") {
		t.Fatalf("bad %q after %q", bad(), r.Text)
	}
}
