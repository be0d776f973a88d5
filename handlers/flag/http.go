package flag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Request is a call that switches. Method is POST when empty.
type Request struct{ Method, URL, Body string }

// PageOptions name an address whose answer has the text Off while it is off and On
// while it is on.
type PageOptions struct {
	URL, Off, On string
	// Base, when set, is asked instead of the URL's host, with that as Host.
	Base string
	// Token is sent as a bearer token, when set.
	Token        string
	AllowPrivate []string
	Logger       *slog.Logger
}

// Page shows whether a switch is off or on; it is safe for concurrent use.
type Page struct {
	o    PageOptions
	http *outbound.Client
}

// NewPage makes a Page; it calls nothing.
func NewPage(o PageOptions) (*Page, error) {
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("flag: %q is no address", o.URL)
	}
	c, err := outbound.New(outbound.Options{Timeout: 5 * time.Second, MaxBody: 256 << 10, AllowPrivate: o.AllowPrivate, Logger: o.Logger, Redact: []string{o.Token}})
	if err != nil {
		return nil, fmt.Errorf("flag: %w", err)
	}
	return &Page{o: o, http: c}, nil
}

// Name is the address without its query.
func (p *Page) Name() string {
	name, _, _ := strings.Cut(p.o.URL, "?")
	return name
}

// Read asks for the page.
func (p *Page) Read(ctx context.Context) (string, error) {
	a, err := p.call(ctx, Request{Method: http.MethodGet, URL: p.o.URL})
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", p.Name(), err)
	}
	if a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable { // as a maintenance page answers
		return "", outbound.Refused(a, false, fmt.Sprintf("%s answers %d", p.Name(), a.Status))
	}
	off, on := strings.Contains(string(a.Body), p.o.Off), strings.Contains(string(a.Body), p.o.On)
	switch {
	case off == on:
		return "", nil
	case off:
		return orchestrator.SwitchOff, nil
	}
	return orchestrator.SwitchOn, nil
}

func (p *Page) call(ctx context.Context, r Request) (outbound.Answer, error) {
	out := outbound.Request{Method: r.Method, URL: r.URL, Header: http.Header{"Cache-Control": {"no-cache"}}}
	if p.o.Base != "" {
		u, err := url.Parse(r.URL)
		if err != nil {
			return outbound.Answer{}, fmt.Errorf("reading the address: %w", err)
		}
		out.Host, out.URL = u.Host, strings.TrimSuffix(p.o.Base, "/")+u.RequestURI()
	}
	if p.o.Token != "" {
		out.Header.Set("Authorization", "Bearer "+p.o.Token)
	}
	if r.Body != "" {
		out.Body = []byte(r.Body)
		out.Header.Set("Content-Type", "application/json")
	}
	return p.http.Do(ctx, out)
}

// httpSwitch is a service of the user's own that is told.
type httpSwitch struct {
	*Page
	off, on Request
}

// NewHTTP makes a Switch of two calls and a page that shows what is.
func NewHTTP(off, on Request, read PageOptions) (Switch, error) {
	if off.URL == "" || on.URL == "" {
		return nil, errors.New("flag: a switch needs an address for off and one for on")
	}
	p, err := NewPage(read)
	if err != nil {
		return nil, err
	}
	return &httpSwitch{Page: p, off: off, on: on}, nil
}

// Set makes the call once.
func (s *httpSwitch) Set(ctx context.Context, to string) error {
	r := s.on
	if to == orchestrator.SwitchOff {
		r = s.off
	}
	r.Method = cmp.Or(r.Method, http.MethodPost)
	name, _, _ := strings.Cut(r.URL, "?")
	a, err := s.call(ctx, r)
	if err != nil {
		return outbound.Doubt(fmt.Errorf("asking %s to switch %s: %w", name, to, err))
	}
	if a.Status < 200 || a.Status > 299 {
		return outbound.Refused(a, true, fmt.Sprintf("%s answers %d when asked to switch %s; check its address and token", name, a.Status, to))
	}
	return nil
}
