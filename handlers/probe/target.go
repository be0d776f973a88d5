package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// The answers of probe.target.
const (
	// targetGood: what fails here passes there, so going back should help.
	targetGood = "good"
	// targetBad: what fails here fails there too, so the deployment is not the cause.
	targetBad = "bad"
	// targetUnknown: the target's own address is protected or gave no answer.
	targetUnknown = "unknown"
	// targetBlind: no probe fails here, so the probes do not see the trouble.
	targetBlind = "blind"
)

// bypassHeader lets a request through Vercel's deployment protection (vercel.com/docs,
// protection bypass for automation).
const bypassHeader = "x-vercel-protection-bypass"

// Target is the read action probe.target: do the probes that fail on production pass
// on the own address of the deployment to go back to? It is safe for concurrent use.
type Target struct {
	http   *HTTP
	bypass string
}

// Spec implements orchestrator.Action.
func (t *Target) Spec() orchestrator.Spec {
	return orchestrator.Spec{Name: "probe.target", Safety: orchestrator.Repeatable, CallTimeout: 15_000, Inputs: []string{"probes", "host"}}
}

// targetInput is what a call asks for; Host is the target's own host.
type targetInput struct {
	Probes []orchestrator.Probe `json:"probes"`
	Host   string               `json:"host"`
}

// targetOutput maps the probes that fail here and there to what they saw.
type targetOutput struct {
	Answer string            `json:"answer"`
	Here   map[string]string `json:"here"`
	There  map[string]string `json:"there"`
}

// Do asks the probes on production, and those that fail on the target.
func (t *Target) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	var in targetInput
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	probes := chosen(in.Probes)
	if len(probes) == 0 || in.Host == "" {
		return orchestrator.Output{Errored: true, Text: "there is no probe or no target to ask"}, nil
	}
	here := t.http.round(ctx, input{Probes: probes})
	out := targetOutput{Answer: targetBlind, Here: here.Failing, There: map[string]string{}}
	if here.Failed > 0 {
		t.compare(ctx, probes, in.Host, &out)
	}
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what the target answered: %w", err)
	}
	return orchestrator.Output{Data: data, Text: out.text(in.Host)}, nil
}

// chosen are the probes that are meant for a target, all when none is marked.
func chosen(probes []orchestrator.Probe) []orchestrator.Probe {
	marked := slices.DeleteFunc(slices.Clone(probes), func(p orchestrator.Probe) bool { return !p.AlsoOnTarget })
	if len(marked) == 0 {
		marked = probes
	}
	return marked[:min(len(marked), maxProbes)]
}

// compare asks the target what failed here.
func (t *Target) compare(ctx context.Context, probes []orchestrator.Probe, on string, out *targetOutput) {
	bad, unknown := 0, 0
	for _, p := range probes {
		if out.Here[p.ID] == "" {
			continue
		}
		why, seen := t.ask(ctx, p, on)
		switch {
		case !seen:
			unknown++
		case why != "":
			bad++
		}
		if why != "" {
			out.There[p.ID] = why
		}
	}
	switch {
	case bad == len(out.Here):
		out.Answer = targetBad
	case unknown > 0 || bad > 0:
		out.Answer = targetUnknown
	default:
		out.Answer = targetGood
	}
}

// ask asks one probe on the target; seen is false when the answer says nothing of the
// deployment.
func (t *Target) ask(ctx context.Context, p orchestrator.Probe, on string) (why string, seen bool) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return "its address cannot be read", false
	}
	u.Scheme, u.Host = "https", strings.TrimSuffix(strings.TrimPrefix(on, "https://"), "/")
	p.URL = u.String()
	a, err := t.http.answer(ctx, p, t.bypassing())
	switch {
	case err != nil:
		return err.Error(), false
	case (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden) && p.Status != a.Status:
		return fmt.Sprintf("answered %d: it is protected; set providers.vercel.protection_bypass", a.Status), false
	case strings.HasPrefix(a.Header.Get("x-vercel-error"), "DEPLOYMENT_"):
		return "Vercel answered instead of it: " + a.Header.Get("x-vercel-error"), false
	}
	return judged(p, a.Status), true
}

func (t *Target) bypassing() http.Header {
	h := http.Header{"Cache-Control": {"no-cache"}}
	if t.bypass != "" {
		h.Set(bypassHeader, t.bypass)
	}
	return h
}

func (o *targetOutput) text(on string) string {
	saw := func(m map[string]string) string {
		var parts []string
		for _, id := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, id+" "+m[id])
		}
		return strings.Join(parts, "; ")
	}
	switch o.Answer {
	case targetBlind:
		return "no probe fails here, so the probes do not see the trouble"
	case targetGood:
		return "what fails here (" + saw(o.Here) + ") passes on " + on
	case targetBad:
		return "the same fails on " + on + ": " + saw(o.There)
	}
	return "it cannot be told whether " + on + " is any better: " + saw(o.There)
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (t *Target) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a probe only looks"}, nil
}

// Plan implements orchestrator.Action.
func (t *Target) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	var in targetInput
	if err := c.Input(&in); err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: fmt.Sprintf("Ask %d probes here and on %s", len(chosen(in.Probes)), in.Host)}, nil
}
