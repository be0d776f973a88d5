package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
)

// statusPage is a provider's public status page in the shape Atlassian's pages have.
type statusPage struct {
	mu   sync.Mutex
	says statusSetup
}

// statusSetup is the body of POST /_sandbox/setup: what the page says. An empty
// Incident is none.
type statusSetup struct {
	Indicator  string   `json:"indicator"` // none, minor, major or critical
	Incident   string   `json:"incident"`
	Impact     string   `json:"impact"`
	Components []string `json:"components"`
	Down       bool     `json:"down"` // the page itself cannot be read
}

func newStatusPage() *statusPage { return &statusPage{says: statusSetup{Indicator: "none"}} }

func (s *statusPage) name() string { return "statuspage" }

func (s *statusPage) redact(body []byte) string { return string(body) }

func (s *statusPage) admit(*request) (answer, bool) { return answer{}, true }

func (s *statusPage) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return asText(http.StatusTooManyRequests, "Too Many Requests\n")
	case refuseUnknown:
		return asText(http.StatusNotFound, "Not Found\n")
	case refuseBroken, refuseRevoked, refuseTooBig:
	}
	return asText(http.StatusInternalServerError, "Internal Server Error\n")
}

func (s *statusPage) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /api/v2/summary.json", endpoint(s.summary))
	return mux
}

func (s *statusPage) summary(r *request) answer {
	says := s.saying()
	if says.Down {
		return asText(http.StatusServiceUnavailable, "Service Unavailable\n")
	}
	a := asJSON(http.StatusOK, says.body())
	sum := sha256.Sum256(a.body)
	tag := `W/"` + hex.EncodeToString(sum[:8]) + `"`
	if r.Header.Get("If-None-Match") == tag {
		a = answer{status: http.StatusNotModified}
	}
	return a.with("ETag", tag).with("Cache-Control", "max-age=0, private, must-revalidate")
}

func (s *statusSetup) body() object {
	components, incidents := []object{}, []object{}
	for _, name := range s.Components {
		components = append(components, object{"id": name, "name": name, "status": "major_outage", "group": false})
	}
	if s.Incident != "" {
		incidents = append(incidents, object{
			"id": "inc1", "name": s.Incident, "status": "investigating", "impact": s.Impact, "shortlink": "https://stspg.io/inc1", "components": components,
			"incident_updates": []object{{"id": "upd1", "status": "investigating", "body": s.Incident}},
		})
	}
	return object{
		"page": object{"id": "page1", "name": "Stand-in", "time_zone": "Etc/UTC"}, "status": object{"indicator": s.Indicator, "description": s.Indicator},
		"components": components, "incidents": incidents, "scheduled_maintenances": []object{},
	}
}

func (s *statusPage) saying() statusSetup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.says
}

func (s *statusPage) state() any { return s.saying() }

func (s *statusPage) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in statusSetup) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.says = in
			return in, nil
		})
	})
}
