package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestPage_saysWhatToSay reads the page that comes when nobody answered.
func TestPage_saysWhatToSay(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	st := b.step("rollback")
	b.act(orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: st.StepRef, Hash: "h1", Text: "Roll shop back. Nothing is rebuilt.", Manual: "vercel rollback dpl_old"}})
	b.wait(11 * minute)
	text := string(b.step("page").Inputs)
	for _, want := range []string{"Nothing is rebuilt. Say `approve INC-1 rollback` or `reject`, or do it by hand: `vercel rollback dpl_old`. Say `ack INC-1`"} {
		if !strings.Contains(text, want) || strings.Contains(text, "..") {
			t.Errorf("%s does not say %q", text, want)
		}
	}
}

// TestPage_aFailedRollbackWakesWhoeverBelievesInIt fails a rollback that was agreed to,
// while nobody has said that they have the incident.
func TestPage_aFailedRollbackWakesWhoeverBelievesInIt(t *testing.T) {
	for _, acked := range []bool{false, true} {
		node := rollbackNode()
		node.OnFailure = orchestrator.OnFailure{Do: orchestrator.FailAsk, Ask: &orchestrator.Ask{
			Roles: []string{"on-call"}, Within: "10m", Else: orchestrator.ElseEscalate, Choice: []orchestrator.Choice{{Key: "retry", Text: "Try again"}},
		}}
		b := chatBook(t, onePlan(node), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		if acked {
			b.say("bob", "ack", "INC-1")
		}
		b.say("ann", "approve", "INC-1")
		d := b.intend("rollback", "dpl_bad")
		b.result(d, orchestrator.ResultFailed)
		if paged := strings.Contains(b.story(), "page: rollback failed"); paged == acked {
			t.Errorf("acknowledged %v, paged %v\n%s", acked, paged, b.story())
		}
		if card := b.posts(); len(card.Waiting) != 1 || !strings.HasPrefix(card.Waiting[0].Text, "rollback failed: ") {
			t.Errorf("the chat asks %+v", card.Waiting)
		}
	}
}

// TestRollbackByHand_waitsForNoVeto asks for what policy would do alone after a minute.
func TestRollbackByHand_waitsForNoVeto(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	b.promoted("dpl_bad")
	if r := b.say("ann", "rollback", "#shop", ":bad"); !r.OK {
		t.Fatal(r.Text)
	}
	b.preview("rollback")
	b.wantStep("rollback", orchestrator.StepReady)
}

// TestStatusPage_endsWithItsIncident closes an incident whose end nobody agreed to tell.
func TestStatusPage_endsWithItsIncident(t *testing.T) {
	for _, row := range []struct{ by, want string }{{"close", "resolved INC-1"}, {"dismiss", "resolved INC-1"}} {
		tell := orchestrator.Node{ID: "status", Kind: orchestrator.NodeAction, Action: "status.publish", Needs: []int{}, With: map[string]any{"kind": "investigating", "components": []any{"checkout"}}}
		b := newBook(t, onePlan(rollbackNode(), tell), orchestrator.Live)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.wantStep("status", orchestrator.StepDone)
		b.say("ann", "stop", "INC-1")
		if row.by == "close" {
			b.say("ann", "resolve", "INC-1")
		}
		b.say("ann", row.by, "INC-1")
		posts := b.state.Status()
		if len(posts) != 1 || posts[0].Kind+" "+posts[0].Incident != row.want {
			t.Errorf("%s: the page says %+v\n%s", row.by, posts, b.story())
		}
	}
}

// TestSpan_keepsItsZeros reads times as they stand in the timeline.
func TestSpan_keepsItsZeros(t *testing.T) {
	for ms, want := range map[int64]string{
		130_000: "2m10s", 120_000: "2m", 600_000: "10m", 90 * minute: "1h30m", 130 * minute: "2h10m", 10 * 60 * minute: "10h", 20_000: "20s", 100 * minute: "1h40m",
	} {
		b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.after(ms)
		b.alert("5xx")
		if !strings.Contains(b.story(), "it began "+want+" after the promotion") {
			t.Errorf("%d is not %s\n%s", ms, want, b.story())
		}
	}
}

// TestPinned_saysWhatServes lets somebody promote something else after the rollback,
// and asks what the message that stays pinned says, and what became of the hold.
func TestPinned_saysWhatServes(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	d := b.intend("rollback", "dpl_bad")
	b.act(orchestrator.Record{Result: &orchestrator.Result{StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultDone, Data: []byte(`{"deployment_id":"dpl_old"}`)}})
	b.observed("dpl_old", func(o *orchestrator.Observed) { o.Serving.AutoAssign = false })
	pinned := func() string {
		inc, steps := b.state.Incident(1)
		return b.state.Pinned(inc, steps)
	}
	if got := pinned(); !strings.Contains(got, "pushes to main build and stay staged") {
		t.Errorf("the provider lets nothing go live, but: %s", got)
	}
	b.after(10 * minute)
	b.promoted("dpl_x")
	b.observed("dpl_x")
	if got := pinned(); !strings.Contains(got, "but dpl_x serves since") || strings.Contains(got, "serve dpl_old") {
		t.Errorf("dpl_x serves, but: %s", got)
	}
	for _, row := range []struct{ action, reply, line string }{
		{"lift", "nothing holds shop/production", ""},
		{"set", "is held", "bob: set a hold"},
		{"lift", "is lifted", "bob: lifted the hold of bob"},
	} {
		r := b.say("bob", "hold", "#shop", "action="+row.action)
		if !strings.Contains(r.Text, row.reply) || !strings.Contains(b.story(), row.line) {
			t.Errorf("hold %s: %s\n%s", row.action, r.Text, b.story())
		}
	}
}

// TestPinned_saidToBeDone takes a person's word for a rollback that the ledger does not
// show.
func TestPinned_saidToBeDone(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	b.result(b.intend("rollback", "dpl_bad"), orchestrator.ResultInDoubt)
	b.say("ann", "confirm-done", "INC-1", "rollback")
	inc, steps := b.state.Incident(1)
	if got := b.state.Pinned(inc, steps); !strings.HasPrefix(got, "The rollback to dpl_old counts as done (confirmed by ann), but dpl_bad still serves") {
		t.Error(got)
	}
}

// TestStatusPage_promisesWhatIsAsked sets another pace of updates.
func TestStatusPage_promisesWhatIsAsked(t *testing.T) {
	tell := orchestrator.Node{ID: "status", Kind: orchestrator.NodeAction, Action: "status.publish", Needs: []int{}, With: map[string]any{"kind": "investigating"}, Approve: &orchestrator.Approve{Roles: []string{"on-call"}}}
	b := newBook(t, onePlan(rollbackNode(), tell), orchestrator.Live)
	c := testConfig(orchestrator.Live)
	c.Policies.Timings = map[string]int64{"update_every": 5 * minute}
	b.config(c)
	b.promoted("dpl_bad")
	b.alert("5xx")
	if got := b.step("status").Preview.Text; got != `status: "We are looking into a problem. The next update comes within 5 minutes"` {
		t.Error(got)
	}
	b.say("ann", "approve", "INC-1", "status")
	if posts := b.state.Status(); len(posts) != 1 || !strings.Contains(posts[0].Text, "within 5 minutes.") {
		t.Errorf("%+v", posts)
	}
}
