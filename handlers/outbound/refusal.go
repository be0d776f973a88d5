package outbound

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Doubt marks the error of a call that may have changed something: in doubt once
// the request had left, otherwise as it is, which means that nothing was done.
func Doubt(err error) error {
	if Left(err) {
		return orchestrator.InDoubt(err)
	}
	return err
}

// standardWait is how long to wait after a 429 that does not say.
const standardWait = 10 * time.Second

// Refused turns the status of an answer that is no success into an error that says
// text: RetryAfter for 429, Permanent for any other 4xx, and for the rest InDoubt
// if the call was an effect, because a server that broke may have acted before.
func Refused(a Answer, effect bool, text string) error {
	err := errors.New(text)
	switch {
	case a.Status == http.StatusTooManyRequests:
		wait, ok := retryAfter(a.Header)
		if !ok {
			wait = standardWait
		}
		return orchestrator.RetryAfter(err, max(wait, time.Second))
	case a.Status == http.StatusRequestTimeout || a.Status >= http.StatusInternalServerError:
		if effect {
			return orchestrator.InDoubt(err)
		}
		return err
	}
	return orchestrator.Permanent(err)
}

// longestWait is how long an answer can make anybody wait: what asks for more is broken,
// and would have a read put off past the night it was for.
const longestWait = time.Hour

// retryAfter reads Retry-After: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int64(longestWait/time.Second))) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, time.Until(at)), longestWait), true
	}
	return 0, false
}
