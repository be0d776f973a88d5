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
	web, err := outbound.New(outbound.Options{Timeout: timeout, AllowPrivate: o.AllowPrivate, MaxBody: maxBody, Logger: o.Logger})
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
	return orchestrator.Spec{Name: "probe.http", Safety: orchestrator.Repeatable, CallTimeout: 15_000, Inputs: []string{"probes"}}
}

// input is what a call asks for.
type input struct {
	Probes []orchestrator.Probe `json:"probes"`
}

// output is what a round of probes saw. Failing maps a probe's id to what it saw.
type output struct {
	Total   int               `json:"total"`
	Failed  int               `json:"failed"`
	Failing map[string]string `json:"failing"`
}

// Do asks every probe once. No probes is a result without data, not a success.
func (h *HTTP) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	var in input
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	if len(in.Probes) == 0 {
		return orchestrator.Output{Errored: true, Text: "no probes are configured for this environment"}, nil
	}
	out := h.round(ctx, in.Probes[:min(len(in.Probes), maxProbes)])
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the result of the probes: %w", err)
	}
	return orchestrator.Output{Data: data, Text: out.text()}, nil
}

func (h *HTTP) round(ctx context.Context, probes []orchestrator.Probe) output {
	out := output{Total: len(probes), Failing: map[string]string{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, p := range probes {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if why := h.ask(ctx, p); why != "" {
				mu.Lock()
				out.Failing[p.ID] = why
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	out.Failed = len(out.Failing)
	return out
}

// ask returns why a probe failed, "" when it passed.
func (h *HTTP) ask(ctx context.Context, p orchestrator.Probe) string {
	why, err := h.get(ctx, p)
	if err != nil {
		return err.Error()
	}
	return why
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
