package statuspage

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// pageEvery is how often a page is asked where the configuration names nothing; the
// pages are cached for about a minute by those who serve them.
const (
	pageEvery = time.Minute
	timeout   = 10 * time.Second
	maxBody   = 1 << 20
)

// Options name a page.
type Options struct {
	// ID is the upstream's, URL the address of its summary.json.
	ID, URL string
	// Every is the pause between two polls; 0 means a minute.
	Every time.Duration
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// Page is one status page; it implements orchestrator.Source. Not safe for concurrent
// use: a source is polled by one goroutine.
type Page struct {
	o    Options
	web  *outbound.Client
	etag string
	last orchestrator.Upstream
}

// New makes a page. It calls nothing.
func New(o Options) (*Page, error) {
	web, err := outbound.New(outbound.Options{Timeout: timeout, AllowPrivate: o.AllowPrivate, MaxBody: maxBody, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("status page of %s: %w", o.ID, err)
	}
	return &Page{o: o, web: web}, nil
}

// Name implements orchestrator.Source.
func (p *Page) Name() string { return "statuspage/" + p.o.ID }

// Every is how often the page is asked.
func (p *Page) Every() time.Duration {
	if p.o.Every > 0 {
		return p.o.Every
	}
	return pageEvery
}

// Poll implements orchestrator.Source. A page that has not changed gives the reading
// before, so that an instance that takes over says it too.
func (p *Page) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	at := time.Now().UnixMilli()
	u, err := p.read(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		u = orchestrator.Upstream{Error: err.Error()}
	}
	u.ID, u.At = p.o.ID, at
	return []orchestrator.Record{{Upstream: &u}}, nil
}

func (p *Page) read(ctx context.Context) (orchestrator.Upstream, error) {
	header := http.Header{"Accept": {"application/json"}}
	if p.etag != "" {
		header.Set("If-None-Match", p.etag)
	}
	a, err := p.web.Do(ctx, outbound.Request{Method: http.MethodGet, URL: p.o.URL, Header: header})
	switch {
	case err != nil:
		return orchestrator.Upstream{}, err
	case a.Status == http.StatusNotModified && p.etag != "":
		return p.last, nil
	case a.Status != http.StatusOK:
		return orchestrator.Upstream{}, fmt.Errorf("it answered %d", a.Status)
	}
	u, err := DecodeSummary(a.Body)
	if err != nil {
		p.etag = ""
		return orchestrator.Upstream{}, err
	}
	p.etag, p.last = a.Header.Get("ETag"), u
	return u, nil
}
