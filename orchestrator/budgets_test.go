package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// approved is a book whose rollback may start.
func approved(t *testing.T) *book {
	t.Helper()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	return b
}

// read is a plan of one step that looks at something.
func read(t *testing.T) *book {
	t.Helper()
	node := orchestrator.Node{ID: "look", Kind: orchestrator.NodeAction, Action: "look.at", Spec: orchestrator.Spec{Safety: orchestrator.Repeatable, CallTimeout: 1000}}
	b := newBook(t, onePlan(node), orchestrator.Live)
	b.promoted("dpl_bad")
	b.alert("5xx")
	return b
}

// wantParked expects a step that only a person can bring further, with one page
// about it, and that retry, skip and confirm-done settle it.
func (b *book) wantParked(id string, state orchestrator.StepState, why string) {
	b.t.Helper()
	st := b.wantStep(id, state)
	if !strings.HasPrefix(st.Waiting, "a person: `retry`") || st.Timer != 0 || st.Work != "" {
		b.t.Fatalf("%s waits for %q, timer %d, work %q\n%s", id, st.Waiting, st.Timer, st.Work, b.story())
	}
	if !strings.Contains(b.story(), why) {
		b.t.Fatalf("nothing says %q:\n%s", why, b.story())
	}
	if got := b.pages(1); got != 1 {
		b.t.Fatalf("%d pages\n%s", got, b.story())
	}
	lines := strings.Count(b.story(), "\n")
	b.wait(24 * 60 * minute)
	b.wantStep(id, state)
	if now := strings.Count(b.story(), "\n"); now > lines+2 || lines > 60 {
		b.t.Fatalf("%d lines grew to %d in a day of waiting for a person\n%s", lines, now, b.story())
	}
	b.wantSameEverywhere()
}

func (b *book) wantSettled(id string) {
	b.t.Helper()
	for _, who := range []string{"cat", "mallory"} {
		if r := b.say(who, "retry", "INC-1", id); r.OK {
			b.t.Fatalf("%s settled it: %+v", who, r)
		}
	}
	if r := b.say("bob", "retry", "INC-1"); !r.OK {
		b.t.Fatalf("retry without naming the step: %s", r.Text)
	}
	b.wantStep(id, orchestrator.StepReady)
}

