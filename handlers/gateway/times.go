package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of a time that can be written down: years 1 to 9999, in Unix
// milliseconds. secondsBelow is where a number stops being seconds.
const (
	earliest     = -62135596800000
	latest       = 253402300799999
	secondsBelow = 100_000_000_000
)

var errTime = errors.New("is no time: write RFC 3339, or seconds or milliseconds since 1970")

// millis reads a time as Unix milliseconds: RFC 3339, or a number of seconds or
// milliseconds. Missing, null, "" and the year 1 (Go's way of saying none) give
// 0. The very start of 1970 gives 1, because it was said, and 0 means that
// nothing was said.
func millis(raw json.RawMessage) (int64, error) {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return 0, nil
	}
	if text[0] == '"' {
		if len(text) > 1 && strings.IndexByte(text, '\\') < 0 {
			return millisOf(text[1 : len(text)-1])
		}
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return 0, errTime
		}
		return millisOf(s)
	}
	return millisOfNumber(text)
}

func millisOf(s string) (int64, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return millisOfNumber(s)
	}
	if t.IsZero() {
		return 0, nil
	}
	return said(t.UnixMilli())
}

func millisOfNumber(s string) (int64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, errTime
	}
	if math.Abs(f) < secondsBelow {
		f *= 1000
	}
	if f < earliest || f > latest {
		return 0, fmt.Errorf("%s is beyond any year that can be written", clip(s, 40))
	}
	return said(int64(f))
}

func said(ms int64) (int64, error) {
	if ms < earliest || ms > latest {
		return 0, errors.New("is beyond any year that can be written")
	}
	if ms == 0 {
		return 1, nil
	}
	return ms, nil
}
