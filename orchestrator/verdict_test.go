package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

const aDay = 24 * 60 * minute

// twoBuilds is what a provider lists: dpl_new serves for an hour, dpl_old served four
// days before it, dpl_older four before that.
func (b *book) twoBuilds() *orchestrator.Deployments {
	at := func(days int64) int64 { return b.now - days*aDay }
	return &orchestrator.Deployments{Project: "shop", Environment: "production", At: b.now, Plan: "pro", List: []orchestrator.DeploymentAt{
		{ID: "dpl_new", Commit: "c3", CreatedAt: b.now - 60*minute, AliasedAt: b.now - 60*minute, Candidate: true, Ready: true},
		{ID: "dpl_old", Commit: "c2", CreatedAt: at(4), AliasedAt: at(4), Candidate: true, Ready: true},
		{ID: "dpl_older", Commit: "c1", CreatedAt: at(8), AliasedAt: at(8), Candidate: true, Ready: true},
	}}
}

func (b *book) observed(id string, change ...func(*orchestrator.Observed)) {
	o := orchestrator.Observed{Project: "shop", Environment: "production", At: b.now, Serving: orchestrator.Serving{
		Deployment: id, AutoAssign: true, Domains: map[string]string{"shop.test": id},
	}}
	for _, f := range change {
		f(&o)
	}
	b.act(orchestrator.Record{Observed: &o})
}

func (b *book) changedKind(kind string, at int64) {
	b.add(orchestrator.SubjectEvents, 0, orchestrator.Record{Event: &orchestrator.Event{
		Origin: "test", ID: fmt.Sprint(kind, at), Type: orchestrator.DeployChanged, Project: "shop", Environment: "production", Time: at,
		Name: "STRIPE_SECRET_KEY", Labels: map[string]string{"kind": kind},
	}})
}

func (b *book) migrations(commit string, names ...string) {
	b.act(orchestrator.Record{Migrations: &orchestrator.CommitMigrations{Project: "shop", Commit: commit, Names: names, All: len(names)}})
}

// verdictRow is a night: what was told, and the answer with a word of the reason.
type verdictRow struct {
	name   string
	told   func(b *book, ds *orchestrator.Deployments)
	after  func(b *book)
	answer string
	target string
	says   string
}

