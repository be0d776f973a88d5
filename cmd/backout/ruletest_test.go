package main

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/aimarketplace/backout/workflows/scenarios"
)

// TestScenarios plays every scenario that comes with Backout through the fold.
func TestScenarios(t *testing.T) {
	t.Parallel()
	list, err := scenarios.Load(scenarios.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 40 {
		t.Errorf("only %d scenarios", len(list))
	}
	var f ruleTestFlags
	r, err := f.runner(scenarios.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for i := range list {
		p, err := r.Run(&list[i])
		if err != nil {
			t.Error(err)
			continue
		}
		for _, wrong := range p.Wrong {
			t.Errorf("%s (%s): %s", list[i].File, list[i].Title, wrong)
		}
	}
	t.Logf("%d scenarios in %s", len(list), time.Since(began).Round(time.Millisecond))
}

// TestScenarios_say a scenario that does not come out as written must say so, and a
// file with a mistake must say where.
func TestScenarios_say(t *testing.T) {
	t.Parallel()
	var f ruleTestFlags
	r, err := f.runner(scenarios.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Parse("wrong.yaml", []byte(`
scenario: everything is expected wrongly
confirm_before_page: 0s
steps:
- {at: 0s, alert: {source: uptimerobot, project: shop, name: Down, severity: critical}}
- {at: 1s, say: "cat: silence shop 1h"}
expect:
  incidents: [{project: api, state: closed, severity: warning, component: x, playbook: rollback, suspect: dpl, score: 1-2, reasons: r, timeline: a text nobody wrote, never: Down, pages: 5, firing: 2, signals: 3, also: [api], upstream: u, waits: [x]}]
  pages: 3
  held: 1
  quarantined: 1
  effects: [vercel.rollback]
  findings: [storm]
  why: {nobody/x: y}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Run(&s)
	if err != nil {
		t.Fatal(err)
	}
	if want := 23; len(p.Wrong) != want {
		t.Errorf("%d complaints, want %d: %q", len(p.Wrong), want, p.Wrong)
	}
	for name, text := range map[string]string{
		"a key nobody knows":      "scenario: x\nstepps: []\n",
		"no title":                "steps: []\n",
		"a start that is no time": "scenario: x\nstart: monday\n",
	} {
		if _, err := scenarios.Load(fstest.MapFS{"a.yaml": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Log(err)
		}
	}
}
