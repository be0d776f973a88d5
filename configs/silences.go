package configs

import (
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Silence is a maintenance window. What it leaves empty matches everything; what
// still fires when it ends is decided about then.
type Silence struct {
	Project     string `yaml:"project"`
	Environment string `yaml:"environment"`
	Component   string `yaml:"component"`
	Source      string `yaml:"source"`
	// Name is that of the signal; a `*` at its end stands for any rest.
	Name   string  `yaml:"name"`
	From   Instant `yaml:"from"`
	Until  Instant `yaml:"until"`
	By     string  `yaml:"by"`
	Reason string  `yaml:"reason"`
}

// Instant is a time written as RFC 3339, such as 2026-12-01T02:00:00+09:00.
type Instant time.Time

func (i *Instant) setText(text string) (string, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "write it like 2026-12-01T02:00:00+09:00", fmt.Errorf("%q is not a time", text)
	}
	*i = Instant(t)
	return "", nil
}

func (i Instant) millis() int64 {
	if time.Time(i).IsZero() {
		return 0
	}
	return time.Time(i).UnixMilli()
}

// maxWindow bounds a maintenance window: one without an end is how real outages
// are slept through.
const maxWindow = 31 * 24 * time.Hour

func (k *checker) silences() {
	for i, s := range k.c.Silences {
		at := index("silences", i)
		length := time.Time(s.Until).Sub(time.Time(s.From))
		switch {
		case s.From.millis() == 0 || s.Until.millis() == 0:
			k.wrong(at, "a maintenance window needs from and until", "write from: 2026-12-01T02:00:00+09:00 and until: …")
		case length <= 0:
			k.wrong(at+".until", "it ends before it begins", "write until after from")
		case length > maxWindow:
			k.wrong(at+".until", "it lasts longer than 31 days", "end it earlier; a silence for ever is a match rule that is missing")
		}
		if s.Reason == "" {
			k.wrong(at, "nobody says why", "write reason: …, for whoever wonders at 3 a.m.")
		}
		if s.Project != "" && !k.hasProject(s.Project) {
			k.wrong(at+".project", fmt.Sprintf("there is no project %q", s.Project), nearest(s.Project, k.projectIDs()))
		}
	}
}

func (k *checker) hasProject(id string) bool {
	for _, p := range k.c.Projects {
		if p.ID == id {
			return true
		}
	}
	return false
}

func (k *checker) projectIDs() []string {
	var out []string
	for _, p := range k.c.Projects {
		out = append(out, p.ID)
	}
	return out
}

func (s Silence) document() orchestrator.Silence {
	by := s.By
	if by == "" {
		by = "the configuration"
	}
	return orchestrator.Silence{
		Project: s.Project, Environment: s.Environment, Component: s.Component, Source: s.Source, Name: s.Name,
		By: by, Reason: s.Reason, From: s.From.millis(), Until: s.Until.millis(),
	}
}
