package configs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// The bounds of a watch.
const (
	watchForLeast = Duration(10 * time.Second)
	watchForMost  = Duration(30 * 24 * time.Hour)
	watchEvery    = Duration(time.Second)
)

func (k *checker) measuring() {
	if p := k.c.Providers.Prometheus; p != nil {
		if _, ok := parseURL(p.URL); !ok {
			k.wrong("providers.prometheus.url", "this is not an address", "write url: https://HOST, with the path before /api/v1 if there is one, without user or password")
		} else if p.Token.IsSet() || p.Password.IsSet() {
			k.baseURL("providers.prometheus", p.URL, p.AllowPrivate)
		}
		if p.Token.IsSet() && p.User != "" || p.Password.IsSet() != (p.User != "") {
			k.wrong("providers.prometheus", "the credential is not one", "write token:, or user: and password:, or neither")
		}
	}
	if s := k.c.Providers.Sentry; s != nil {
		k.need("providers.sentry", "token", s.Token)
		k.baseURL("providers.sentry", s.BaseURL, s.AllowPrivate)
		if !isName(s.Org) && !isID(s.Org) {
			k.wrong("providers.sentry", "there is no organization", "write org: and its slug, as in the address of its issues")
		}
		if strings.Trim(s.Project, "0123456789") != "" {
			k.wrong("providers.sentry.project", "Sentry's API wants the number of a project", "copy it from the project's settings, in quotes; without it all count")
		}
	}
}

// watches checks what an environment watches after a promotion.
func (k *checker) watches(at string, e *Environment, p *Project) {
	if d := e.KnownGood.Watch; d != 0 && (d < watchForLeast || d > watchForMost) {
		k.wrong(at+".known_good.watch", "nothing is proven in that time", "write a time between 10s and 30d; the default is 30m")
	}
	ids := map[string]bool{orchestrator.KnownGoodWatch: true}
	for i := range e.Watches {
		w := &e.Watches[i]
		here := index(at+".watches", i)
		switch {
		case !isName(w.ID) && !isID(w.ID):
			k.wrong(here+".id", fmt.Sprintf("%q cannot be the id of a watch", w.ID), idFix)
		case ids[w.ID]:
			k.wrong(here+".id", fmt.Sprintf("two have the id %q", w.ID), "give each watch its own; known_good is the one that is there by itself")
		}
		ids[w.ID] = true
		k.watch(here, w, p)
		k.measure(here+".measure", w, e)
	}
}

func (k *checker) watch(at string, w *Watch, p *Project) {
	if w.After != "" {
		k.oneOf(at+".after", "the start of a watch", w.After, "promotion")
	}
	if w.For < watchForLeast || w.For > watchForMost {
		k.wrong(at+".for", "a watch has an end", "write for: 1h, 24h or 7d; at least 10s, at most 30d")
	}
	switch least := Duration((w.For/orchestrator.WatchReadings + watchEvery - 1) / watchEvery * watchEvery); {
	case w.Every == 0:
	case w.Every < watchEvery || w.Every > w.For:
		k.wrong(at+".every", "this is no useful pause", "write a time between 1s and the length of the watch; the default is 1m")
	case w.Every < least:
		k.wrong(at+".every", fmt.Sprintf("a watch takes at most %d readings", orchestrator.WatchReadings), "write every: "+time.Duration(least).String()+" or more, or a shorter watch")
	}
	if w.Consecutive < 0 || w.Consecutive > 100 {
		k.wrong(at+".consecutive", "so many readings in a row are never counted", "write one between 1 and 100, or leave it out for 3")
	}
	if w.MinSample < 0 {
		k.wrong(at+".min_sample", "this is no number of what was seen", "write one from 1, or leave it out")
	}
	k.severity(at+".severity", w.Severity)
	for i, id := range w.Components {
		k.oneOf(index(at+".components", i), "the component", id, componentIDs(p)...)
	}
}