func verdictRows() []verdictRow {
	return []verdictRow{
		{name: "served long enough", answer: "safe", target: "dpl_old", says: "served production for"},
		{name: "served too short", answer: "ask", target: "dpl_old", says: "its grade is unknown", told: func(b *book, ds *orchestrator.Deployments) {
			ds.List[1].CreatedAt, ds.List[1].AliasedAt = b.now-90*minute, b.now-90*minute
		}},
		{name: "no candidate is passed over", answer: "safe", target: "dpl_older", says: "dpl_old is not a target: the provider does not offer it", told: func(_ *book, ds *orchestrator.Deployments) {
			ds.List[1].Candidate = false
		}},
		{name: "hobby goes one step", answer: "safe", target: "dpl_old", told: func(_ *book, ds *orchestrator.Deployments) { ds.Plan = "hobby" }},
		{name: "retention", answer: "impossible", says: "older than the 3 days", told: func(_ *book, ds *orchestrator.Deployments) { ds.RetentionDays = 3 }},
		{name: "the provider deleted it", answer: "safe", target: "dpl_older", says: "the provider has deleted it", after: func(b *book) {
			ds := b.twoBuilds()
			ds.List = append(ds.List[:1:1], ds.List[2])
			b.act(orchestrator.Record{Deploys: ds})
		}},
		{name: "built before a rotation", answer: "refuse", target: "dpl_old", says: "before a secret was rotated", after: func(b *book) { b.changedKind("secret", b.now-minute) }},
		{name: "built after a rotation", answer: "safe", target: "dpl_old", after: func(b *book) { b.changedKind("secret rotation", b.now-5*aDay) }},
		{name: "a rotation told by mistake", answer: "safe", target: "dpl_old", after: func(b *book) {
			b.changedKind("secret", b.now-minute)
			b.changedKind("secret-kept", b.now)
		}},
		{name: "another change", answer: "safe", target: "dpl_old", after: func(b *book) { b.changedKind("flag", b.now-minute) }},
		{name: "variables revert", answer: "ask", target: "dpl_old", says: "1 variable would have the value of before: B", told: func(b *book, ds *orchestrator.Deployments) {
			ds.Variables = []orchestrator.VariableAt{{Key: "A", At: b.now - 5*aDay}, {Key: "B", At: b.now - aDay}}
		}},
		{name: "crons revert, which is told", answer: "safe", target: "dpl_old", told: func(_ *book, ds *orchestrator.Deployments) {
			ds.Crons = &orchestrator.CronsOf{Deployment: "dpl_new", List: []string{"* * * * * /new"}}
		}},
		{name: "a migration between", answer: "ask", target: "dpl_old", says: "1 migration since, whose class is not known: 3_toss", after: func(b *book) {
			b.migrations("c3", "1_init", "2_pay", "3_toss")
			b.migrations("c2", "1_init", "2_pay")
		}},
		{name: "no migration between", answer: "safe", target: "dpl_old", after: func(b *book) {
			b.migrations("c3", "2_pay")
			b.migrations("c2", "1_init", "2_pay")
		}},
		{name: "a revert lost a migration", answer: "ask", target: "dpl_old", says: "what serves lacks 1 migration", after: func(b *book) {
			b.migrations("c3", "1_init")
			b.migrations("c2", "1_init", "2_pay")
		}},
		{name: "blind", answer: "ask", target: "dpl_old", says: "cannot be read since", after: func(b *book) {
			b.observed("", func(o *orchestrator.Observed) { o.Error = "503" })
		}},
		{name: "a rolling release", answer: "ask", target: "dpl_new", says: "dpl_canary takes a part of the traffic: going back to dpl_new aborts it", after: func(b *book) {
			b.observed("dpl_new", func(o *orchestrator.Observed) {
				o.Serving.Rolling = &orchestrator.Rolling{Base: "dpl_new", Canary: "dpl_canary"}
			})
		}},
		{name: "held", answer: "safe", target: "dpl_old", after: func(b *book) { b.say("ann", "hold", "#shop", "action=set", ":careful") }},
	}
}

// TestVerdict_everyReason: each reason gives its answer, with evidence, and what is kept
// is what is told.
func TestVerdict_everyReason(t *testing.T) {
	for _, row := range verdictRows() {
		t.Run(row.name, func(t *testing.T) {
			b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
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
			v := b.state.VerdictNow("shop", "production")
			if v.Answer != row.answer || v.Target.ID != row.target || !strings.Contains(strings.Join(v.Reasons, "; "), row.says) {
				t.Fatalf("%s to %q because %v", v.Answer, v.Target.ID, v.Reasons)
			}
			for _, r := range v.Because {
				if r.Kind == "" || r.Text == "" || r.Evidence == "" {
					t.Errorf("a reason without evidence: %+v", r)
				}
			}
		})
	}
}

func TestVerdict_hobbyCannotGoFurther(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	ds := b.twoBuilds()
	ds.Plan = "hobby"
	b.act(orchestrator.Record{Deploys: ds})
	b.observed("dpl_new")
	b.alert("5xx")
	b.preview("rollback")
	b.say("ann", "approve", "INC-1")
	b.result(b.intend("rollback", "dpl_new"), orchestrator.ResultDone) // dpl_new is bad from here on
	b.observed("dpl_old")
	b.observed("dpl_new") // and somebody promotes it again
	if d := b.state.Deployments("shop", "production")[0]; d.Bad == "" {
		t.Fatalf("%+v", d)
	}
	fix := b.twoBuilds()
	fix.Plan = "hobby"
	fix.List = append([]orchestrator.DeploymentAt{{ID: "dpl_fix", CreatedAt: b.now, AliasedAt: b.now, Candidate: true, Ready: true}}, fix.List...)
	b.act(orchestrator.Record{Deploys: fix})
	b.observed("dpl_fix")
	v := b.state.VerdictNow("shop", "production")
	if v.Answer != "impossible" || !strings.Contains(strings.Join(v.Reasons, "; "), "the plan hobby goes back one step only, to dpl_new") {
		t.Fatalf("%s because %v", v.Answer, v.Reasons)
	}
}

