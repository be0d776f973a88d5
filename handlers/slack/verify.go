package slack

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	api "github.com/slack-go/slack"
)

// window is how far a request's time may be from ours, in both directions.
const window = 5 * time.Minute

// proven reports why a request is not Slack's, or nil. Slack signs the time and
// the raw body (docs.slack.dev/authentication/verifying-requests-from-slack).
func proven(header http.Header, body []byte, secret string, now time.Time) error {
	seconds, err := strconv.ParseInt(header.Get("X-Slack-Request-Timestamp"), 10, 64)
	if err != nil {
		return errors.New("the request carries no time")
	}
	if age := now.Sub(time.Unix(seconds, 0)).Abs(); age > window {
		return fmt.Errorf("the request is %s off our clock", age.Round(time.Second))
	}
	verifier, err := api.NewSecretsVerifier(header, secret)
	if err != nil {
		return err
	}
	if _, err := verifier.Write(body); err != nil {
		return err
	}
	return verifier.Ensure()
}

// memory remembers what was taken for longer than a signature stays valid, in two
// generations, so that it needs no sweeping. What it forgets at a restart, the
// fold still knows by the command's id.
type memory struct {
	mu        sync.Mutex
	born      time.Time
	now, last map[string]bool
}

// lifetime is the longest time a signature can be valid: from five minutes before
// its timestamp until five minutes after it.
const lifetime = 2 * window

// first reports whether none of these marks was seen before, and remembers them.
func (m *memory) first(now time.Time, marks ...string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil || now.Sub(m.born) > lifetime {
		m.last, m.now, m.born = m.now, map[string]bool{}, now
	}
	fresh := true
	for _, mark := range marks {
		fresh = fresh && !m.now[mark] && !m.last[mark]
		m.now[mark] = true
	}
	return fresh
}
