package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxSamples bounds how often one probe is asked in a round.
const maxSamples = 20

// sampled is what one probe saw: why it failed, "" when it passed, and how long each
// answer took.
type sampled struct {
	why  string
	took []time.Duration
}

// sample asks a probe as often as it says, one after another, until one fails.
func (h *HTTP) sample(ctx context.Context, p orchestrator.Probe, in input) sampled {
	var s sampled
	for range min(max(in.Samples, 1), maxSamples) {
		began := time.Now()
		why, err := h.get(ctx, p)
		if err != nil {
			s.why = err.Error()
			return s
		}
		s.took = append(s.took, time.Since(began))
		if s.why = why; why != "" {
			return s
		}
	}
	if limit := time.Duration(p.P95) * time.Millisecond; limit > 0 && in.Samples > 1 && s.p95() > p.P95 {
		s.why = fmt.Sprintf("95 of 100 answers take up to %d ms, more than %d ms", s.p95(), p.P95)
	}
	if s.why == "" && in.Marker != "" {
		s.why = h.marked(ctx, p, in)
	}
	return s
}

// p95 is the time that 95 of 100 answers took at most (nearest rank), in milliseconds; 0
// without answers.
func (s sampled) p95() int64 {
	if len(s.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.took))
	return sorted[(95*len(sorted)+99)/100-1].Milliseconds()
}

// marked says what is wrong with the build marker, "" when the wanted deployment answers.
func (h *HTTP) marked(ctx context.Context, p orchestrator.Probe, in input) string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return "its address cannot be read"
	}
	u.Path, u.RawQuery = in.MarkerPath, ""
	p.URL = u.String()
	a, err := h.answer(ctx, p, http.Header{"Cache-Control": {"no-cache"}})
	if err != nil {
		return "the build marker: " + err.Error()
	}
	var body map[string]any
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &body) != nil {
		return fmt.Sprintf("the build marker %s answered %d without JSON that can be read", in.MarkerPath, a.Status)
	}
	if got, _ := body[in.MarkerJSON].(string); got != in.Marker {
		return fmt.Sprintf("the build marker says %.100q and not %s", got, in.Marker)
	}
	return ""
}
