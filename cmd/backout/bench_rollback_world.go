package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// hostEvery is how often the shop is asked which deployment answers.
const hostEvery = 10 * time.Millisecond

// waitHosts waits until every host is served by the deployment.
func (w *demoWorld) waitHosts(ctx context.Context, hosts iter.Seq[string], id string) error {
	tick := time.NewTicker(hostEvery)
	defer tick.Stop()
	for host := range hosts {
		for w.served(ctx, host) != id {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s to serve %s: %w", host, id, ctx.Err())
			}
		}
	}
	return nil
}

// served is which deployment answers for a host, as its users see it.
func (w *demoWorld) served(ctx context.Context, host string) string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.urls.Shop+"/api/version", nil)
	if err != nil {
		return ""
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	var v struct {
		ID string `json:"deployment_id"`
	}
	if json.NewDecoder(resp.Body).Decode(&v) != nil {
		return ""
	}
	return v.ID
}

// waitProven waits until every domain is proven.
func (w *demoWorld) waitProven(ctx context.Context) (*console.Incident, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var inc console.Incident
		err := w.you.get(ctx, "/api/v1/incidents/INC-1", url.Values{}, &inc)
		if err == nil && !stepEnd(&inc, "proven").IsZero() {
			return &inc, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting until every domain is proven: the incident waits for %v, its steps are %s: %w", inc.WaitingOn, stepStates(&inc), ctx.Err())
		}
	}
}

// stepEnd is when a step was done; zero while it is not.
func stepEnd(inc *console.Incident, id string) time.Time {
	i := slices.IndexFunc(inc.Steps, func(s console.Step) bool { return s.ID == id && s.State == string(orchestrator.StepDone) })
	if i < 0 {
		return time.Time{}
	}
	return inc.Steps[i].Since
}

func stepStates(inc *console.Incident) string {
	states := make([]string, len(inc.Steps))
	for i, s := range inc.Steps {
		states[i] = s.ID + "=" + s.State
	}
	return strings.Join(states, " ")
}

// rollbackLine is what the rounds were, in the order of the parts.
type rollbackLine struct {
	Opened spread `json:"opened_ms"`
	Asked  spread `json:"asked_ms"`
	Moved  spread `json:"moved_ms"`
	Proven spread `json:"proven_ms"`
	Own    spread `json:"own_ms"`
}

// barRollback is issue and design: seconds from the first critical signal until every
// domain is proven.
const barRollback = 6_000

func rollbackReport(dir string, disk *diskProbe, rounds []rollbackRound) *benchReport {
	r := newBenchReport("rollback", dir, disk)
	of := func(part func(rollbackRound) time.Duration) spread {
		var all []float64
		for _, g := range rounds {
			all = append(all, ms(part(g)))
		}
		return spreadOf(all)
	}
	l := &rollbackLine{
		Opened: of(func(g rollbackRound) time.Duration { return g.opened }),
		Asked:  of(func(g rollbackRound) time.Duration { return g.asked }),
		Moved:  of(func(g rollbackRound) time.Duration { return g.moved }),
		Proven: of(func(g rollbackRound) time.Duration { return g.proven }),
		Own:    of(func(g rollbackRound) time.Duration { return g.asked + g.proven - g.moved }),
	}
	r.Rollback = l
	r.Note = "From just before the alert is published until the step that proves every production domain is done. Median of the rounds, lowest to highest behind it."
	add := func(name string, s spread, bar float64) {
		r.Figures = append(r.Figures, figure{
			Line: fmt.Sprintf("%d rollbacks", len(rounds)), Name: name, Measured: s.Median, Unit: "ms", Bar: bar,
			Detail: fmt.Sprintf("%.0f to %.0f", s.Low, s.High),
		})
	}
	add("incident open", l.Opened, 0)
	add("Vercel asked, after looking, page and policy", l.Asked, 0)
	add("control: the last domain answers with the target", l.Moved, 0)
	add("every domain proven", l.Proven, barRollback)
	add("of it Backout's own: until asked, and after the last domain", l.Own, 0)
	return r
}
