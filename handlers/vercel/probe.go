package vercel

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/handlers/outbound"
)

// maxHops is how many redirects of a domain are followed.
const maxHops = 3

// probe is what a production domain itself said.
type probe struct {
	// deployment is from its build marker; empty without one.
	deployment string
	// reached tells whether a deployment answered at all, well or ill.
	reached bool
	// via is the host that answered when the domain leads to another.
	via string
	// cached says by which sign the answer came from another cache in front of
	// Vercel: then it is no word of the deployment.
	cached string
}

// probe asks a domain for its build marker, or only whether it answers. An older
// build has no marker: any answer then counts, and Vercel's record says whose it is.
// It asks past any cache in front, and follows where the domain leads.
func (c *Client) probe(ctx context.Context, host, path, field string) probe {
	at := &url.URL{Scheme: "https", Host: host, Path: "/" + strings.TrimPrefix(path, "/")}
	p := probe{}
	for range maxHops {
		a, err := c.visit(ctx, at, path != "")
		if err != nil {
			return probe{via: p.via}
		}
		next := leads(at, a)
		if next == nil || next.Host == at.Host && path == "" {
			return p.heard(a, path != "", field)
		}
		if next.Host != at.Host {
			p.via = next.Host
			next.Path = at.Path // the marker's, whatever page visitors are sent to
		}
		at = next
	}
	return probe{via: p.via}
}

// visit makes one request; the query is new each time, so that a cache that goes by
// addresses has not seen it.
func (c *Client) visit(ctx context.Context, at *url.URL, page bool) (outbound.Answer, error) {
	r := outbound.Request{
		Method: http.MethodHead, URL: "https://" + at.Host, Once: true,
		Header: http.Header{"Cache-Control": {"no-cache, no-store"}, "Pragma": {"no-cache"}},
	}
	if page {
		r.Method = http.MethodGet
	}
	if c.probeBase != "" {
		r.URL, r.Host = c.probeBase, at.Host
	}
	r.URL += at.EscapedPath() + "?_backout=" + strconv.FormatInt(c.now().UnixNano(), 36)
	return c.web.Do(ctx, r)
}

// leads is where an answer sends visitors, nil when it is the answer itself.
func leads(from *url.URL, a outbound.Answer) *url.URL {
	if a.Status < 300 || a.Status >= 400 {
		return nil
	}
	to, err := from.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" || to.Host == "" || to.Scheme != "https" && to.Scheme != "http" {
		return nil
	}
	return to
}

func (p probe) heard(a outbound.Answer, page bool, field string) probe {
	// Vercel's own pages, such as DEPLOYMENT_NOT_FOUND and DEPLOYMENT_PAUSED, come
	// from no deployment; a function that broke is an answer of the deployment.
	if strings.HasPrefix(a.Header.Get("x-vercel-error"), "DEPLOYMENT_") {
		return probe{via: p.via}
	}
	if p.cached = foreignCache(a.Header); p.cached != "" {
		return p
	}
	p.reached = true
	if page && a.Status == http.StatusOK {
		p.deployment = marker(a.Body, field)
	}
	return p
}

// foreignCache says by which header an answer shows that another cache gave it. What
// Vercel's own cache keeps belongs to the deployment and is no such sign.
func foreignCache(h http.Header) string {
	for _, name := range []string{"CF-Cache-Status", "X-Cache"} {
		value := h.Get(name)
		for _, hit := range []string{"hit", "stale", "updating", "revalidated"} {
			if strings.Contains(strings.ToLower(value), hit) {
				return name + ": " + value
			}
		}
	}
	age, err := strconv.Atoi(h.Get("Age"))
	switch strings.ToUpper(h.Get("x-vercel-cache")) {
	case "HIT", "STALE", "PRERENDER", "REVALIDATED":
		return ""
	}
	if err == nil && age > 0 {
		return "Age: " + strconv.Itoa(age)
	}
	return ""
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