// measure checks that there is one thing that can be measured, and something it is held
// against.
func (k *checker) measure(at string, w *Watch, e *Environment) {
	m := w.Measure
	n := 0
	for _, there := range []bool{m.Prometheus != "", m.Sentry != "", m.Probe != "", m.SQL != "", m.Signals} {
		if there {
			n++
		}
	}
	if n != 1 {
		k.wrong(at, "a watch measures one thing", "write one of prometheus: QUERY, sentry: $release, probe: ID, sql: ID, signals: true")
		return
	}
	if m.Prometheus != "" && k.c.Providers.Prometheus == nil {
		k.wrong(at+".prometheus", "providers.prometheus is missing", "write providers: {prometheus: {url: https://HOST}}")
	}
	if m.Sentry != "" && k.c.Providers.Sentry == nil {
		k.wrong(at+".sentry", "providers.sentry is missing", "write providers: {sentry: {token: env:NAME, org: SLUG}}")
	}
	if m.Probe != "" {
		k.oneOf(at+".probe", "the probe", m.Probe, probeIDs(e)...)
	}
	if m.SQL != "" {
		k.oneOf(at+".sql", "the query", m.SQL, queryIDs(e)...)
	}
	if m.Marker && e.BuildMarker.Path == "" {
		k.wrong(at+".marker", "the environment has no build marker", "write build_marker: {path: /api/version, json: deployment_id}")
	}
	if m.Samples < 0 || m.Samples > 20 {
		k.wrong(at+".samples", "so many are not asked for at once", "write one from 1 to 20")
	}
	k.against(strings.TrimSuffix(at, ".measure"), w)
}

func (k *checker) against(at string, w *Watch) {
	b := w.Burn
	switch {
	case b != nil && w.Measure.Prometheus == "":
		k.wrong(at+".burn", "only a query of Prometheus has windows", "take burn out and write pass:")
	case b != nil && w.Pass != "":
		k.wrong(at+".pass", "a burn rate is held against its windows", "take pass or burn out")
	case b != nil:
		k.burn(at+".burn", w)
	case w.Measure.Signals && w.Pass != "":
		k.wrong(at+".pass", "signals pass when none fires", "take pass out")
	case w.Measure.Signals || w.Measure.Probe != "" && w.Pass == "":
	case !strings.HasPrefix(w.Pass, "="):
		k.wrong(at, "there is nothing that what it measures is held against", `write pass: "=out.value < 10", in thousandths where the measure has fractions`)
	}
}

func (k *checker) burn(at string, w *Watch) {
	b := w.Burn
	if b.Objective == 0 || len(b.Windows) == 0 {
		k.wrong(at, "a burn rate needs an objective and windows", "write burn: {objective: 99.9, windows: [{factor: 14.4, long: 1h, short: 5m}, {factor: 6, long: 6h, short: 30m}]}")
	}
	if !strings.Contains(w.Measure.Prometheus, "$window") {
		k.wrong(strings.TrimSuffix(at, ".burn")+".measure.prometheus", "the query has no window", "write [$window] for the range, and let it give the share of what failed")
	}
	for i, one := range b.Windows {
		if one.Factor == 0 || one.Short < Duration(time.Minute) || one.Long <= one.Short || one.Long > watchForMost {
			k.wrong(index(at+".windows", i), "a pair of windows is a factor, a long and a short one", "write {factor: 14.4, long: 1h, short: 5m}; the short one at least 1m")
		}
	}
	if len(b.Windows) > 4 {
		k.wrong(at+".windows", "each window is a query", "write at most four pairs")
	}
}

func probeIDs(e *Environment) []string {
	var ids []string
	for _, p := range e.Probes {
		ids = append(ids, p.ID)
	}
	return slices.Sorted(slices.Values(ids))
}

func queryIDs(e *Environment) []string {
	var ids []string
	for _, q := range e.Signals {
		ids = append(ids, q.ID)
	}
	return slices.Sorted(slices.Values(ids))
}

// CheckPasses checks what every watch is held against with check, which gets the
// expression without the leading "=". The error is a Problems.
func (c *Config) CheckPasses(check func(expr string) error) error {
	var problems Problems
	for i, p := range c.Projects {
		for _, e := range p.Environments {
			for j, w := range e.Watches {
				pass := w.document(&e).Pass
				if pass == "" {
					continue
				}
				if err := check(pass); err != nil {
					at := index(join(index("projects", i)+".environments", e.ID)+".watches", j)
					problems = append(problems, c.source.problem(at+".pass", err.Error(), `write one over out, such as "=out.value < 10"`))
				}
			}
		}
	}
	if len(problems) > 0 {
		c.source.sort(problems)
		return problems
	}
	return nil
}
