package vercel

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aimarketplace/backout/handlers/outbound"
)

// Reached is what a domain answers to a visitor.
type Reached struct {
	Status int
	// Redirect is the host it sends visitors to.
	Redirect string
	// Failed is Vercel's own word for a page of no deployment, such as
	// DEPLOYMENT_NOT_FOUND.
	Failed string
	// Deployment is from the build marker; empty when none was asked for or it names none.
	Deployment string
}

// Reach asks a domain once, for its front page or for the build marker at a path.
// The error is that nothing answers.
func (c *Client) Reach(ctx context.Context, host, path, field string) (Reached, error) {
	r := outbound.Request{Method: http.MethodGet, URL: "https://" + host, Header: http.Header{"Cache-Control": {"no-cache"}}}
	if c.probeBase != "" {
		r.URL, r.Host = c.probeBase, host
	}
	r.URL += "/" + strings.TrimPrefix(path, "/")
	a, err := c.web.Do(ctx, r)
	if err != nil {
		return Reached{}, fmt.Errorf("asking %s: %w", host, err)
	}
	seen := Reached{Status: a.Status, Failed: a.Header.Get("x-vercel-error")}
	if to, err := url.Parse(a.Header.Get("Location")); err == nil && a.Status >= 300 && a.Status < 400 {
		seen.Redirect = to.Host
	}
	if path != "" && a.Status == http.StatusOK {
		seen.Deployment = marker(a.Body, field)
	}
	return seen, nil
}
