package outbound

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"
)

// The limits of a call where Options names none.
const (
	defaultTimeout = 8 * time.Second
	defaultMaxBody = 4 << 20
)

// Options are the limits of a client.
type Options struct {
	// Timeout bounds one exchange, its answer read to the end; 0 means 8 s.
	Timeout time.Duration
	// AllowPrivate lists what may be called although it is private, loopback or
	// link-local: networks (10.1.0.0/16), addresses, or host:port as configured.
	AllowPrivate []string
	// MaxBody is the largest answer read, in bytes; 0 means 4 MiB.
	MaxBody int64
	// Logger gets a line per call at debug level; nil discards.
	Logger *slog.Logger
	// Redact lists secrets that never appear in a log line or an error. Those of 8 bytes
	// and more are also taken out of answers, which some systems repeat them in.
	Redact []string
}

// Client calls outside systems; it is safe for concurrent use.
type Client struct {
	// HTTP is the same client for an SDK that brings its own requests. Its calls
	// have no repeats; Left judges their errors too.
	HTTP    *http.Client
	secrets *strings.Replacer
}

// New makes a client; the error names an entry of AllowPrivate that is no address.
func New(o Options) (*Client, error) {
	guard, err := newGuard(o.AllowPrivate)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Timeout, o.MaxBody = cmp.Or(o.Timeout, defaultTimeout), cmp.Or(o.MaxBody, defaultMaxBody)
	c := &Client{secrets: replacer(o.Redact)}
	c.HTTP = &http.Client{
		Transport: newTransport(guard, o, c.secrets),
		Timeout:   o.Timeout + time.Second, // The transport's deadline comes first and keeps the cause.
		// A redirect would carry the credential elsewhere; the handler sees the 3xx.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// redacted stands where a secret stood.
const redacted = "[redacted]"

func replacer(secrets []string) *strings.Replacer {
	var pairs []string
	for _, secret := range secrets {
		if secret != "" {
			pairs = append(pairs, secret, redacted)
		}
	}
	return strings.NewReplacer(pairs...)
}

// Request is one call; Body may be nil, Host replaces the address's own.
type Request struct {
	Method, URL, Host string
	Header            http.Header
	Body              []byte
	// Once forbids repeats of a GET.
	Once bool
}

// Answer is what came back, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a call. A GET that failed or was put off is made up to three times; a
// call that may change something is made once, whatever happens. Any status is an
// answer; an error means that there was none, and Left tells how far it got.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	for try := 0; ; try++ {
		answer, err := c.once(ctx, r)
		wait, again := repeat(r, answer, err, try)
		if !again || !pause(ctx, wait) {
			return answer, err
		}
	}
}

func (c *Client) once(ctx context.Context, r Request) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("making the request (check the configured address): %w", c.hide(err))
	}
	maps.Copy(req.Header, r.Header)
	if r.Host != "" {
		req.Host = r.Host
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, c.hide(err)
	}
	defer resp.Body.Close() //nolint:errcheck // Closing after reading to the end has nothing left to tell.
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, c.hide(err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

const (
	maxTries  = 3
	firstWait = 100 * time.Millisecond
	longWait  = 2 * time.Second // A longer Retry-After is the caller's to wait out.
)

// repeat says whether a call may and should be made again, and when.
func repeat(r Request, a Answer, err error, try int) (time.Duration, bool) {
	if r.Method != http.MethodGet || r.Once || try+1 >= maxTries || timedOut(err) {
		return 0, false
	}
	wait := firstWait << try
	if err != nil {
		return wait, true
	}
	if asked, ok := retryAfter(a.Header); ok {
		wait = asked
	}
	put := a.Status == http.StatusTooManyRequests || a.Status >= http.StatusInternalServerError
	return wait, put && wait <= longWait
}

// pause waits for d; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
