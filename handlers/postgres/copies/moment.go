package copies

import (
	"encoding/json"
	"fmt"
	"time"
)

// Moment is a time of an input: RFC 3339, or Unix milliseconds as plans have them. 0 and
// the empty text are no time.
type Moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *Moment) UnmarshalJSON(data []byte) error {
	var ms int64
	if json.Unmarshal(data, &ms) == nil {
		if ms > 0 {
			m.Time = time.UnixMilli(ms)
		}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("%s is no time; write Unix milliseconds, or one like 2026-11-23T02:00:00Z", data)
	}
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("%q is no time; write Unix milliseconds, or one like 2026-11-23T02:00:00Z", text)
	}
	m.Time = at
	return nil
}
