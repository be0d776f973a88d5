package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// parcel is a webhook on its way out.
type parcel struct {
	after  time.Duration // how late it is delivered
	url    string
	header map[string]string
	body   []byte
}

// courier delivers webhooks late and at least once, as the real senders do:
// any 2xx is a delivery, everything else is tried again with growing pauses.
type courier struct {
	ctx    context.Context // ends with the sandbox; parcels still on the way are lost
	client *http.Client
	log    *slog.Logger
	mu     sync.Mutex // keeps wait from missing a trip that is just starting
	closed bool
	trips  sync.WaitGroup
}

// maxTries bounds a delivery; pauses of 1, 2, 4 ... s make it about half a minute.
const maxTries = 6

func startCourier(ctx context.Context, log *slog.Logger) *courier {
	return &courier{ctx: ctx, log: log, client: &http.Client{
		Timeout:       30 * time.Second, // Vercel waits that long (WHDOC).
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post sends a parcel in the background.
func (c *courier) post(p parcel) { c.background(func() { c.deliver(p) }) }

// later runs do after a while, unless the sandbox closes first.
func (c *courier) later(after time.Duration, do func()) {
	c.background(func() {
		if c.pause(after) {
			do()
		}
	})
}

func (c *courier) background(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.trips.Go(do)
	}
}

// wait returns when no parcel is on the way; call it after ctx ended.
func (c *courier) wait() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.trips.Wait()
	c.client.CloseIdleConnections()
}

func (c *courier) deliver(p parcel) {
	pause := time.Second
	for try := range maxTries {
		if !c.pause(p.after) {
			return
		}
		err := c.once(p)
		if err == nil {
			return
		}
		c.log.Warn("webhook not delivered", "url", p.url, "try", try+1, "error", err)
		p.after, pause = pause, 2*pause
	}
}

// pause waits on a timer; false means the sandbox is closing.
func (c *courier) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// round is a delivery in the sender's own time: a try after each pause until one
// gets the answer that the sender takes for success, which it is told.
type round struct {
	pauses    []time.Duration
	parcel    func(try int) parcel
	taken     func(status int) bool
	delivered func()
}

// tour makes a round in the background.
func (c *courier) tour(r round) {
	c.background(func() {
		for try, pause := range r.pauses {
			if !c.pause(pause) {
				return
			}
			p := r.parcel(try)
			if p.url == "" {
				continue // it is withheld for now
			}
			status, err := c.send(p)
			if err == nil && r.taken(status) {
				r.delivered()
				return
			}
			c.log.Warn("webhook not delivered", "url", p.url, "try", try+1, "status", status, "error", err)
		}
	})
}

func (c *courier) once(p parcel) error {
	status, err := c.send(p)
	if err == nil && status/100 != 2 {
		return fmt.Errorf("the receiver answered %d %s", status, http.StatusText(status))
	}
	return err
}

// send posts a parcel and answers what the receiver's status was.
func (c *courier) send(p parcel) (status int, err error) {
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return 0, fmt.Errorf("addressing the webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	for k, v := range p.header {
		r.Header.Set(k, v)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("posting the webhook: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return 0, fmt.Errorf("closing the answer: %w", err)
	}
	return resp.StatusCode, nil
}
