package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

// promised is what must outlive a power cut: what people and publishers were told,
// and that calls were made, up to a point of a recording.
type promised struct {
	// acks are origin and id of acknowledged events, tokens the hashes of tokens
	// that were handed out.
	acks   [][2]string
	tokens []string
	// logID, entry, epoch and trimmed are what a log said of itself.
	logID                 string
	entry, epoch, trimmed uint64
	// called are the keys of steps whose call was seen outside.
	called map[string]bool
	plan   *planned
	// told counts the acknowledgements.
	told int
}

// planned is what the steps of a recording were, by the key that goes outside.
type planned struct {
	steps map[string]plannedStep
	// rollbacks are the keys of the steps that roll a Vercel project back: Vercel
	// takes no key, so its calls are told apart by the project.
	rollbacks map[string]string
}

type plannedStep struct {
	ref    orchestrator.StepRef
	safety orchestrator.Safety
}

// planOf reads the steps out of the state at the end of a recording.
func planOf(s *orchestrator.State) *planned {
	p := &planned{steps: map[string]plannedStep{}, rollbacks: map[string]string{}}
	for n := uint64(1); n <= s.Meta().NextIncident; n++ {
		inc, steps := s.Incident(n)
		for _, st := range steps {
			node := s.Node(inc, st)
			if node == nil || node.Action == "" {
				continue
			}
			key := s.StepKey(inc, st)
			p.steps[key] = plannedStep{st.StepRef, node.Spec.Safety}
			if node.Action == "vercel.rollback" {
				p.rollbacks["/prj_"+inc.Project+"/rollback/"] = key
			}
		}
	}
	return p
}

var stepKeyText = regexp.MustCompile(`[0-9a-f]{64}`)

// take adds a mark of the recording: a note of the load, or a call the sandbox got.
func (p *promised) take(t *testing.T, mark string) {
	t.Helper()
	if strings.HasPrefix(mark, "{") {
		var c sandbox.Call
		if err := json.Unmarshal([]byte(mark), &c); err != nil {
			t.Fatalf("a line of the call log: %v", err)
		}
		p.call(&c)
		return
	}
	if mark == killedMark {
		return
	}
	p.told++
	switch f := strings.Fields(mark); f[0] {
	case "ack":
		p.acks = append(p.acks, [2]string{f[1], f[2]})
	case "token":
		p.tokens = append(p.tokens, f[1])
	case "log":
		p.logID = f[1]
	case "entry", "epoch", "trimmed":
		n := must(strconv.ParseUint(f[1], 10, 64))(t)
		*map[string]*uint64{"entry": &p.entry, "epoch": &p.epoch, "trimmed": &p.trimmed}[f[0]] = n
	default:
		t.Fatalf("a mark nobody knows: %q", mark)
	}
}

// now is a copy that further marks leave as it is.
func (p *promised) now() *promised {
	now := *p
	now.acks, now.tokens, now.called = slices.Clip(p.acks), slices.Clip(p.tokens), maps.Clone(p.called)
	return &now
}

func (p *promised) call(c *sandbox.Call) {
	if !c.Effect || p.plan == nil {
		return
	}
	for _, key := range stepKeyText.FindAllString(c.Body, -1) {
		if _, ok := p.plan.steps[key]; ok {
			p.called[key] = true
		}
	}
	for path, key := range p.plan.rollbacks {
		if strings.Contains(c.Path, path) {
			p.called[key] = true
		}
	}
}
