package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestFold_liveRollbackAfterVeto(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	b.promoted("dpl_bad")
	b.after(minute)
	b.alert("5xx")
	b.preview("rollback")
	if st := b.step("rollback"); !st.Approval.Auto {
		t.Fatalf("policy should act alone:\n%s", b.story())
	}
	b.wait(minute + 1)
	b.wantStep("rollback", orchestrator.StepReady)
	d := b.intend("rollback", "dpl_bad")
	if !d.Accepted || !strings.Contains(string(d.Call.Inputs), "dpl_old") {
		t.Fatalf("decision %+v", d)
	}
	b.result(d, orchestrator.ResultDone)
	b.wantStep("rollback", orchestrator.StepDone)
	if got := b.incident().State; got != orchestrator.Mitigating {
		t.Fatalf("incident is %s", got)
	}
}

func TestFold_adviseAsksAndFirstClickWins(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	if r := b.say("cat", "approve", "INC-1"); r.OK {
		t.Fatalf("support may not approve: %+v", r)
	}
	if r := b.say("mallory", "approve", "INC-1"); r.OK || !strings.Contains(r.Text, "do not know") {
		t.Fatalf("unknown people are refused: %+v", r)
	}
	if r := b.say("ann", "approve", "INC-1", "rollback", "preview=other"); r.OK {
		t.Fatalf("an approval of another preview: %+v", r)
	}
	if r := b.say("ann", "approve"); !r.OK {
		t.Fatalf("ann approves: %+v", r)
	}
	if r := b.say("bob", "approve", "INC-1", "rollback"); r.OK || !strings.Contains(r.Text, "ann") {
		t.Fatalf("the second click is told who was first: %+v", r)
	}
	b.wantStep("rollback", orchestrator.StepReady)
	if !strings.Contains(b.story(), "refused `approve") {
		t.Fatalf("refusals stand in the timeline:\n%s", b.story())
	}
}

func TestFold_quorumExcludesRequester(t *testing.T) {
	node := rollbackNode()
	node.Action, node.Spec.Name = "two.people", "two.people"
	b := newBook(t, onePlan(node), orchestrator.Live)
	b.promoted("dpl_bad")
	if r := b.say("ann", "rollback", "#shop", ":bad"); !r.OK {
		t.Fatal(r.Text)
	}
	b.preview("rollback")
	if r := b.say("ann", "approve", "INC-1"); r.OK {
		t.Fatalf("the requester is excluded: %+v", r)
	}
	b.say("bob", "approve", "INC-1")
	if r := b.say("bob", "approve", "INC-1", "rollback"); r.OK {
		t.Fatalf("bob counts once: %+v", r)
	}
	b.wantStep("rollback", orchestrator.StepAwaiting)
}

func TestFold_refusesIntents(t *testing.T) {
	ready := func(t *testing.T) *book {
		t.Helper()
		b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.preview("rollback")
		b.say("ann", "approve", "INC-1")
		return b
	}
	t.Run("blind", func(t *testing.T) {
		b := ready(t)
		st := b.step("rollback")
		f := b.act(orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: "a", Try: 1}})
		if f.Decisions[0].Accepted || !strings.HasPrefix(f.Decisions[0].Reason, "blind") {
			t.Fatalf("%+v", f.Decisions[0])
		}
		b.wait(2000)
		b.wantStep("rollback", orchestrator.StepReady)
	})
	t.Run("something else serves", func(t *testing.T) {
		b := ready(t)
		if d := b.intend("rollback", "dpl_newer"); d.Accepted {
			t.Fatal("accepted")
		}
		b.wantStep("rollback", orchestrator.StepFailed)
	})
	t.Run("somebody did it", func(t *testing.T) {
		b := ready(t)
		b.after(2 * minute) // by now the provider would show the promotion
		if d := b.intend("rollback", "dpl_old"); d.Accepted {
			t.Fatal("accepted")
		}
		b.wantStep("rollback", orchestrator.StepDone)
	})
	t.Run("paused", func(t *testing.T) {
		b := ready(t)
		b.say("bob", "pause")
		if d := b.intend("rollback", "dpl_bad"); d.Accepted || !strings.Contains(d.Reason, "paused by bob") {
			t.Fatalf("%+v", d)
		}
		b.say("bob", "unpause")
		b.wait(16_000)
		b.wantStep("rollback", orchestrator.StepReady)
	})
	t.Run("stopped", func(t *testing.T) {
		b := ready(t)
		b.say("bob", "stop", "INC-1")
		b.wantStep("rollback", orchestrator.StepCancelled)
	})
	t.Run("old epoch", func(t *testing.T) {
		b := ready(t)
		old := b.epoch()
		b.claim("boot2")
		st := b.step("rollback")
		f := b.add(orchestrator.SubjectAct(0), old, b.serves("dpl_bad"), orchestrator.Record{Intent: &orchestrator.Intent{StepRef: st.StepRef, Attempt: "a", Try: 1}})
		if f.Decisions[0].Accepted {
			t.Fatal("accepted under an old claim")
		}
	})
	t.Run("approval too old", func(t *testing.T) {
		b := ready(t)
		b.after(16 * minute)
		if d := b.intend("rollback", "dpl_bad"); d.Accepted {
			t.Fatal("accepted")
		}
		b.wantStep("rollback", orchestrator.StepAwaiting)
	})
}

