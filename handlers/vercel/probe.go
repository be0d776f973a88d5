package vercel

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aimarketplace/backout/handlers/outbound"
)

// probe is what a production domain itself said.
type probe struct {
	// deployment is from its build marker; empty without one.
	deployment string
	// reached tells whether a deployment answered at all, well or ill.
	reached bool
}

// probe asks a domain for its build marker, or only whether it answers. An older
// build has no marker: any answer then counts, and Vercel's record says whose it is.
func (c *Client) probe(ctx context.Context, host, path, field string) probe {
	r := outbound.Request{Method: http.MethodHead, URL: "https://" + host, Once: true, Header: http.Header{"Cache-Control": {"no-cache"}}}
	if c.probeBase != "" {
		r.URL, r.Host = c.probeBase, host
	}
	if path != "" {
		r.Method = http.MethodGet
	}
	r.URL += "/" + strings.TrimPrefix(path, "/")
	a, err := c.web.Do(ctx, r)
	if err != nil {
		return probe{}
	}
	// Vercel's own pages, such as DEPLOYMENT_NOT_FOUND and DEPLOYMENT_PAUSED, come
	// from no deployment; a function that broke is an answer of the deployment.
	if strings.HasPrefix(a.Header.Get("x-vercel-error"), "DEPLOYMENT_") {
		return probe{}
	}
	p := probe{reached: true}
	if path != "" && a.Status == http.StatusOK {
		p.deployment = marker(a.Body, field)
	}
	return p
}

// marker reads a deployment id from JSON; field is a key, or keys joined by dots.
func marker(body []byte, field string) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	for key := range strings.SplitSeq(field, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = object[key]
	}
	if id, ok := v.(string); ok && isDeployment.MatchString(id) {
		return id
	}
	return ""
}
