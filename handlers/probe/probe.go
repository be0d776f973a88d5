package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// The limits of one round of probes: each bounded in time and size, few at once.
const (
	timeout   = 5 * time.Second
	maxBody   = 64 << 10
	maxProbes = 50
	atOnce    = 8
)

// Options say where probes may go.
type Options struct {
	// Base, when set, is asked instead of the hosts of the probes, with the host
	// as Host header: for a stand-in whose names resolve nowhere.
	Base string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Bypass is the secret that lets probes through Vercel's deployment protection
	// on a target's own address; empty for none.
	Bypass string
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// HTTP is the action probe.http; it is safe for concurrent use.
type HTTP struct {
	base   string
	web    *outbound.Client
	bypass string
}

// New makes the action.
func New(o Options) (*HTTP, error) {
	web, err := outbound.New(outbound.Options{Timeout: timeout, AllowPrivate: o.AllowPrivate, MaxBody: maxBody, Logger: o.Logger, Redact: []string{o.Bypass}})
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return &HTTP{base: strings.TrimSuffix(o.Base, "/"), web: web, bypass: o.Bypass}, nil
}

// Actions answers the actions by name.
func (h *HTTP) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{"probe.http": h, "probe.target": &Target{http: h, bypass: h.bypass}}
}

// Spec implements orchestrator.Action.
func (h *HTTP) Spec() orchestrator.Spec {
	return orchestrator.Spec{Name: "probe.http", Safety: orchestrator.Repeatable, CallTimeout: 15_000, Inputs: []string{"probes", "samples?", "marker?", "marker_path?", "marker_json?"}}
}

// input is what a call asks for: each probe so many times, once when Samples is 0. With
// Marker the path MarkerPath of each probe's host must answer JSON whose field MarkerJSON
// is Marker: which deployment answers.
type input struct {
	Probes     []orchestrator.Probe `json:"probes"`
	Samples    int                  `json:"samples"`
	Marker     string               `json:"marker"`
	MarkerPath string               `json:"marker_path"`
	MarkerJSON string               `json:"marker_json"`
}

// output is what a round of probes saw. Failing maps a probe's id to what it saw. Sample
// is how many answers there were, P95 how many milliseconds 95 of 100 of them took at
// most, of the slowest probe; Value is the same.
type output struct {
	Total   int               `json:"total"`
	Failed  int               `json:"failed"`
	Failing map[string]string `json:"failing"`
	Sample  int               `json:"sample"`
	P95     int64             `json:"p95_ms"`
	Value   int64             `json:"value"`
}

// Do asks every probe once. No probes is a result without data, not a success.
func (h *HTTP) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	var in input
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	if len(in.Probes) == 0 {
		return orchestrator.Output{NoData: true, Text: "no probes are configured for this environment"}, nil
	}
	in.Probes = in.Probes[:min(len(in.Probes), maxProbes)]
	out := h.round(ctx, in)
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the result of the probes: %w", err)
	}
	return orchestrator.Output{Data: data, Text: out.text()}, nil
}

func (h *HTTP) round(ctx context.Context, in input) output {
	out := output{Total: len(in.Probes), Failing: map[string]string{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, p := range in.Probes {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			seen := h.sample(ctx, p, in)
			mu.Lock()
			defer mu.Unlock()
			if seen.why != "" {
				out.Failing[p.ID] = seen.why
			}
			out.Sample += len(seen.took)
			out.P95 = max(out.P95, seen.p95())
		})
	}
	wg.Wait()
	out.Failed, out.Value = len(out.Failing), out.P95
	return out
}

// get returns what was wrong with the answer, "" when nothing was, or why there was
// none.
func (h *HTTP) get(ctx context.Context, p orchestrator.Probe) (why string, err error) {
	if _, err := url.Parse(p.URL); err != nil {
		return "its address cannot be read", nil //nolint:nilerr // What is wrong with a probe is its reading.
	}
	a, err := h.answer(ctx, p, http.Header{"Cache-Control": {"no-cache"}})
	if err != nil {
		return "", err
	}
	return judged(p, a.Status), nil
}

// answer asks a probe's address.
func (h *HTTP) answer(ctx context.Context, p orchestrator.Probe, header http.Header) (outbound.Answer, error) {
	r := outbound.Request{Method: http.MethodGet, URL: p.URL, Once: true, Header: header}
	if h.base != "" {
		u, err := url.Parse(p.URL)
		if err != nil {
			return outbound.Answer{}, fmt.Errorf("reading the address of probe %s: %w", p.ID, err)
		}
		r.URL, r.Host = h.base+u.RequestURI(), u.Host
	}
	return h.web.Do(ctx, r) //nolint:wrapcheck // It says what was asked and why it failed.
}

// judged says what is wrong with a status, "" when nothing is.
func judged(p orchestrator.Probe, status int) string {
	switch {
	case p.Status != 0 && status != p.Status:
		return fmt.Sprintf("answered %d instead of %d", status, p.Status)
	case p.Status == 0 && (status < 200 || status > 299):
		return fmt.Sprintf("answered %d", status)
	}
	return ""
}

func (o output) text() string {
	if o.Failed == 0 {
		return fmt.Sprintf("%d of %d probes pass", o.Total, o.Total)
	}
	lines := make([]string, 0, len(o.Failing))
	for id, why := range o.Failing {
		lines = append(lines, id+" "+why)
	}
	sort.Strings(lines)
	return fmt.Sprintf("%d of %d probes fail: %s", o.Failed, o.Total, strings.Join(lines, "; "))
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (h *HTTP) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a probe only looks"}, nil
}

// Plan implements orchestrator.Action.
func (h *HTTP) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	var in input
	if err := c.Input(&in); err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: fmt.Sprintf("Ask %d probes", len(in.Probes))}, nil
}
