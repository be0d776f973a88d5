package orchestrator

import "strings"

// PromotionWatch is what is watched after every promotion to an environment. Times are
// milliseconds.
type PromotionWatch struct {
	ID    string `json:"id"`
	For   int64  `json:"for"`
	Every int64  `json:"every,omitempty"`
	// Uses is the read action that measures; empty means the signals and probes of the
	// environment, which are known already and cost no call.
	Uses string `json:"uses,omitempty"`
	// With are its inputs. $deployment, $commit and $release in a text become those of
	// the deployment that is watched.
	With map[string]any `json:"with,omitempty"`
	// Pass is CEL over out, without the leading "="; empty with Burn and without Uses.
	Pass string `json:"pass,omitempty"`
	Burn *Burn  `json:"burn,omitempty"`
	// Consecutive is how many readings in a row count; one that saw less than MinSample has
	// no data.
	Consecutive int      `json:"consecutive,omitempty"`
	MinSample   int64    `json:"min_sample,omitempty"`
	Severity    string   `json:"severity,omitempty"`
	Components  []string `json:"components,omitempty"`
}

// Burn says how fast the budget of errors may be used up: a reading fails when both
// windows of one pair are at its factor or above. Objective is in millionths: 999000
// means that 99.9 % must be well.
type Burn struct {
	Objective int64        `json:"objective"`
	Windows   []BurnWindow `json:"windows"`
}

// BurnWindow is a pair of windows in milliseconds. Factor is in thousandths: 14400 is
// 14.4 times as fast as the objective allows.
type BurnWindow struct {
	Factor int64 `json:"factor"`
	Long   int64 `json:"long"`
	Short  int64 `json:"short"`
}

// KnownGoodWatch is the watch that every environment of kind production has by itself,
// and DefaultKnownGood how long it takes unless the configuration says otherwise.
const (
	KnownGoodWatch   = "known_good"
	DefaultKnownGood = 30 * 60_000
)

// The defaults and bounds of a watch.
const (
	watchEvery       = 60_000
	watchConsecutive = 3
	foldedEvery      = 10 * 60_000
	measureTimeout   = 30_000
	// WatchReadings is how many readings a watch has at most: also one that gives another
	// result each time stays below 2 MB of log.
	WatchReadings = 4000
)

// watchesOf lists what is watched after a promotion: the environment's own watch first.
func (c *Config) watchesOf(project, env string) []PromotionWatch {
	e := c.environment(project, env)
	if e == nil {
		return nil
	}
	var out []PromotionWatch
	if e.Kind == KindProduction {
		out = append(out, PromotionWatch{ID: KnownGoodWatch, For: e.knownGood(), Every: min(watchEvery, max(1000, e.knownGood()/30))})
	}
	out = append(out, e.Watches...)
	for i := range out {
		out[i].defaults()
	}
	return out
}

func (w *PromotionWatch) defaults() {
	w.Every = max(int64(orInt(int(w.Every), watchEvery)), w.For/WatchReadings)
	w.Consecutive = orInt(w.Consecutive, watchConsecutive)
	w.Severity = or(w.Severity, "critical")
}

// knownGood is how long the watch takes that makes a deployment proven.
func (e *Environment) knownGood() int64 {
	return int64(orInt(int(e.KnownGood), DefaultKnownGood))
}

// filled puts what is watched into the texts of the inputs. missing names what one of
// them asks for and is not known, or could not be put into a query.
func (w *DeployWatch) filled() (with map[string]any, missing string) {
	with = map[string]any{}
	for k, v := range w.Spec.With {
		text, ok := v.(string)
		if !ok {
			with[k] = v
			continue
		}
		for _, known := range [][2]string{{"$deployment", w.Deployment}, {"$commit", w.Commit}, {"$release", or(w.Release, w.Commit)}} {
			if !strings.Contains(text, known[0]) {
				continue
			}
			if !plainName(known[1]) {
				missing = known[0]
			}
			text = strings.ReplaceAll(text, known[0], known[1])
		}
		with[k] = text
	}
	return with, missing
}

// plainName reports whether a name can stand in any query: it was sent from outside.
func plainName(s string) bool {
	return s != "" && len(s) <= 200 && strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@/+:-", r)
	}) < 0
}
