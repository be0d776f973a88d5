package github

import (
	"net/http"
	"strconv"
	"time"
)

// longestLimit is GitHub's own: a limit is over within the hour.
const longestLimit = time.Hour

// limits keeps what GitHub says of its limits within that. The library makes no call
// until the time that was said, so one wrong answer, or one of a proxy on the way,
// could silence it for good.
type limits struct {
	next http.RoundTripper
	now  func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (l *limits) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	latest := l.now().Add(longestLimit).Unix()
	atMost(resp.Header, "X-Ratelimit-Reset", latest)
	atMost(resp.Header, "Retry-After", int64(longestLimit/time.Second))
	return resp, nil
}

// atMost lowers a number of seconds; one that is too long for a number is too large.
func atMost(h http.Header, name string, most int64) {
	text := h.Get(name)
	if text == "" {
		return
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n <= most {
		return
	}
	h.Set(name, strconv.FormatInt(most, 10))
}
