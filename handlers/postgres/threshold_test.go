package postgres_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
)

// ledger is a fold that is handed readings as the engine hands them in.
type ledger struct {
	t     *testing.T
	fold  *orchestrator.Fold
	state *orchestrator.State
	seq   uint64
	now   int64
}

func (l *ledger) add(subject string, epoch uint64, r orchestrator.Record) {
	l.t.Helper()
	l.seq++
	env := orchestrator.Envelope{ID: fmt.Sprint("m", l.seq), At: l.now, Epoch: epoch, Records: []orchestrator.Record{r}}
	data, err := env.Encode()
	if err == nil {
		_, err = l.fold.Apply(l.state, orchestrator.Entry{Seq: l.seq, Subject: subject, Data: data})
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) doc(kind string, v any) {
	l.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	l.add(orchestrator.SubjectConfig, 0, orchestrator.Record{Doc: &orchestrator.Doc{Kind: kind, Hash: kind, Body: body}})
}

// poll asks the source and adds what is worth an entry.
func (l *ledger) poll(s orchestrator.Source) {
	l.t.Helper()
	l.now += 60_000
	records, err := s.Poll(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for i := range records {
		records[i].Reading.At = l.now
		if l.fold.Worth(l.state, &records[i], l.now) {
			l.add(orchestrator.SubjectAct(0), l.state.Owner(0).Epoch, records[i])
		}
	}
}

func newLedger(t *testing.T, q orchestrator.SQLSignal) *ledger {
	t.Helper()
	fold, err := orchestrator.NewFold(workflows.NewEvaluator())
	if err != nil {
		t.Fatal(err)
	}
	state, err := orchestrator.NewState(&orchestrator.MemoryView{})
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{t: t, fold: fold, state: state, now: 1_700_000_000_000}
	l.add(orchestrator.SubjectAdmin, 0, orchestrator.Record{Genesis: &orchestrator.Genesis{LogID: "log", Partitions: 1, FoldVersion: orchestrator.FoldVersion}})
	l.doc(orchestrator.DocConfig, &orchestrator.Config{Mode: orchestrator.Advise, Projects: []orchestrator.Project{{
		ID: "shop", Components: []orchestrator.Component{{ID: "checkout"}}, Environments: []orchestrator.Environment{{ID: "production", Kind: orchestrator.KindProduction, Signals: []orchestrator.SQLSignal{q}}},
	}}})
	l.doc(orchestrator.DocRules, &orchestrator.RuleSet{Rules: []orchestrator.Rule{{ID: "critical", When: "signal.severity == 'critical'", Do: orchestrator.RuleOpen, Playbook: "respond", Why: "critical"}}})
	l.add(orchestrator.SubjectOwn(0), 0, orchestrator.Record{Claim: &orchestrator.Claim{Instance: "one", Boot: "b", FoldVersion: orchestrator.FoldVersion}})
	return l
}

// A query of a real database opens one incident when its value meets the threshold,
// says nothing while it cannot be read, and ends when the rows are right again.
func TestQuery_thresholdFiresOnceAndEnds(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	run(t, url, "create table payments (id int)", "insert into payments values (1), (2)")
	q := orchestrator.SQLSignal{ID: "unsettled", Component: "checkout", SQL: "select count(*) from payments", Fire: "value >= 3"}
	source := evidence(t, url, q).Sources()[0]
	l := newLedger(t, q)
	opened := func() uint64 { return l.state.Meta().NextIncident }
	l.poll(source)
	if opened() != 0 {
		t.Fatal("two rows fired")
	}
	run(t, url, "insert into payments values (3), (4)")
	for range 3 {
		l.poll(source)
	}
	inc, _ := l.state.Incident(1)
	if opened() != 1 || inc.Firing != 1 || inc.Component != "checkout" || inc.OpenedBy != "poll/sql" {
		t.Fatalf("%d incidents: %+v", opened(), inc)
	}
	run(t, url, "alter table payments rename to elsewhere")
	l.poll(source)
	run(t, url, "alter table elsewhere rename to payments", "delete from payments where id > 2")
	l.poll(source)
	if inc.Firing != 1 {
		t.Fatal("one good reading ended it")
	}
	l.poll(source)
	if inc, _ = l.state.Incident(1); inc.Firing != 0 || opened() != 1 {
		t.Fatalf("%d incidents: %+v", opened(), inc)
	}
}
