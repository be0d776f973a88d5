package console

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

//go:embed status.html
var statusHTML string

// component is a line of the public page.
type component struct {
	Name   string    `json:"name"`
	Status string    `json:"status"`
	Text   string    `json:"text,omitempty"`
	Since  time.Time `json:"updated_at,omitzero"`
}

// StatusPage serves the public page at /status, and its JSON in the shape of
// Statuspage's summary.json at /status/api/v2/summary.json.
func StatusPage(b Backend) (http.Handler, error) {
	page, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return nil, err
	}
	read := &statusCache{backend: b}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		list, err := read.components(r.Context())
		if err != nil {
			http.Error(w, "the status is not known at the moment", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=10")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		_ = page.Execute(w, map[string]any{"Components": list, "Overall": overall(list)})
	})
	mux.HandleFunc("GET /status/api/v2/summary.json", func(w http.ResponseWriter, r *http.Request) {
		list, err := read.components(r.Context())
		if err != nil {
			fail(w, http.StatusServiceUnavailable, "the status is not known at the moment")
			return
		}
		write(w, http.StatusOK, map[string]any{"page": map[string]string{"name": "Status"}, "status": overall(list), "components": list})
	})
	return mux, nil
}

// cacheFor is how long the page may be old: everybody reloads it at once when
// something is down, and must not keep the engine busy.
const cacheFor = 2 * time.Second

// statusCache remembers the page's content for a moment.
type statusCache struct {
	backend Backend
	mu      sync.Mutex
	list    []component
	read    time.Time
}

func (c *statusCache) components(ctx context.Context) ([]component, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.read) < cacheFor {
		return c.list, nil
	}
	list, err := components(ctx, c.backend)
	if err == nil {
		c.list, c.read = list, time.Now()
	}
	return list, err
}

// components reads what the page says of every component, the private never.
func components(ctx context.Context, b Backend) ([]component, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	list := []component{}
	err := b.Read(ctx, 0, func(s *orchestrator.State) error {
		posts := map[string]orchestrator.StatusPost{}
		for _, p := range s.Status() {
			posts[p.Project+"/"+p.Component] = p
		}
		for _, pr := range s.Config().Projects {
			for _, c := range pr.Components {
				list = append(list, line(c, posts[pr.ID+"/"+c.ID]))
			}
		}
		return nil
	})
	return list, err
}

func line(c orchestrator.Component, post orchestrator.StatusPost) component {
	name := c.Title["en"]
	if name == "" {
		name = c.ID
	}
	out := component{Name: name, Status: "operational"}
	if post.Kind == "" {
		return out
	}
	out.Text, out.Since = post.Text, at(post.At)
	if post.Kind != "resolved" {
		out.Status = "partial_outage"
	}
	return out
}

func overall(list []component) map[string]string {
	for _, c := range list {
		if c.Status != "operational" {
			return map[string]string{"indicator": "major", "description": "Some systems have a problem"}
		}
	}
	return map[string]string{"indicator": "none", "description": "All systems operational"}
}
