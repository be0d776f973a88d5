package configs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// Watch is what is watched after every promotion, for so long and so often. What it
// measures must pass Consecutive times in a row at the end, and fails when as many in a
// row do not.
type Watch struct {
	ID string `yaml:"id"`
	// After is promotion, the only thing that starts a watch.
	After   string   `yaml:"after"`
	For     Duration `yaml:"for"`
	Every   Duration `yaml:"every"`
	Measure Measure  `yaml:"measure"`
	// Pass is CEL over out, what the measure gives, with its "=".
	Pass        string   `yaml:"pass"`
	Burn        *Burn    `yaml:"burn"`
	Consecutive int      `yaml:"consecutive"`
	MinSample   int      `yaml:"min_sample"`
	Severity    string   `yaml:"severity"`
	Components  []string `yaml:"components"`
}

// Measure is exactly one of Prometheus (a query), Sentry (the name of the release there),
// Probe, SQL (their ids) and Signals.
type Measure struct {
	Prometheus string `yaml:"prometheus"`
	// Sample is a query for how much the other one has seen.
	Sample string `yaml:"sample"`
	Sentry string `yaml:"sentry"`
	// Environment is what Sentry calls it; empty for all.
	Environment string `yaml:"environment"`
	Probe       string `yaml:"probe"`
	Samples     int    `yaml:"samples"`
	// Marker is set when the build marker must name the deployment that is watched.
	Marker  bool   `yaml:"marker"`
	SQL     string `yaml:"sql"`
	Signals bool   `yaml:"signals"`
}

// Burn is how fast the budget of errors may be used up.
type Burn struct {
	Objective Share        `yaml:"objective"`
	Windows   []BurnWindow `yaml:"windows"`
}

// BurnWindow is a pair of windows that both must burn at Factor or above to fail.
type BurnWindow struct {
	Factor Factor   `yaml:"factor"`
	Long   Duration `yaml:"long"`
	Short  Duration `yaml:"short"`
}

// Share is a part of a hundred in millionths, written as 99.9 or 99.9%.
type Share int64

func (s *Share) setText(text string) (string, error) {
	v, ok := decimals(strings.TrimSuffix(text, "%"), 4)
	if !ok || v <= 0 || v >= 1_000_000 {
		return "write it like 99.9, with at most four decimals", fmt.Errorf("%q is no share between 0 and 100", text)
	}
	*s = Share(v)
	return "", nil
}

// Factor is a number in thousandths, written as 14.4 or 14.4x.
type Factor int64

func (f *Factor) setText(text string) (string, error) {
	v, ok := decimals(strings.TrimSuffix(text, "x"), 3)
	if !ok || v <= 0 {
		return "write it like 14.4 or 6", fmt.Errorf("%q is not a factor", text)
	}
	*f = Factor(v)
	return "", nil
}

// decimals reads a number with at most so many decimals as an integer.
func decimals(text string, most int) (int64, bool) {
	m := regexp.MustCompile(`^(\d{1,6})(?:\.(\d+))?$`).FindStringSubmatch(text)
	if m == nil || len(m[2]) > most {
		return 0, false
	}
	v, err := strconv.ParseInt(m[1]+m[2]+strings.Repeat("0", most-len(m[2])), 10, 64)
	return v, err == nil
}

// Prometheus is where queries are asked: any server that speaks its HTTP API.
type Prometheus struct {
	URL          string    `yaml:"url"`
	Token        Secret    `yaml:"token"`
	User         string    `yaml:"user"`
	Password     Secret    `yaml:"password"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// SentryAPI is the organization whose events and issues are counted. Its webhooks are
// hooks.sentry.
type SentryAPI struct {
	Token   Secret `yaml:"token"`
	Org     string `yaml:"org"`
	Project string `yaml:"project"`
	// BaseURL names a region (https://de.sentry.io) or your own server.
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

func (w Watch) document(e *Environment) orchestrator.PromotionWatch {
	doc := orchestrator.PromotionWatch{
		ID: w.ID, For: w.For.Milliseconds(), Every: w.Every.Milliseconds(), Pass: strings.TrimSpace(strings.TrimPrefix(w.Pass, "=")),
		Consecutive: w.Consecutive, MinSample: int64(w.MinSample), Severity: w.Severity, Components: w.Components,
	}
	if b := w.Burn; b != nil {
		doc.Burn = &orchestrator.Burn{Objective: int64(b.Objective)}
		for _, one := range b.Windows {
			doc.Burn.Windows = append(doc.Burn.Windows, orchestrator.BurnWindow{Factor: int64(one.Factor), Long: one.Long.Milliseconds(), Short: one.Short.Milliseconds()})
		}
	}
	switch m := w.Measure; {
	case m.Prometheus != "":
		doc.Uses, doc.With = "prometheus.query", map[string]any{"query": m.Prometheus, "sample": m.Sample}
	case m.Sentry != "":
		doc.Uses, doc.With = "sentry.stats", map[string]any{"release": m.Sentry, "environment": m.Environment}
	case m.SQL != "":
		doc.Uses, doc.With = "postgres.query", map[string]any{"query": m.SQL}
	case m.Probe != "":
		doc.Uses, doc.With = "probe.http", m.probing(e)
		if doc.Pass == "" {
			doc.Pass = "out.failed == 0"
		}
	}
	return doc
}

// probing are the inputs of a probe that is asked several times.
func (m Measure) probing(e *Environment) map[string]any {
	with := map[string]any{"samples": max(1, m.Samples)}
	for _, p := range e.Probes {
		if p.ID == m.Probe {
			with["probes"] = []orchestrator.Probe{p.document()}
		}
	}
	if m.Marker {
		with["marker"], with["marker_path"], with["marker_json"] = "$deployment", e.BuildMarker.Path, e.BuildMarker.JSON
	}
	return with
}
