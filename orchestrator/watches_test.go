package orchestrator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

const second = int64(1000)

// watchBook is a book of a shop that Backout asks by itself.
func watchBook(t *testing.T) *book {
	t.Helper()
	b := quietBook(t)
	cfg := testConfig(orchestrator.Advise)
	cfg.ControlProbes = []string{"https://one.test", "https://two.test"}
	cfg.Upstreams = []orchestrator.UpstreamPage{{ID: "vercel", Title: "Vercel", Components: []string{"Edge Network"}}, {ID: "stripe"}}
	cfg.Expect = []orchestrator.ExpectSource{{Source: "alertmanager", Every: 15 * minute}}
	pr := &cfg.Projects[0]
	pr.DependsOn = []string{"vercel", "stripe"}
	pr.Components = []orchestrator.Component{{ID: "web"}, {ID: "checkout", Upstream: "stripe"}}
	pr.Environments[0].Probes = []orchestrator.Probe{{ID: "home", Covers: []string{"web"}, Every: 30 * second}, {ID: "all", Covers: []string{"web", "checkout"}, Every: 30 * second, Fails: 1, Passes: 1}}
	pr.Environments[0].Signals = []orchestrator.SQLSignal{{ID: "unsettled", Component: "checkout", Every: minute, Fire: "value >= 3"}}
	b.config(cfg)
	return b
}

func (b *book) reading(kind, id, verdict string) *orchestrator.Reading {
	r := &orchestrator.Reading{Kind: kind, ID: id, Verdict: verdict, Text: "answered 500", At: b.now}
	if kind != orchestrator.ReadControl {
		r.Project, r.Environment = "shop", "production"
	}
	return r
}

// read hands a reading in as the engine does: only when it is worth an entry.
func (b *book) read(r *orchestrator.Reading) (appended int) {
	b.t.Helper()
	rec := orchestrator.Record{Reading: r}
	if !b.fold.Worth(b.state, &rec, b.now) {
		return 0
	}
	b.act(rec)
	data, err := json.Marshal(rec)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(data)
}

func (b *book) reads(kind, id string, every int64, verdicts ...string) {
	b.t.Helper()
	for _, v := range verdicts {
		b.read(b.reading(kind, id, v))
		b.after(every)
	}
}

func (b *book) watch(id string) orchestrator.Watch {
	b.t.Helper()
	for _, w := range b.state.Watches() {
		if w.ID == id {
			return w
		}
	}
	b.t.Fatalf("nothing is known of %s", id)
	return orchestrator.Watch{}
}

// finding is the text of a finding that is there now, "" when it is not.
func (b *book) found(kind string) string {
	for _, f := range b.state.Findings() {
		if f.Name == kind {
			return f.Summary
		}
	}
	return ""
}

func TestWatch_threeFailuresFireOnceAndTwoPassesEndIt(t *testing.T) {
	b := watchBook(t)
	began := b.now + 30*second
	b.reads("probe", "home", 30*second, "ok", "failed", "failed")
	if b.incident() != nil {
		t.Fatal("two failures opened an incident")
	}
	b.claim("boot2") // a restart between the second failure and the third
	b.reads("probe", "home", 30*second, "failed", "failed", "failed")
	inc := b.incident()
	if inc == nil || inc.Component != "web" || inc.Project != "shop" || inc.StartedAt != began || inc.Firing != 1 || inc.Distinct != 1 {
		t.Fatalf("%+v\n%s", inc, b.story())
	}
	if sig := b.state.Signals(inc.N, 9)[0]; sig.Source != "probe" || sig.Fingerprint != "probe/home" || sig.Count != 1 {
		t.Fatalf("%+v", sig)
	}
	b.reads("probe", "home", 30*second, "ok", "failed", "ok")
	if b.incident().Firing != 1 {
		t.Fatal("one pass ended it")
	}
	b.reads("probe", "home", 30*second, "ok", "ok")
	if b.incident().Firing != 0 || b.state.Meta().NextIncident != 1 {
		t.Fatalf("%d fire\n%s", b.incident().Firing, b.story())
	}
}

