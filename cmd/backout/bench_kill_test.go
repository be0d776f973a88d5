package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestBenchKill_losesNothing: the bench itself looks that nothing is lost or called twice.
func TestBenchKill_losesNothing(t *testing.T) {
	t.Parallel()
	r := shippedBench(t, "kill", "--kills", "5")
	if l := r.Kill; l == nil || len(l.Ready.Rounds) != 5 || l.Booting != 1 || l.Events == 0 || l.Answers == 0 || l.Steps < l.Answers {
		t.Errorf("the kills are not what was asked for: %+v", r)
	}
}

// TestBench_failsAfterItsReport: what must not be is shown and ends the bench with an error.
func TestBench_failsAfterItsReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := &cobra.Command{}
	c.SetOut(&out)
	f := benchFlags{seconds: 1, output: "text", dir: t.TempDir()}
	err := f.measured(c, func(dir string) (*benchReport, error) {
		return killReport(dir, &diskProbe{}, &killLine{Kills: 3, Steps: 9, Twice: 1}), nil
	})
	if err == nil || !strings.Contains(err.Error(), "of them twice: 1") {
		t.Errorf("got %v, want what was called twice", err)
	}
	if !strings.Contains(out.String(), "none  no") {
		t.Errorf("the report does not show it:\n%s", out.String())
	}
}
