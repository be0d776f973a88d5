package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// passes evaluates what the watches of these tests are held against.
type passes struct{}

func (passes) Eval(_ string, vars map[string]any) (any, error) {
	out, _ := vars["out"].(map[string]any)
	return out["value"] == int64(0), nil
}

// virtual is an engine core in virtual time, on a log that only counts.
type virtual struct {
	t     *testing.T
	fold  *orchestrator.Fold
	core  *engine.Core
	state *orchestrator.State
	now   time.Time
	wake  time.Time
	seq   uint64
	boots int
	// bytes and entries are what was appended by an owner.
	bytes, entries int
	// measure answers each measure of a watch.
	measure  func() orchestrator.Measured
	measured int
}

func newVirtual(t *testing.T, watches ...orchestrator.PromotionWatch) *virtual {
	t.Helper()
	fold, err := orchestrator.NewFold(passes{})
	if err != nil {
		t.Fatal(err)
	}
	state, err := orchestrator.NewState(&orchestrator.MemoryView{})
	if err != nil {
		t.Fatal(err)
	}
	v := &virtual{t: t, fold: fold, state: state, now: time.UnixMilli(1_800_000_000_000), measure: func() orchestrator.Measured {
		return orchestrator.Measured{Data: []byte(`{"value":0,"sample":7}`)}
	}}
	cfg := orchestrator.Config{Projects: []orchestrator.Project{{ID: "shop", Environments: []orchestrator.Environment{
		{ID: "production", Kind: orchestrator.KindProduction, Watches: watches},
	}}}}
	body, err := json.Marshal(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	v.entry(orchestrator.SubjectAdmin, orchestrator.Record{Genesis: &orchestrator.Genesis{LogID: "log", Partitions: 1, FoldVersion: orchestrator.FoldVersion}})
	v.entry(orchestrator.SubjectConfig, orchestrator.Record{Doc: &orchestrator.Doc{Kind: orchestrator.DocConfig, Hash: "one", Body: body}})
	v.boot()
	return v
}

// boot forgets what was in memory and starts anew.
func (v *virtual) boot() {
	v.boots++
	v.core = engine.NewCore(v.fold, v.state, engine.CoreOptions{Instance: "one", Boot: string(rune('a' + v.boots)), Alone: true})
}

// entry appends as an ingress would.
func (v *virtual) entry(subject string, records ...orchestrator.Record) {
	v.t.Helper()
	env := orchestrator.Envelope{ID: time.Duration(v.seq).String(), At: v.now.UnixMilli(), Records: records}
	data, err := env.Encode()
	if err != nil {
		v.t.Fatal(err)
	}
	v.append(subject, data)
}

func (v *virtual) append(subject string, data []byte) {
	v.t.Helper()
	v.seq++
	e := orchestrator.Entry{Seq: v.seq, Subject: subject, Data: data}
	var err error
	if v.core != nil {
		_, err = v.core.Fold(v.now, e)
	} else {
		_, err = v.fold.Apply(v.state, e)
	}
	if err == nil {
		err = v.state.Flush()
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

// turn does what the core wants done, until it wants nothing now.
func (v *virtual) turn() {
	v.t.Helper()
	for range 1000 {
		w := v.core.Next(v.now)
		for _, a := range w.Appends {
			v.core.Appended(v.now, a, nil)
			v.bytes += len(a.Msg.Data) + len(a.Msg.Subject)
			v.entries++
			v.append(a.Msg.Subject, a.Msg.Data)
		}
		for _, t := range w.Tasks {
			v.measured++
			v.core.Reported(t, t.Measured(v.measure()))
		}
		if v.wake = w.Wake; len(w.Appends)+len(w.Tasks) == 0 {
			return
		}
	}
	v.t.Fatal("the core never rests")
}

// run lets virtual time pass.
func (v *virtual) run(d time.Duration) {
	v.t.Helper()
	until := v.now.Add(d)
	for v.turn(); !v.wake.IsZero() && !v.wake.After(until); v.turn() {
		v.now = v.wake
	}
	v.now = until
	v.turn()
}

func (v *virtual) promote(id string) {
	v.t.Helper()
	v.entry(orchestrator.SubjectEvents, orchestrator.Record{Event: &orchestrator.Event{
		Origin: "http/events", ID: "promote " + id, Type: orchestrator.DeployPromoted, Project: "shop", DeploymentID: id, Time: v.now.UnixMilli(),
	}})
}

func (v *virtual) watch(id string) orchestrator.DeployWatch {
	v.t.Helper()
	for _, w := range slices.Backward(v.state.DeployWatches("shop", "production")) {
		if w.Spec.ID == id {
			return w
		}
	}
	v.t.Fatalf("there is no watch %s", id)
	return orchestrator.DeployWatch{}
}

var week = orchestrator.PromotionWatch{
	ID: "week", For: (7 * 24 * time.Hour).Milliseconds(), Every: 1, Uses: "prometheus.query", Pass: "out.value == 0", With: map[string]any{"query": "errors"},
}

// A watch of seven days that is measured as often as it may, with a restart each day,
// costs less than 2 MB of log.
func TestDeployWatch_aWeekCostsLittleLog(t *testing.T) {
	v := newVirtual(t, week)
	v.run(time.Second)
	v.promote("dpl_1")
	for range 7 {
		v.run(24 * time.Hour)
		v.boot()
	}
	v.run(time.Minute)
	w := v.watch("week")
	t.Logf("%d measures, %d entries, %d bytes of log; %+v", v.measured, v.entries, v.bytes, w.Why)
	if v.bytes > 2_000_000 {
		t.Errorf("%d bytes of log", v.bytes)
	}
	if want := orchestrator.WatchReadings; v.measured < want-50 || v.measured > want+50 {
		t.Errorf("%d measures, about %d were asked for", v.measured, want)
	}
	if w.State != orchestrator.GatePass || w.Passes < orchestrator.WatchReadings-50 || w.Sample != 7 {
		t.Errorf("%+v", w)
	}
	if k := v.watch(orchestrator.KnownGoodWatch); k.State != orchestrator.GatePass {
		t.Errorf("%+v", k)
	}
	if d := v.state.Deployments("shop", "production"); !d[0].Proven {
		t.Errorf("not proven: %+v", d)
	}
}

// What cannot be measured is folded together too, and what gives another result each time
// has an end.
func TestDeployWatch_whatLastsCostsLittleLog(t *testing.T) {
	long := strings.Repeat("Prometheus answered 503; ", 20)
	turns := 0
	for name, c := range map[string]struct {
		state   string
		measure func() orchestrator.Measured
	}{
		"error":   {orchestrator.GateError, func() orchestrator.Measured { return orchestrator.Measured{Error: long} }},
		"no data": {orchestrator.GateNoData, func() orchestrator.Measured { return orchestrator.Measured{NoData: true, Text: long} }},
		"flaps": {orchestrator.GateFail, func() orchestrator.Measured {
			turns++
			return orchestrator.Measured{Text: long, Data: fmt.Appendf(nil, `{"value":%d}`, turns%2)}
		}},
	} {
		v := newVirtual(t, week)
		v.measure = c.measure
		v.run(time.Second)
		v.promote("dpl_1")
		v.run(7*24*time.Hour + 2*time.Hour)
		w := v.watch("week")
		t.Logf("%s: %d measures, %d entries, %d bytes of log; %s", name, v.measured, v.entries, v.bytes, w.Why)
		if v.bytes > 2_000_000 || w.State != c.state {
			t.Errorf("%s: %d bytes of log, %+v", name, v.bytes, w)
		}
	}
}

// A result is in the log at once when it differs, with the equal ones before it counted.
func TestDeployWatch_aFailureIsToldAtOnce(t *testing.T) {
	hour := week
	hour.For, hour.Every = time.Hour.Milliseconds(), 15_000
	v := newVirtual(t, hour)
	v.run(time.Second)
	v.promote("dpl_1")
	v.run(6 * time.Minute) // 24 measures, of which most are held back
	v.measure = func() orchestrator.Measured { return orchestrator.Measured{Data: []byte(`{"value":3,"sample":7}`)} }
	v.run(30 * time.Second)
	if w := v.watch("week"); w.Passes != 24 || w.Fails != 2 || w.State != orchestrator.WatchRunning {
		t.Errorf("%+v", w)
	}
	v.run(15 * time.Second)
	if w := v.watch("week"); w.State != orchestrator.GateFail || !w.Firing {
		t.Errorf("%+v", w)
	}
}