func TestFold_unknownIsVerifiedAndNeverRepeatedBlindly(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	d := b.intend("rollback", "dpl_bad")
	b.claim("boot2")
	st := b.wantStep("rollback", orchestrator.StepUnknown)
	b.wait(29_000)
	if st.Work != "" {
		t.Fatal("looked before the old attempt could no longer act")
	}
	b.wait(2_000)
	if st.Work != orchestrator.WorkVerify {
		t.Fatalf("work is %q, waits for %s", st.Work, st.Waiting)
	}
	b.act(orchestrator.Record{Verified: &orchestrator.Verified{StepRef: st.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.OutcomeNotDone}})
	b.wantStep("rollback", orchestrator.StepReady)
	d2 := b.intend("rollback", "dpl_bad")
	if !d2.Accepted || d2.Call.Key != d.Call.Key {
		t.Fatalf("second attempt keeps the step key: %+v", d2)
	}
	b.result(d2, orchestrator.ResultAccepted)
	b.wantStep("rollback", orchestrator.StepAccepted)
	b.wait(600)
	b.act(orchestrator.Record{Verified: &orchestrator.Verified{StepRef: st.StepRef, Attempt: d2.Intent.Attempt, Kind: orchestrator.OutcomeDone}})
	b.wantStep("rollback", orchestrator.StepDone)
}

func TestFold_onceGoesToAPerson(t *testing.T) {
	node := orchestrator.Node{ID: "sql", Kind: orchestrator.NodeAction, Action: "sql.run", Spec: orchestrator.Spec{Name: "sql.run", Effect: true, Safety: orchestrator.Once, CallTimeout: 1000}}
	b := newBook(t, onePlan(node), orchestrator.Live)
	b.promoted("dpl_bad")
	b.alert("5xx")
	d := b.intend("sql", "dpl_bad")
	b.result(d, orchestrator.ResultInDoubt)
	b.wantStep("sql", orchestrator.StepUnknown)
	b.wait(60 * minute)
	b.wantStep("sql", orchestrator.StepUnknown)
	if r := b.say("bob", "confirm-done", "INC-1", "sql"); !r.OK {
		t.Fatal(r.Text)
	}
	b.wantStep("sql", orchestrator.StepDone)
}

func TestFold_gateOnSignalsAndResolve(t *testing.T) {
	gate := orchestrator.Node{ID: "cured", Kind: orchestrator.NodeGate, Then: "resolved", Gate: &orchestrator.Gate{Signals: true, Pass: "quiet", Every: "10s", Consecutive: "3", Within: "5m"}}
	b := newBook(t, onePlan(gate), orchestrator.Live)
	b.promoted("dpl_bad")
	b.alert("5xx")
	started := b.now
	b.wait(25_000)
	b.resolved("5xx", started)
	b.wait(20_000)
	b.wantStep("cured", orchestrator.StepWaiting)
	b.wait(20_000)
	b.wantStep("cured", orchestrator.StepDone)
	if b.incident().State != orchestrator.Resolved {
		t.Fatalf("incident is %s", b.incident().State)
	}
	b.wait(25 * 60 * minute)
	if b.incident().State != orchestrator.Closed {
		t.Fatalf("incident is %s", b.incident().State)
	}
}

func TestFold_dedupesAndJoins(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	ev := orchestrator.Event{Type: orchestrator.AlertFiring, ID: "same", Source: "x", Project: "shop", Name: "a", Severity: "critical", StartsAt: b.now}
	b.event(ev)
	b.event(ev)
	ev.ID, ev.Origin = "same", "http/other"
	ev.Name = "b"
	b.event(ev)
	if n := b.state.Meta().NextIncident; n != 1 {
		t.Fatalf("%d incidents", n)
	}
	if got := b.incident().Distinct; got != 2 {
		t.Fatalf("%d signals", got)
	}
}

