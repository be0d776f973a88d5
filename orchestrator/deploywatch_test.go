package orchestrator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// promotionBook is a book of a shop whose promotions are watched for ten minutes.
func promotionBook(t *testing.T) *book {
	t.Helper()
	b := quietBook(t)
	cfg := testConfig(orchestrator.Advise)
	cfg.Projects[0].Environments[0].Watches = []orchestrator.PromotionWatch{
		{ID: "errors", For: 10 * minute, Every: minute, Uses: "prometheus.query", With: map[string]any{"query": "x{v=\"$commit\"}[$window]"}, Pass: "out.value < 10", MinSample: 10},
		{ID: "budget", For: 10 * minute, Every: minute, Uses: "prometheus.query", Burn: &orchestrator.Burn{
			Objective: 999_000, Windows: []orchestrator.BurnWindow{{Factor: 14_400, Long: 60 * minute, Short: 5 * minute}, {Factor: 6_000, Long: 360 * minute, Short: 30 * minute}},
		}},
	}
	b.config(cfg)
	return b
}

func (b *book) watched(id, commit string) {
	b.t.Helper()
	b.event(orchestrator.Event{Type: orchestrator.DeployPromoted, Project: "shop", DeploymentID: id, Commit: commit, Time: b.now})
}

func (b *book) promotion(id string) orchestrator.DeployWatch {
	b.t.Helper()
	all := b.state.DeployWatches("shop", "production")
	for _, w := range slices.Backward(all) {
		if w.Spec.ID == id {
			return w
		}
	}
	b.t.Fatalf("there is no watch %s", id)
	return orchestrator.DeployWatch{}
}

// obs hands readings in as the owner does, a minute apart.
func (b *book) obs(id string, results ...string) {
	b.t.Helper()
	for _, r := range results {
		b.after(minute)
		b.act(orchestrator.Record{Obs: &orchestrator.Obs{Watch: b.promotion(id).N, Result: r, Text: "seen", Sample: 50, At: b.now}})
	}
}

// How a watch ends by its readings: ten minutes of them, and three in a row count.
func TestDeployWatch_ends(t *testing.T) {
	const p, f, n, e = orchestrator.GatePass, orchestrator.GateFail, orchestrator.GateNoData, orchestrator.GateError
	repeat := func(times int, of ...string) (out []string) {
		for range times {
			out = append(out, of...)
		}
		return out
	}
	for _, c := range []struct {
		name     string
		readings []string
		state    string
		signals  int
	}{
		{"passes all", repeat(10, p), p, 0},
		{"fails three times in a row", []string{p, f, f, f}, f, 1},
		{"two failures, a gap, two failures", []string{f, f, n, f, f, e, p, p, p, p, p, p}, orchestrator.WatchRunning, 0},
		{"flaps", repeat(11, p, f), f, 1},
		{"no data", repeat(22, n), n, 0},
		{"error", repeat(22, e), e, 0},
		{"more no data than error", repeat(8, n, e, n), n, 0},
		{"passes in the end and was not seen more often than not", append(repeat(9, n), repeat(4, p)...), orchestrator.WatchRunning, 0},
		{"passes more often than not, and in the end", append([]string{f, p, n, p, e}, repeat(6, p)...), p, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := promotionBook(t)
			b.watched("dpl_1", "4b1d77a0")
			b.obs("errors", c.readings...)
			w := b.promotion("errors")
			signals := 0
			if inc := b.incident(); inc != nil {
				signals = inc.Distinct
			}
			if w.State != c.state || signals != c.signals || w.Firing != (c.signals > 0) {
				t.Errorf("%d signals, %+v", signals, w)
			}
		})
	}
}

func TestDeployWatch_aFailureIsTheSignalOfItsDeployment(t *testing.T) {
	b := promotionBook(t)
	b.watched("dpl_1", "4b1d77a0")
	b.obs("errors", orchestrator.GateFail, orchestrator.GateFail, orchestrator.GateFail)
	sig := b.state.Signals(b.incident().N, 9)
	if len(sig) != 1 || sig[0].Source != "watch" || sig[0].Release != "dpl_1" || sig[0].Severity != "critical" || !sig[0].Firing {
		t.Fatalf("%+v", sig)
	}
	b.obs("errors", orchestrator.GatePass, orchestrator.GatePass)
	if !b.promotion("errors").Firing {
		t.Fatal("two passes ended it")
	}
	b.obs("errors", orchestrator.GatePass)
	if w := b.promotion("errors"); w.Firing || w.State != orchestrator.GateFail || b.incident().Firing != 0 {
		t.Fatalf("%+v\n%s", w, b.story())
	}
	b.obs("errors", orchestrator.GateFail)
	if w := b.promotion("errors"); w.Fails != 3 {
		t.Fatalf("it is over, and counts: %+v", w)
	}
}

// Only the owner measures: what an earlier claim still brings would count the same time
// twice.
func TestDeployWatch_anotherClaimsReadingIsNotCounted(t *testing.T) {
	b := promotionBook(t)
	b.watched("dpl_1", "4b1d77a0")
	old := b.state.Owner(0).Epoch
	b.claim("boot2")
	n := b.promotion("errors").N
	b.add(orchestrator.SubjectAct(0), old, orchestrator.Record{Obs: &orchestrator.Obs{Watch: n, Result: orchestrator.GateFail}})
	b.act(orchestrator.Record{Obs: &orchestrator.Obs{Watch: n + 100, Result: orchestrator.GateFail}})
	if w := b.promotion("errors"); w.Fails != 0 {
		t.Fatalf("%+v", w)
	}
	b.obs("errors", orchestrator.GateFail)
	if w := b.promotion("errors"); w.Fails != 1 {
		t.Fatalf("%+v", w)
	}
}