// TestBudget_everyLoopEndsWithAPerson: whatever a step does again and again, it
// does not do it for ever.
func TestBudget_everyLoopEndsWithAPerson(t *testing.T) {
	t.Run("what serves cannot be seen", func(t *testing.T) {
		b := approved(t)
		start, intents := b.now, 0
		for b.step("rollback").Parked == 0 {
			b.intendBlind("rollback")
			intents++
			b.wait(troubleEnds)
			if b.now-start > 20*minute {
				t.Fatalf("still trying after 20 minutes\n%s", b.story())
			}
		}
		if took := b.now - start; took < 10*minute || intents > 120 {
			t.Fatalf("a person was asked after %d s and %d intents", took/1000, intents)
		}
		b.wantParked("rollback", orchestrator.StepWaiting, "last: blind")
		b.wantSettled("rollback")
	})
	t.Run("domains that stay mixed", func(t *testing.T) {
		b := approved(t)
		for range 400 {
			if st := b.step("rollback"); st.Parked > 0 {
				break
			}
			st := b.step("rollback")
			mixed := b.serves("")
			mixed.Observed.Serving.Domains = map[string]string{"a": "dpl_bad", "b": "dpl_old"}
			b.ids++
			b.act(mixed, orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: b.attempt(), Try: st.Tries + 1}})
			b.wait(troubleEnds)
		}
		b.wantParked("rollback", orchestrator.StepWaiting, "another change is under way")
	})
	t.Run("permissions that come too late", func(t *testing.T) {
		b := read(t)
		for range 30 {
			if b.step("look").Parked > 0 {
				break
			}
			b.result(b.intend("look", "x"), orchestrator.ResultNotStarted)
		}
		b.wantParked("look", orchestrator.StepWaiting, "10 attempts led to nothing")
		b.wantSettled("look")
	})
	t.Run("a start that kills Backout", func(t *testing.T) {
		b := read(t)
		for range 30 {
			if b.step("look").Parked > 0 {
				break
			}
			b.intend("look", "x")
			b.claim("again")
		}
		b.wantParked("look", orchestrator.StepWaiting, "restarted before the answer came")
	})
	t.Run("done and not done", func(t *testing.T) {
		node := rollbackNode()
		node.Retry.For = "10h" // only the count is left
		b := newBook(t, onePlan(node), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		b.say("ann", "approve", "INC-1")
		for range 30 {
			if b.step("rollback").Parked > 0 {
				break
			}
			d := b.intend("rollback", "dpl_bad")
			b.result(d, orchestrator.ResultInDoubt)
			b.wait(6_000)
			b.look(d, orchestrator.OutcomeNotDone)
		}
		b.wantParked("rollback", orchestrator.StepWaiting, "it did not happen")
	})
	t.Run("looks that cannot tell", func(t *testing.T) {
		b := approved(t)
		d := b.intend("rollback", "dpl_bad")
		b.result(d, orchestrator.ResultInDoubt)
		for range 30 {
			b.wait(11_000)
			b.look(d, orchestrator.OutcomeCannotTell)
		}
		b.wantParked("rollback", orchestrator.StepUnknown, "Unknown outcome")
		b.wantSettled("rollback")
	})
	t.Run("running for ever", func(t *testing.T) {
		b := approved(t)
		d := b.intend("rollback", "dpl_bad")
		b.result(d, orchestrator.ResultAccepted)
		start := b.now
		for b.step("rollback").Timer != 0 {
			b.wait(11_000)
			b.look(d, orchestrator.OutcomeRunning)
			if b.now-start > 30*minute {
				t.Fatalf("still looked at after 30 minutes\n%s", b.story())
			}
		}
		b.wantParked("rollback", orchestrator.StepUnknown, "still running")
	})
	t.Run("a provider that says: ask again tomorrow", func(t *testing.T) {
		b := approved(t)
		d := b.intend("rollback", "dpl_bad")
		b.add(orchestrator.SubjectResults(0), 0, orchestrator.Record{Result: &orchestrator.Result{
			StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultRetry, Text: "429", RetryAfter: 24 * 60 * minute,
		}})
		b.wait(11 * minute)
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("tried again after its time was over")
		}
		b.wantParked("rollback", orchestrator.StepWaiting, "last: 429")
	})
	t.Run("a failure nobody decides about", func(t *testing.T) {
		node := rollbackNode()
		node.OnFailure = orchestrator.OnFailure{Do: orchestrator.FailAsk, Ask: &orchestrator.Ask{Within: "5m", Else: orchestrator.ElseStop, Choice: []orchestrator.Choice{{Key: "retry"}, {Key: "stop"}}}}
		b := newBook(t, onePlan(node), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		b.say("ann", "ack", "INC-1")
		b.say("ann", "approve", "INC-1")
		b.result(b.intend("rollback", "dpl_bad"), orchestrator.ResultFailed)
		b.wait(6 * minute)
		b.wantParked("rollback", orchestrator.StepFailed, "nobody answered")
	})
	t.Run("a default that tries again", func(t *testing.T) {
		node := orchestrator.Node{
			ID: "look", Kind: orchestrator.NodeAction, Action: "look.at", Spec: orchestrator.Spec{Safety: orchestrator.Repeatable, CallTimeout: 1000},
			OnFailure: orchestrator.OnFailure{Do: orchestrator.FailAsk, Ask: &orchestrator.Ask{Within: "1m", Else: orchestrator.ElseDefault, Default: "retry", Choice: []orchestrator.Choice{{Key: "retry"}}}},
		}
		b := newBook(t, onePlan(node), orchestrator.Live)
		b.promoted("dpl_bad")
		b.alert("5xx")
		for range 40 {
			if b.step("look").State != orchestrator.StepReady {
				break
			}
			b.result(b.intend("look", "x"), orchestrator.ResultFailed)
			b.wait(2 * minute)
		}
		b.wantParked("look", orchestrator.StepFailed, "trying again by itself has not helped")
	})
}

