package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// watching looks at what the running Backout asks by itself and whom it hears.
func (u *checkup) watching(c *cobra.Command, cf *clientFlags) {
	var w console.Watches
	if err := cf.client().get(c.Context(), "/api/v1/watches", nil, &w); err != nil {
		u.found(foundLook, "what is watched cannot be read: %v", err)
		return
	}
	for i := range w.Watches {
		level, text := watchLine(&w.Watches[i])
		u.found(level, "%s", text)
	}
	for _, up := range w.Upstreams {
		level := foundOK
		if up.Error != "" || up.Out {
			level = foundLook
		}
		u.found(level, "upstream %s: %s", up.ID, up.Says)
	}
	seen := map[string]bool{}
	for _, one := range w.Watches {
		seen[one.Name] = true
	}
	for _, s := range w.Sources {
		switch {
		case s.Silent:
			u.found(foundFix, "source %s is silent: heard %s, expected every %s", s.Source, heardAt(s.At), millis(s.Every))
		case s.At == 0:
			u.found(foundLook, "source %s was not heard yet, expected every %s", s.Source, millis(s.Every))
		case !seen[s.Source]:
			u.found(foundOK, "source %s: heard %s, expected every %s", s.Source, heardAt(s.At), millis(s.Every))
		}
	}
}

// watchLine says how a polled source is; one that cannot see is to be put right.
func watchLine(w *console.Watch) (level, text string) {
	text = fmt.Sprintf("%s: %s since %s, last entry %s", w.Name, w.Verdict, heardAt(w.Since), heardAt(w.At))
	if w.Text != "" {
		text += " (" + w.Text + ")"
	}
	switch w.Verdict {
	case orchestrator.ReadErrored:
		return foundFix, text
	case orchestrator.ReadFailed:
		return foundLook, text
	}
	return foundOK, text
}

func heardAt(ms int64) string {
	if ms == 0 {
		return "never"
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