// What a measurement means.
func TestFold_Observe(t *testing.T) {
	b := promotionBook(t)
	b.watched("dpl_1", "4b1d77a0")
	for _, c := range []struct {
		name, watch string
		m           orchestrator.Measured
		result      string
		value       int64
		says        string
	}{
		{"too little was seen", "errors", orchestrator.Measured{Data: []byte(`{"value":1,"sample":9}`)}, orchestrator.GateNoData, 1, "it saw 9 of at least 10"},
		{"the expression cannot be evaluated", "errors", orchestrator.Measured{Data: []byte(`{"sample":10}`)}, orchestrator.GateError, 0, "out.value < 10: no such expression"},
		{"no data", "errors", orchestrator.Measured{NoData: true, Text: "no series"}, orchestrator.GateNoData, 0, "no series"},
		{"error", "errors", orchestrator.Measured{Error: "503"}, orchestrator.GateError, 0, "503"},
		{"both windows burn", "budget", orchestrator.Measured{Data: []byte(`{"windows":{"3600000":14400,"300000":20000}}`)}, orchestrator.GateFail, 14_400, "burns 14.4 times as fast as it may over 1h and 20 times over 5m"},
		{"a little less", "budget", orchestrator.Measured{Data: []byte(`{"windows":{"3600000":14399,"300000":20000}}`)}, orchestrator.GatePass, 14_399, ""},
		{"the slow pair", "budget", orchestrator.Measured{Data: []byte(`{"windows":{"3600000":1,"300000":1,"21600000":6000,"1800000":6000}}`)}, orchestrator.GateFail, 6_000, "6 times"},
		{"one window of each pair", "budget", orchestrator.Measured{Data: []byte(`{"windows":{"3600000":99999,"1800000":99999}}`)}, orchestrator.GateNoData, 0, "no window"},
	} {
		o, ok := b.fold.Observe(b.state, b.promotion(c.watch).N, &c.m, b.now)
		var value int64
		if o.Value != nil {
			value = *o.Value
		}
		if !ok || o.Result != c.result || value != c.value || !strings.Contains(o.Text, c.says) {
			t.Errorf("%s: %+v, value %d", c.name, o, value)
		}
	}
}

// What stands in a query comes from outside, and must not change it.
func TestState_WatchJob(t *testing.T) {
	b := promotionBook(t)
	b.watched("dpl_1", "4b1d77a0")
	w := b.promotion("errors")
	if j, why := b.state.WatchJob(&w, b.now); why != "" || !strings.Contains(string(j.Call.Inputs), `x{v=\"4b1d77a0\"}[$window]`) || j.Call.Project != "shop" {
		t.Errorf("%s %q", j.Call.Inputs, why)
	}
	for _, commit := range []string{"", `a"} or up{x="`, strings.Repeat("a", 201)} {
		w.Commit = commit
		if j, why := b.state.WatchJob(&w, b.now); why == "" {
			t.Errorf("%q went into %s", commit, j.Call.Inputs)
		}
	}
}

// A gate whose playbook calls no data inconclusive puts it to a person; a failure and an
// error fail it.
func TestGate_withoutDataAsksAPerson(t *testing.T) {
	for _, c := range []struct {
		noData string
		m      orchestrator.Measured
		parked bool
		says   string
	}{
		{"inconclusive", orchestrator.Measured{NoData: true, Text: "no series"}, true, "last: no data: no series"},
		{"errored", orchestrator.Measured{NoData: true, Text: "no series"}, false, "last: no data: no series"},
		{"inconclusive", orchestrator.Measured{Data: []byte(`{"sample":3}`)}, true, "last: no data: it saw 3 of at least 20"},
		{"inconclusive", orchestrator.Measured{Error: "503"}, false, "last: error: 503"},
		{"inconclusive", orchestrator.Measured{Data: []byte(`{"sample":20}`)}, false, "last: fail"},
	} {
		gate := orchestrator.Node{ID: "gate", Kind: orchestrator.NodeGate, Gate: &orchestrator.Gate{
			Uses: "prometheus.query", Pass: "false", Every: "1m", Consecutive: "2", Within: "3m", NoData: c.noData, MinSample: "20",
		}}
		b := newBook(t, onePlan(gate), orchestrator.Live)
		b.watched("dpl_1", "4b1d77a0")
		b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Project: "shop", Name: "A", Severity: "critical", StartsAt: b.now})
		for range 5 {
			m := c.m
			m.StepRef = orchestrator.StepRef{N: 1, Round: 1}
			if st := b.step("gate"); st.Work == orchestrator.WorkMeasure {
				b.act(orchestrator.Record{Measure: &m})
			}
			b.wait(minute)
		}
		st := b.step("gate")
		if (st.Parked > 0) != c.parked || (st.State == orchestrator.StepFailed) == c.parked || !strings.Contains(st.Reason, c.says) {
			t.Errorf("%s %+v: %s, parked %d: %s\n%s", c.noData, c.m, st.State, st.Parked, st.Reason, b.story())
		}
	}
}
