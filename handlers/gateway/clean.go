package gateway

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aimarketplace/backout/orchestrator"
)

// How long texts may be, in bytes. The raw body keeps what is cut off.
const (
	maxTitle     = 300
	maxText      = 1000
	maxWord      = 256
	maxID        = 256
	maxReason    = 400
	maxExcerpt   = 512
	maxLabels    = 64
	maxLabelText = 8 << 10
	maxEventIDs  = 64
)

// cleaner makes the texts of one item fit for the log and remembers whether
// something was cut off.
type cleaner struct{ lost bool }

// text masks secrets, drops control characters and clips.
func (c *cleaner) text(s string, limit int) string {
	out := printable(s)
	out, _ = Mask(out)
	if len(out) <= limit {
		return out
	}
	c.lost = true
	return clip(out, limit)
}

// labels cleans at most 64 labels, the first by name when there are more. Labels
// that are fit as they are, as nearly all are, stay the same map.
func (c *cleaner) labels(in map[string]string) map[string]string {
	if fitLabels(in) {
		return in
	}
	out := make(map[string]string, min(len(in), maxLabels))
	size := 0
	for _, k := range slices.Sorted(maps.Keys(in)) {
		key, value := c.text(k, maxWord), c.text(in[k], maxWord)
		size += len(key) + len(value)
		if len(out) >= maxLabels || size > maxLabelText {
			c.lost = true
			break
		}
		out[key] = value
	}
	return out
}

// fullLabels cleans labels and leaves empty ones out.
func (c *cleaner) fullLabels(labels map[string]string) map[string]string {
	maps.DeleteFunc(labels, func(k, v string) bool { return k == "" || v == "" })
	return c.labels(labels)
}

// fitLabels reports that no label needs a change.
func fitLabels(in map[string]string) bool {
	if len(in) > maxLabels {
		return false
	}
	size := 0
	for k, v := range in {
		size += len(k) + len(v)
		if size > maxLabelText || cleanText(k, maxWord) != k || cleanText(v, maxWord) != v {
			return false
		}
	}
	return true
}

// cleanText is text without the memory.
func cleanText(s string, limit int) string {
	var c cleaner
	return c.text(s, limit)
}

// clip cuts at a whole character.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

// printable replaces line breaks, tabs and every kind of blank by a blank, drops other
// control characters, what takes no room, and marks that turn the reading direction,
// and mends broken UTF-8.
func printable(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Z, r):
			return ' '
		case unicode.IsControl(r) || hidden(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Noncharacter_Code_Point, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// hidden: a character that is not to be seen and joins nothing, so that two words with
// and without it look the same. The joiners of emoji and of Persian stay.
func hidden(r rune) bool {
	switch r {
	case '\u00ad', '\u180e', '\u200b', '\u2060', '\ufeff':
		return true
	}
	return r >= 0xe0000 && r <= 0xe007f
}

// isPlain reports that a text is printable ASCII, as nearly all are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// CleanEvent makes the texts of an event that was read, not told, fit for the log.
func CleanEvent(ev *orchestrator.Event) {
	var c cleaner
	ev.ID, ev.Fingerprint = cleanID(ev.ID, nil), cleanID(ev.Fingerprint, nil)
	ev.Name, ev.Summary, ev.URL = c.text(ev.Name, maxTitle), c.text(ev.Summary, maxText), c.text(ev.URL, maxText)
	ev.Labels = c.fullLabels(ev.Labels)
}
