package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
)

// loose reads a string or a number as text, and anything else as nothing.
type loose string

// UnmarshalJSON fails on broken strings only, which the decoder finds before.
func (l *loose) UnmarshalJSON(raw []byte) error {
	*l = ""
	switch {
	case len(raw) == 0:
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*l = loose(s)
	case isDigit(raw[0]) || raw[0] == '-':
		*l = loose(raw)
	}
	return nil
}

// firstText is the first that is not empty.
func firstText(all ...loose) string {
	for _, s := range all {
		if s != "" {
			return string(s)
		}
	}
	return ""
}

// stamp tells one delivery from the next: by its time, or by its body.
func (d Delivery) stamp(at int64) string {
	if at != 0 {
		return strconv.FormatInt(at, 10)
	}
	sum := sha256.Sum256(d.Body)
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// fullLabels cleans labels and leaves empty ones out.
func (c *cleaner) fullLabels(labels map[string]string) map[string]string {
	maps.DeleteFunc(labels, func(k, v string) bool { return k == "" || v == "" })
	return c.labels(labels)
}