// TestLedger_perDomainVariablesAndBounds follows what the ledger keeps.
func TestLedger_perDomainVariablesAndBounds(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	ds := b.twoBuilds()
	ds.Variables = []orchestrator.VariableAt{{Key: "A", At: 1}}
	ds.Crons = &orchestrator.CronsOf{Deployment: "dpl_new", List: []string{"x"}}
	b.act(orchestrator.Record{Deploys: ds})
	b.observed("dpl_new")
	first := b.now
	b.after(minute)
	b.observed("", func(o *orchestrator.Observed) {
		o.Serving.Domains = map[string]string{"shop.test": "dpl_new", "www.shop.test": "dpl_old"}
	})
	b.after(minute)
	b.observed("dpl_old", func(o *orchestrator.Observed) { o.Serving.Domains["www.shop.test"] = "dpl_old" })
	later := b.twoBuilds()
	later.Variables = []orchestrator.VariableAt{{Key: "A", At: b.now}, {Key: "B", At: b.now}}
	later.Crons = &orchestrator.CronsOf{Deployment: "dpl_old", List: []string{"y"}}
	b.act(orchestrator.Record{Deploys: later})
	lines := b.state.Ledger("shop", "production")
	if got := fmt.Sprint(lines[0].Domains); got != fmt.Sprintf("[{shop.test {%d %d}}]", first-60*minute, b.now) {
		t.Errorf("dpl_new served %s", got)
	}
	if d := lines[1]; len(d.Domains) != 2 || d.Grade != "served" || strings.Join(d.VariablesSince, " ") != "A B" {
		t.Errorf("dpl_old: %+v", d)
	}
	if got := fmt.Sprint(lines[0].CronsSince); got != "[y x]" {
		t.Errorf("crons differ by %s", got)
	}
	told := b.state.Changes("shop", "production", b.now-minute)
	if len(told) == 0 || !strings.Contains(fmt.Sprint(told), "A changed, B added; cron y added, x removed") {
		t.Errorf("changes %+v", told)
	}
	for i := range 260 {
		b.after(minute)
		b.act(orchestrator.Record{Deploys: &orchestrator.Deployments{Project: "shop", Environment: "production", At: b.now, More: true, List: []orchestrator.DeploymentAt{
			{ID: fmt.Sprintf("dpl_%d", i), CreatedAt: b.now, Ready: true},
		}}})
	}
	kept := b.state.Deployments("shop", "production")
	if len(kept) != 200 || kept[199].ID != "dpl_old" {
		t.Errorf("%d deployments are kept, the oldest is %s", len(kept), kept[len(kept)-1].ID)
	}
	b.wantSameEverywhere()
}

// TestWorth_listsThatSayNothingNew: a poll every few seconds must not fill the log.
func TestWorth_listsThatSayNothingNew(t *testing.T) {
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
	b.after(30 * aDay)
	worth := func(r orchestrator.Record) bool { return b.fold.Worth(b.state, &r, b.now) }
	ds := b.twoBuilds()
	ds.Variables = []orchestrator.VariableAt{{Key: "A", At: 1}}
	list := orchestrator.Record{Deploys: ds}
	mig := orchestrator.Record{Migrations: &orchestrator.CommitMigrations{Project: "shop", Commit: "c2", Names: []string{"1_init"}, All: 1}}
	if !worth(list) || worth(mig) {
		t.Fatal("before anything is known")
	}
	b.act(list)
	if worth(list) || !worth(mig) {
		t.Fatal("after the list")
	}
	b.act(mig)
	if worth(mig) {
		t.Fatal("migrations are read once for a commit")
	}
	again := *ds
	again.Variables = []orchestrator.VariableAt{{Key: "A", At: 2}}
	if !worth(orchestrator.Record{Deploys: &again}) {
		t.Fatal("a variable changed")
	}
	again = *ds
	again.List = ds.List[1:]
	if !worth(orchestrator.Record{Deploys: &again}) {
		t.Fatal("one was deleted")
	}
}
