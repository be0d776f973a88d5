package orchestrator_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMachines_diagrams(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func() (*orchestrator.Machine, string, error){
		"incident.mmd": func() (*orchestrator.Machine, string, error) {
			m, err := orchestrator.NewIncidentMachine()
			return m, string(orchestrator.Triggered), err
		},
		"step.mmd": func() (*orchestrator.Machine, string, error) {
			m, err := orchestrator.NewStepMachine()
			return m, string(orchestrator.StepBlocked), err
		},
	} {
		m, initial, err := build()
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Diagram(initial)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what the table says; run go test ./orchestrator -update and read the diff", path)
		}
	}
}

func TestMachines_transitions(t *testing.T) {
	t.Parallel()
	m, err := orchestrator.NewIncidentMachine()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, event, to string
		ok              bool
	}{
		{"triggered", "mitigate", "mitigating", true},
		{"mitigating", "monitor", "monitoring", true},
		{"monitoring", "regressed", "mitigating", true},
		{"monitoring", "resolve", "resolved", true},
		{"resolved", "reopen", "mitigating", true},
		{"resolved", "close", "closed", true},
		{"triggered", "subside", "resolved", true},
		{"closed", "reopen", "closed", false},
		{"triggered", "close", "triggered", false},
	} {
		if got, ok := m.Next(c.from, c.event); got != c.to || ok != c.ok {
			t.Errorf("%s on %s: %s %v, want %s %v", c.event, c.from, got, ok, c.to, c.ok)
		}
	}
}
