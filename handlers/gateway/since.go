package gateway

import (
	"fmt"
	"time"
)

// since reads when something began: 02:00 (the last time it was two o'clock),
// 40m (ago), RFC 3339, or seconds or milliseconds since 1970. It gives Unix
// milliseconds.
func (s Speech) since(text string) (int64, error) {
	if clock, err := time.Parse("15:04", text); err == nil && !s.Now.IsZero() {
		y, m, d := s.Now.Date()
		at := time.Date(y, m, d, clock.Hour(), clock.Minute(), 0, 0, s.Now.Location())
		if at.After(s.Now) {
			at = at.AddDate(0, 0, -1)
		}
		return at.UnixMilli(), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 && !s.Now.IsZero() {
		return s.Now.Add(-ago).UnixMilli(), nil
	}
	ms, err := millisOf(text)
	if err != nil || ms == 0 {
		return 0, fmt.Errorf("--since %q is no time: say 02:00, 40m (ago) or 2026-11-23T02:00:00Z", clip(text, 40))
	}
	return ms, nil
}

// until reads when something ends: 18:00 (the next time it is six o'clock), 4h (from
// now), RFC 3339, or seconds or milliseconds since 1970. It gives Unix milliseconds.
func (s Speech) until(text string) (int64, error) {
	if clock, err := time.Parse("15:04", text); err == nil && !s.Now.IsZero() {
		y, m, d := s.Now.Date()
		at := time.Date(y, m, d, clock.Hour(), clock.Minute(), 0, 0, s.Now.Location())
		if !at.After(s.Now) {
			at = at.AddDate(0, 0, 1)
		}
		return at.UnixMilli(), nil
	}
	if in, err := time.ParseDuration(text); err == nil && in > 0 && !s.Now.IsZero() {
		return s.Now.Add(in).UnixMilli(), nil
	}
	ms, err := millisOf(text)
	if err != nil || ms == 0 {
		return 0, fmt.Errorf("--until %q is no time: say 18:00, 4h (from now) or 2026-11-23T02:00:00Z", clip(text, 40))
	}
	return ms, nil
}