func TestWatch_severalComponentsAreALabel(t *testing.T) {
	b := watchBook(t)
	b.reads("probe", "all", 30*second, "failed")
	if inc := b.incident(); inc == nil || inc.Component != "" {
		t.Fatalf("%+v", inc)
	}
	if !strings.Contains(string(b.log[len(b.log)-1].Data), `"failed"`) {
		t.Fatal("the entry is not the reading")
	}
}

func TestWatch_whatCannotBeSeenIsAFindingAndNoSignal(t *testing.T) {
	b := watchBook(t)
	b.reads("probe", "home", 30*second, "failed", "failed", "errored", "failed", "failed")
	if b.incident() != nil {
		t.Fatal("failures around a reading that says nothing were counted together")
	}
	b.reads("probe", "home", 30*second, "errored", "errored", "errored")
	if text := b.found("errored"); !strings.Contains(text, "probe/shop/production/home cannot see") {
		t.Fatalf("%q", text)
	}
	b.reads("probe", "home", 30*second, "ok")
	if b.found("errored") != "" {
		t.Fatal("it sees again, and the finding stays")
	}
}

func TestWatch_controlProbesSayWhoIsCutOff(t *testing.T) {
	b := watchBook(t)
	b.reads("control", "control", 15*second, "ok", "failed")
	b.reads("probe", "home", 30*second, "failed", "failed", "failed", "failed")
	b.reads("control", "control", 15*second, "failed")
	if text := b.found("blind"); !strings.Contains(text, "Backout itself is cut off") {
		t.Fatalf("%q\n%s", text, b.story())
	}
	if inc := b.incident(); inc.Project != orchestrator.SelfProject || inc.N != 1 || b.watch("home").Fails != 0 || b.found("errored") != "" {
		t.Fatalf("%+v\n%s", inc, b.story())
	}
	b.reads("control", "control", 15*second, "ok")
	if b.found("blind") != "" {
		t.Fatal("still blind")
	}
	b.reads("probe", "home", 30*second, "failed", "failed", "failed")
	if b.state.Meta().NextIncident != 2 {
		t.Fatal("a failure is not believed although the control probes pass")
	}
}

func TestWatch_queryFiresByItsThreshold(t *testing.T) {
	b := watchBook(t)
	value := func(n int64) *orchestrator.Reading {
		r := b.reading("sql", "unsettled", "ok")
		r.Value = &n
		return r
	}
	for _, n := range []int64{0, 2, 1, 2} {
		b.read(value(n))
		b.after(minute)
	}
	entries := len(b.log)
	b.read(value(4))
	inc := b.incident()
	if inc == nil || inc.Component != "checkout" || len(b.log) != entries+1 {
		t.Fatalf("%+v", inc)
	}
	b.after(minute)
	b.read(value(5))
	if len(b.log) != entries+1 {
		t.Fatal("what fires already was appended again")
	}
	for _, n := range []int64{2, 1} {
		b.read(value(n))
		b.after(minute)
	}
	if b.incident().Firing != 0 || b.state.Meta().NextIncident != 1 {
		t.Fatalf("%+v\n%s", b.incident(), b.story())
	}
	denied := b.reading("sql", "unsettled", "errored")
	denied.Denied = true
	b.read(denied)
	if b.found("errored") == "" {
		t.Fatal("a credential that is refused is not told")
	}
}

func TestWatch_weekCostsLittle(t *testing.T) {
	b := watchBook(t)
	// What else an entry costs: envelope, subject and the stream's own record.
	const around = 200
	bytes := 0
	for range 7 * 24 * 120 {
		if n := b.read(b.reading("probe", "home", "ok")); n > 0 {
			bytes += n + around
		}
		b.after(30 * second)
	}
	if bytes > 1<<20 || bytes == 0 {
		t.Fatalf("a week of passes costs %d bytes", bytes)
	}
	t.Logf("a week of passes every 30 s: %d bytes", bytes)
	bytes = 0
	for i := range 7 * 24 * 120 {
		r := b.reading("probe", "home", "failed")
		r.Text = fmt.Sprint("answered 500 after ", i, " ms")
		if n := b.read(r); n > 0 {
			bytes += n + around
		}
		b.after(30 * second)
	}
	if bytes > 1<<20 {
		t.Fatalf("a week of failures costs %d bytes", bytes)
	}
}