// troubleEnds is longer than any pause between two looks of a step in trouble.
const troubleEnds = 15_000

func (b *book) attempt() string { return "boot1/t" + strings.Repeat("i", b.ids) }

// intendBlind asks for an attempt without having seen what serves.
func (b *book) intendBlind(id string) {
	b.t.Helper()
	st := b.step(id)
	if st.State != orchestrator.StepReady {
		return
	}
	b.ids++
	b.act(orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: b.attempt(), Try: st.Tries + 1}})
}

// TestBudget_beingHeldBackCostsNothing: pause, hold and lock may last for days;
// the step says since when, and has all its time when they end.
func TestBudget_beingHeldBackCostsNothing(t *testing.T) {
	b := approved(t)
	b.result(b.intend("rollback", "dpl_bad"), orchestrator.ResultRetry)
	b.wait(2_000)
	b.say("bob", "pause", ":the weekend")
	paused := b.now
	for b.now-paused < 48*60*minute {
		if b.step("rollback").State == orchestrator.StepReady {
			b.intendBlind("rollback")
			st := b.wantStep("rollback", orchestrator.StepWaiting)
			if !strings.Contains(st.Waiting, "paused by bob (the weekend), since ") {
				t.Fatalf("it waits for %q", st.Waiting)
			}
		}
		b.wait(minute)
	}
	st := b.step("rollback")
	if !strings.Contains(st.Waiting, "since 2023-11-14 22:13:") {
		t.Fatalf("it does not say since which day: %q", st.Waiting)
	}
	if got := strings.Count(b.story(), "paused by bob"); got != 1 {
		t.Fatalf("the pause is told %d times\n%s", got, b.story())
	}
	b.say("bob", "unpause")
	b.wait(minute)
	if d := b.intend("rollback", "dpl_bad"); !d.Accepted {
		t.Fatalf("after two days of pause: %+v\n%s", d, b.story())
	}
	b.wantSameEverywhere()
}

// TestBudget_nothingIsCarriedOutLate: NATS was gone for an hour. What had begun
// goes to a person, what was approved is asked again, what needed no approval is
// asked now.
func TestBudget_nothingIsCarriedOutLate(t *testing.T) {
	t.Run("a retry", func(t *testing.T) {
		b := approved(t)
		b.result(b.intend("rollback", "dpl_bad"), orchestrator.ResultRetry)
		b.after(60 * minute)
		b.wait(1)
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("a retry was made an hour late")
		}
		b.wantParked("rollback", orchestrator.StepWaiting, "the 10m it has are over")
		b.wantSettled("rollback")
		if d := b.intend("rollback", "dpl_bad"); !d.Accepted {
			t.Fatalf("after retry by a person: %+v", d)
		}
	})
	t.Run("a permission that came too late", func(t *testing.T) {
		b := approved(t)
		d := b.intend("rollback", "dpl_bad")
		b.after(60 * minute)
		b.result(d, orchestrator.ResultNotStarted)
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("it was started an hour late")
		}
		b.wantParked("rollback", orchestrator.StepWaiting, "the 10m it has are over")
	})
	t.Run("an approval", func(t *testing.T) {
		b := approved(t)
		b.after(60 * minute)
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("it was started an hour late")
		}
		b.wantStep("rollback", orchestrator.StepAwaiting)
	})
	t.Run("what nobody had to approve", func(t *testing.T) {
		node := orchestrator.Node{ID: "tests", Kind: orchestrator.NodeAction, Action: "github.workflow", Spec: orchestrator.Spec{Effect: true, Safety: orchestrator.Verifiable, CallTimeout: 1000}}
		b := newBook(t, onePlan(node), orchestrator.Live)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.wantStep("tests", orchestrator.StepReady)
		b.after(60 * minute)
		if d := b.intend("tests", "x"); d.Accepted {
			t.Fatal("it was started an hour late")
		}
		b.wantStep("tests", orchestrator.StepAwaiting)
		b.preview("tests")
		b.say("ann", "approve", "INC-1")
		if d := b.intend("tests", "x"); !d.Accepted {
			t.Fatalf("%+v", d)
		}
	})
}

