package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// transport notes how far each request got, caps its answer and logs the call
// without query, headers and bodies, which may carry secrets.
type transport struct {
	next    http.RoundTripper
	timeout time.Duration
	maxBody int64
	log     *slog.Logger
	secrets *strings.Replacer
	scrub   *scrubber
}

// newTransport takes no proxy from the environment: behind a proxy the guard
// would see the proxy's address and nothing else.
func newTransport(g *guard, o Options, secrets *strings.Replacer) *transport {
	return &transport{
		next: &http.Transport{
			DialContext: g.dial, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		},
		timeout: o.Timeout, maxBody: o.MaxBody, log: o.Logger, secrets: secrets, scrub: newScrubber(o.Redact),
	}
}

// RoundTrip makes an exchange; its errors are judged by Left. The deadline is kept
// here because http.Client's own would hide how far the request got.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var left atomic.Bool
	ctx, cancel := context.WithTimeout(r.Context(), t.timeout)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport takes another connection only if the first one got nothing.
		GetConn:      func(string) { left.Store(false) },
		WroteHeaders: func() { left.Store(true) },
	})
	started := time.Now()
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	line := []slog.Attr{
		slog.String("method", r.Method), slog.String("host", t.secrets.Replace(r.URL.Host)),
		slog.String("path", t.secrets.Replace(r.URL.Path)), slog.Duration("took", time.Since(started)),
	}
	if err != nil {
		cancel()
		t.log.LogAttrs(ctx, slog.LevelDebug, "outside call failed", append(line, slog.String("error", t.secrets.Replace(err.Error())))...)
		return nil, &exchangeError{left: left.Load(), err: err}
	}
	t.log.LogAttrs(ctx, slog.LevelDebug, "outside call answered", append(line, slog.Int("status", resp.StatusCode))...)
	resp.Body = &cappedBody{ReadCloser: resp.Body, max: t.maxBody, done: cancel}
	t.scrub.answer(resp)
	return resp, nil
}

// cappedBody refuses an answer that is too long instead of cutting it.
type cappedBody struct {
	io.ReadCloser
	max, read int64
	done      context.CancelFunc
}

// Close ends the exchange and with it the deadline's timer.
func (b *cappedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	switch {
	case b.read > b.max:
		return 0, &exchangeError{left: true, err: fmt.Errorf("the answer is longer than %d bytes", b.max)}
	case err != nil && !errors.Is(err, io.EOF):
		return n, &exchangeError{left: true, err: err}
	}
	return n, err
}

// exchangeError is a call without a complete answer.
type exchangeError struct {
	left bool
	err  error
	text string // replaces err's text when secrets were hidden
}

func (e *exchangeError) Error() string {
	if e.text != "" {
		return e.text
	}
	return e.err.Error()
}

func (e *exchangeError) Unwrap() error { return e.err }

// Left tells whether the request had left this machine when err happened, so that
// the outside may have acted on it. False means that nothing was done.
func Left(err error) bool {
	var e *exchangeError
	return errors.As(err, &e) && e.left
}

// Unsent tells whether err came before the request had left this machine. For
// errors of an SDK it is the safer question: what is neither was sent, or may be.
func Unsent(err error) bool {
	var e *exchangeError
	return errors.As(err, &e) && !e.left
}

// hide says err in words without secrets and without the address's query.
func (c *Client) hide(err error) error {
	cause := err
	if u, ok := errors.AsType[*url.Error](err); ok {
		cause = u.Err
	}
	text := cause.Error()
	if timedOut(err) {
		text = "no answer in time"
	}
	return &exchangeError{left: Left(err), err: err, text: c.secrets.Replace(text)}
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &n) && n.Timeout())
}
