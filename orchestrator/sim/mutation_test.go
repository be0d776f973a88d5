package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mutation removes one guard from the code itself, never from a copy.
type mutation struct {
	name string
	// file is relative to the folder of package orchestrator.
	file string
	// first is the seed to begin with, 1 when 0: a rare fault is begun shortly before
	// the seed that shows it, so that a busy machine finds it in time, too.
	first int
	// green is set for a guard whose work another one does as well.
	green bool
	// edits are pairs of what stands there and what takes its place.
	edits [][2]string
}

func mutations() []mutation {
	return []mutation{
		{name: "boot claim", file: "engine/ownership.go", edits: [][2]string{{
			`at, may := c.mayClaim(s, now)`,
			"if own := c.state.Owner(s.p); own.Epoch != 0 && !own.Released && own.Instance == c.opt.Instance {\n\t\ts.epoch = own.Epoch\n\t\treturn\n\t}\n\tat, may := c.mayClaim(s, now)",
		}}},
		{name: "compare-and-set alone (the fold's epoch check does its work too)", file: "engine/lane.go", green: true, edits: [][2]string{
			{unfenced, `m.msg.Fence = nil`},
		}},
		{name: "compare-and-set and read-back", file: "engine/lane.go", edits: [][2]string{
			{unfenced, `m.msg.Fence = nil`},
			{
				`l.acknowledged(m)`,
				`for _, it := range m.items {
			if j := it.job; j != nil {
				call := j.Call
				call.Attempt = j.attempt
				s.calls = append(s.calls, Task{Kind: TaskDo, Action: j.Action, Call: call, Timeout: time.Second, shard: s, key: j.key, job: j, ref: j.StepRef})
				delete(s.jobs, j.attempt)
			}
		}
		l.acknowledged(m)`,
			},
		}},
		{name: "a refused intent is not acted on", file: "engine/executor.go", edits: [][2]string{{
			"if !d.Accepted {\n\t\t\tdelete(s.busy, j.key)\n\t\t\treturn\n\t\t}",
			"if !d.Accepted {\n\t\t\td.Action, d.Call, d.Timeout = j.Action, j.Call, j.Timeout\n\t\t}",
		}}},
		{name: "settle time", file: "results.go", edits: [][2]string{{
			`p.timer(l, st, p.now+max(1, settle))`, `p.timer(l, st, p.now+1)`,
		}}},
		{name: "settle time by the new owner's clock", file: "takeover.go", first: 750, edits: [][2]string{{
			"p.moved = true\n", "if p.now > 0 {\n\t\treturn\n\t}\n",
		}}},
		{name: "the lock of a change that is half done", file: "incidents.go", first: 1900, edits: [][2]string{{
			`p.v2() && p.halfDone(l)`, `p.s.meta.FoldVersion > 99 && p.halfDone(l)`,
		}}},
	}
}

const unfenced = `m.msg.Fence = &orchestrator.Fence{Subject: orchestrator.SubjectOwn(s.p), Seq: s.epoch}`

// mutationTime is how long the simulator may look for a removed guard, greenTime
// how long it plays where it must find nothing.
const (
	mutationTime = 60 * time.Second
	greenTime    = 10 * time.Second
)

// TestSim_turnsRedWithoutAGuard removes each guard from the source by a build overlay and expects the simulator to notice within a minute.
func TestSim_turnsRedWithoutAGuard(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: builds the engine once per guard; run without -short")
	}
	for _, m := range mutations() {
		t.Run(m.name, func(t *testing.T) {
			start := time.Now()
			out, err := runMutated(t, m)
			if m.green {
				if err != nil {
					t.Fatalf("the simulator turned red without: %s\n%s", m.name, out)
				}
				t.Logf("green for %s, as it should be", greenTime)
				return
			}
			if err == nil {
				t.Fatalf("the simulator stayed green without: %s\n%s", m.name, out)
			}
			if !strings.Contains(out, "seed ") {
				t.Fatalf("it failed for another reason:\n%s", out)
			}
			t.Logf("found after %s: %s", time.Since(start).Round(100*time.Millisecond), seedLine(out))
		})
	}
}

func seedLine(out string) string {
	for line := range strings.SplitSeq(out, "\n") {
		if strings.Contains(line, "seed ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func runMutated(t *testing.T, m mutation) (string, error) {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	text := string(code)
	for _, e := range m.edits {
		if strings.Count(text, e[0]) != 1 {
			t.Fatalf("%s does not contain the guard once: %s", m.file, e[0])
		}
		text = strings.Replace(text, e[0], e[1], 1)
	}
	dir := t.TempDir()
	mutated, overlay := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-run", "^TestSim$", ".")
	play := mutationTime
	if m.green {
		play = greenTime
	}
	cmd.Env = append(os.Environ(), "BACKOUT_SIM_TIME="+play.String(), fmt.Sprint("BACKOUT_SIM_FIRST=", max(m.first, 1)))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