// TestBudget_playbooksThatOpenEachOther end with a person, within one entry and
// over many.
func TestBudget_playbooksThatOpenEachOther(t *testing.T) {
	at := func(with map[string]any) orchestrator.Node {
		return orchestrator.Node{
			ID: "look", Kind: orchestrator.NodeAction, Action: "look.at", With: with, Spec: orchestrator.Spec{Safety: orchestrator.Repeatable, CallTimeout: 1000},
			OnFailure: orchestrator.OnFailure{Do: orchestrator.FailOpen, Open: "rollback"},
		}
	}
	t.Run("within one entry", func(t *testing.T) {
		b := newBook(t, onePlan(at(map[string]any{"a": "=no such expression"})), orchestrator.Live)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.wantParked("look", orchestrator.StepFailed, "was not opened")
	})
	t.Run("over many", func(t *testing.T) {
		b := newBook(t, onePlan(at(nil)), orchestrator.Live)
		b.promoted("dpl_bad")
		b.alert("5xx")
		for range 30 {
			if b.step("look").State != orchestrator.StepReady {
				break
			}
			b.result(b.intend("look", "x"), orchestrator.ResultFailed)
		}
		b.wantParked("look", orchestrator.StepFailed, "was not opened")
	})
}

// TestBudget_retryIsNoApproval: who says retry need not be one of those who must
// agree, so a step that was never approved is asked again.
func TestBudget_retryIsNoApproval(t *testing.T) {
	node := rollbackNode()
	node.Approve = &orchestrator.Approve{Roles: []string{"dba"}, Quorum: 1, Within: "5m", Else: orchestrator.ElseStop}
	b := newBook(t, onePlan(node), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.wait(6 * minute)
	b.wantStep("rollback", orchestrator.StepFailed)
	if r := b.say("bob", "retry", "INC-1", "rollback"); !r.OK {
		t.Fatal(r.Text)
	}
	b.wantStep("rollback", orchestrator.StepAwaiting)
	if r := b.say("bob", "approve", "INC-1", "rollback"); r.OK {
		t.Fatalf("bob is no dba: %+v", r)
	}
}

// TestBudget_oldLogsFoldAsTheyDid: a log of version 1 has none of this.
func TestBudget_oldLogsFoldAsTheyDid(t *testing.T) {
	b := oldBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	b.result(b.intend("rollback", "dpl_bad"), orchestrator.ResultRetry)
	b.after(60 * minute)
	b.wait(1)
	b.intend("rollback", "dpl_bad")
	st := b.wantStep("rollback", orchestrator.StepFailed)
	if st.Parked+st.Trying+st.Offered != 0 || st.Agreed || !strings.Contains(st.Reason, "it has been tried for 1h") {
		t.Fatalf("%+v", st)
	}
}

// oldBook is a book of fold version 1.
func oldBook(t *testing.T, plan *orchestrator.Plan, mode orchestrator.Mode) *book {
	t.Helper()
	b := &book{t: t, fold: must(orchestrator.NewFold(testRules()))(t), view: &orchestrator.MemoryView{}, now: 1_700_000_000_000}
	b.state = must(orchestrator.NewState(b.view))(t)
	b.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Genesis: &orchestrator.Genesis{LogID: "log", Partitions: 1, FoldVersion: 1}})
	b.config(testConfig(mode))
	b.doc(orchestrator.DocRules, "", &orchestrator.RuleSet{Rules: []orchestrator.Rule{
		{ID: "bad_deploy", Priority: 10, When: "critical", Do: orchestrator.RuleOpen, Playbook: plan.Playbook, Why: "critical after a promotion"},
	}})
	b.doc(orchestrator.DocPlaybook, plan.Playbook, plan)
	b.add(orchestrator.SubjectOwn(0), 0, orchestrator.Record{Claim: &orchestrator.Claim{Instance: "one", Boot: "boot1", FoldVersion: 1}})
	return b
}