func TestFold_unroutedGoesToQuarantine(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Name: "a", Labels: map[string]string{"service": "nobody"}})
	b.add(orchestrator.SubjectEvents, 0)
	b.seq++
	if _, err := b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq, Subject: orchestrator.SubjectEvents, Data: []byte("{broken")}); err != nil {
		t.Fatalf("a broken entry stops nothing: %v", err)
	}
	if got := b.state.Meta().Quarantined; got != 2 {
		t.Fatalf("%d in quarantine", got)
	}
}

func TestFold_gapStops(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	if _, err := b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq + 2}); err == nil {
		t.Fatal("a hole in the log was not noticed")
	}
}

func TestFold_aPromotionTheProviderDoesNotShowYetIsWaitedFor(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	if d := b.intend("rollback", "dpl_old"); d.Accepted {
		t.Fatal("accepted")
	}
	b.wantStep("rollback", orchestrator.StepWaiting)
	b.wait(3_000)
	if d := b.intend("rollback", "dpl_bad"); !d.Accepted {
		t.Fatalf("%+v", d)
	}
}

func TestFold_anExpiredAcknowledgementPagesAgain(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "ack", "INC-1")
	b.wait(31 * minute)
	if !strings.Contains(b.story(), "acknowledgement of ann has expired") {
		t.Fatal(b.story())
	}
}

func TestFold_reopensUnderTheSameNumber(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.say("ann", "resolve", "INC-1")
	b.after(minute)
	b.alert("again")
	if n := b.state.Meta().NextIncident; n != 1 || b.incident().State != orchestrator.Mitigating || b.incident().Run().Round != 2 {
		t.Fatalf("incident %d is %s, run %+v\n%s", n, b.incident().State, b.incident().Run(), b.story())
	}
	b.wantStep("rollback", orchestrator.StepAwaiting)
}

func TestFold_aPolicyThatMayNotActAloneLeavesTheAskingToTheNextLine(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	cfg := testConfig(orchestrator.Advise)
	cfg.Policies.Autonomy = append(cfg.Policies.Autonomy, orchestrator.Autonomy{Action: "vercel.rollback", Do: orchestrator.DoAsk, Roles: []string{"dba"}, Quorum: 1, Within: 7 * minute})
	b.config(cfg)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	ap := b.step("rollback").Approval
	if ap.Auto || ap.Within != 7*minute || len(ap.Roles) != 1 || ap.Roles[0] != "dba" {
		t.Fatalf("asked with %+v", ap)
	}
}

func TestFold_isNotClosedOverSomethingThatWaits(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "resolve", "INC-1")
	b.after(25 * 60 * minute)
	b.act(orchestrator.Record{Timer: &orchestrator.TimerFired{Due: b.incident().Timer, N: 1, Name: "i"}})
	if b.incident().State != orchestrator.Resolved {
		t.Fatalf("incident is %s though rollback still waits", b.incident().State)
	}
	b.say("ann", "reject", "INC-1", "rollback")
	b.wait(2 * 60 * minute)
	if b.incident().State != orchestrator.Closed {
		t.Fatalf("incident is %s", b.incident().State)
	}
}

func TestFold_servedSinceIsNeverGuessedTooLong(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	day := 24 * 60 * minute
	b.act(orchestrator.Record{Deploys: &orchestrator.Deployments{Project: "shop", Environment: "production", At: b.now, List: []orchestrator.DeploymentAt{
		{ID: "dpl_3", CreatedAt: b.now - minute, AliasedAt: b.now - minute, Candidate: true, Ready: true},
		// dpl_2 was gone back to a minute ago, which moved its time of taking over.
		{ID: "dpl_2", CreatedAt: b.now - 3*day, AliasedAt: b.now - minute, Candidate: true, Ready: true},
		{ID: "dpl_1", CreatedAt: b.now - 3*day - minute, AliasedAt: b.now - 3*day - minute, Candidate: true, Ready: true},
	}}})
	for _, d := range b.state.Deployments("shop", "production") {
		if d.ID == "dpl_1" && (len(d.Served) != 1 || d.Served[0].To-d.Served[0].From > 2*minute) {
			t.Fatalf("dpl_1 served %+v", d.Served)
		}
	}
}
