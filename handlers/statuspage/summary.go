package statuspage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/aimarketplace/backout/orchestrator"
)

// The bounds of what is kept of a page.
const (
	maxNames = 50
	maxName  = 100
	maxText  = 200
	maxLink  = 300
)

// summary is the part of summary.json that is read.
type summary struct {
	Status *struct {
		Indicator string `json:"indicator"`
	} `json:"status"`
	Components []component `json:"components"`
	Incidents  []incident  `json:"incidents"`
}

type component struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Group  bool   `json:"group"`
}

type incident struct {
	Name       string      `json:"name"`
	Status     string      `json:"status"`
	Impact     string      `json:"impact"`
	Shortlink  string      `json:"shortlink"`
	Components []component `json:"components"`
	Updates    []struct {
		Affected []component `json:"affected_components"`
	} `json:"incident_updates"`
}

// DecodeSummary reads a summary.json: its indicator, the gravest incident that is not
// over, and what such incidents touch. A page without a known indicator is an error:
// it says nothing.
func DecodeSummary(body []byte) (orchestrator.Upstream, error) {
	var s summary
	if err := json.Unmarshal(body, &s); err != nil {
		return orchestrator.Upstream{}, errors.New("what it answers is not a summary.json")
	}
	if s.Status == nil {
		return orchestrator.Upstream{}, errors.New("what it answers has no status; is the address that of summary.json?")
	}
	u := orchestrator.Upstream{Indicator: s.Status.Indicator}
	switch u.Indicator {
	case "none", "minor", "major", "critical":
	case "maintenance":
		u.Indicator = "minor"
	default:
		return orchestrator.Upstream{}, fmt.Errorf("its indicator %.20q is not known", u.Indicator)
	}
	open := slices.DeleteFunc(s.Incidents, func(i incident) bool { return i.over() })
	if len(open) > 0 {
		worst := slices.MaxFunc(open, func(a, b incident) int { return cmp.Compare(rank(a.Impact), rank(b.Impact)) })
		u.Text, u.Link = plain(worst.Name, maxText), link(worst.Shortlink)
		u.Affected = s.affected(open)
	}
	return u, nil
}

// over reports whether an incident has ended; planned work is none.
func (i *incident) over() bool {
	switch i.Status {
	case "resolved", "postmortem", "completed", "scheduled":
		return true
	}
	return i.Impact == "maintenance"
}

func rank(impact string) int {
	return slices.Index([]string{"none", "minor", "major", "critical"}, impact)
}

// affected names what incidents touch. Where none says, what is not operational stands
// for it.
func (s *summary) affected(open []incident) []string {
	var names []string
	for _, i := range open {
		names = append(names, namesOf(i.Components)...)
		if len(i.Updates) > 0 { // the newest comes first
			names = append(names, namesOf(i.Updates[0].Affected)...)
		}
	}
	if len(names) == 0 {
		unwell := slices.DeleteFunc(slices.Clone(s.Components), func(c component) bool { return c.Group || c.Status == "" || c.Status == "operational" })
		names = namesOf(unwell)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxNames)]
}

func namesOf(all []component) []string {
	var names []string
	for _, c := range all {
		// An update names a component behind its group: "Functions - Europe".
		if name := plain(c.Name, maxName); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// plain is a text without control characters, of at most n bytes.
func plain(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") // a character may be cut in two
	}
	return strings.TrimSpace(text)
}

func link(text string) string {
	if len(text) > maxLink || !strings.HasPrefix(text, "https://") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == unicode.ReplacementChar }) {
		return ""
	}
	return text
}
