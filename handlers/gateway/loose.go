package gateway

import "encoding/json"

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