func TestWatch_whatLeavesTheConfigurationFiresNoLonger(t *testing.T) {
	b := watchBook(t)
	b.reads("probe", "home", 30*second, "failed", "failed", "failed")
	b.config(testConfig(orchestrator.Advise))
	if b.incident().Firing != 0 || len(b.state.Watches()) != 0 {
		t.Fatalf("%d fire", b.incident().Firing)
	}
	if b.read(b.reading("probe", "home", "failed")) != 0 {
		t.Fatal("a reading of another configuration is an entry")
	}
}

func TestUpstream_changesAreEntries(t *testing.T) {
	b := watchBook(t)
	say := func(u orchestrator.Upstream) {
		u.ID, u.At = "vercel", b.now
		rec := orchestrator.Record{Upstream: &u}
		if b.fold.Worth(b.state, &rec, b.now) {
			b.act(rec)
		}
		b.after(minute)
	}
	if u, ok := b.state.Upstream("vercel"); !ok || u.Out || !strings.Contains(u.Says(), "cannot tell") {
		t.Fatalf("%+v: %s", u, u.Says())
	}
	say(orchestrator.Upstream{Indicator: "none"})
	entries := len(b.log)
	say(orchestrator.Upstream{Indicator: "none"})
	if len(b.log) != entries {
		t.Fatal("an equal reading is an entry")
	}
	b.alert("HighLatency")
	say(orchestrator.Upstream{Indicator: "minor", Text: "Elevated errors", Link: "https://stspg.io/1", Affected: []string{"Edge Network"}})
	if u, _ := b.state.Upstream("vercel"); !u.Out || !strings.Contains(b.story(), "Vercel says: minor, Elevated errors (Edge Network) https://stspg.io/1") {
		t.Fatalf("%+v\n%s", u, b.story())
	}
	say(orchestrator.Upstream{Error: "503"})
	say(orchestrator.Upstream{Error: "timeout"})
	if u, _ := b.state.Upstream("vercel"); u.Out || u.Indicator != "minor" || !strings.HasPrefix(u.Says(), "cannot tell") || len(b.log) != entries+3 {
		t.Fatalf("%+v, %d entries", u, len(b.log)-entries)
	}
	say(orchestrator.Upstream{Indicator: "major"})
	if of := b.state.UpstreamsOf("shop", "web"); len(of) != 2 || !of[0].Out {
		t.Fatalf("%+v", of)
	}
	if of := b.state.UpstreamsOf("shop", "checkout"); len(of) != 1 || of[0].ID != "stripe" {
		t.Fatalf("%+v", of)
	}
}

func TestHeard_silenceIsAFinding(t *testing.T) {
	b := watchBook(t)
	for range 10 {
		b.wait(10 * minute)
		b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "alertmanager", Origin: "http/alertmanager", ID: "same", Name: "Watchdog"})
	}
	if _, silent, expected := b.state.Heard("alertmanager"); silent || !expected {
		t.Fatalf("it is heard every ten minutes\n%s", b.story())
	}
	if text := b.found("silent"); !strings.Contains(text, "Backout asks it itself") {
		t.Fatalf("a probe that nobody asks any more is not told: %q", text)
	}
	if b.state.Meta().Quarantined != 0 {
		t.Fatal("a heartbeat went to quarantine")
	}
	quiet := testConfig(orchestrator.Advise)
	quiet.Expect = []orchestrator.ExpectSource{{Source: "alertmanager", Every: 15 * minute}}
	b.config(quiet)
	b.wait(20 * minute)
	if text := b.found("silent"); !strings.Contains(text, "nothing from alertmanager for 16m") && !strings.Contains(text, "nothing from alertmanager for 17m") || !strings.Contains(text, "last at ") {
		t.Fatalf("%q\n%s", text, b.story())
	}
	b.add(orchestrator.SubjectEvents, 0, orchestrator.Record{Bad: &orchestrator.Bad{Origin: "http/alertmanager", Reason: "no labels"}})
	if b.found("silent") != "" {
		t.Fatal("it spoke, and the finding stays")
	}
	b.after(3 * 60 * minute) // nobody ran
	b.claim("boot2")
	b.wait(10 * minute)
	if b.found("silent") != "" {
		t.Fatal("a source is called silent for the time in which nobody listened")
	}
	b.wait(10 * minute)
	if b.found("silent") == "" {
		t.Fatal("silence after a restart is not told")
	}
}
