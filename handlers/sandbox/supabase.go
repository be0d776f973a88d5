package sandbox

import (
	"net/http"
	"slices"
	"sync"
)

// supabase answers how the services of any project are.
type supabase struct {
	token string

	mu   sync.Mutex
	ills supabaseSetup
}

// supabaseSetup is the body of POST /_sandbox/setup.
type supabaseSetup struct {
	Unhealthy []string `json:"unhealthy"` // services, such as db
	// PITR gives the projects point-in-time recovery, from Earliest to Latest in Unix
	// seconds; Status is what they are, ACTIVE_HEALTHY when empty.
	PITR     bool   `json:"pitr"`
	Earliest int64  `json:"earliest"`
	Latest   int64  `json:"latest"`
	Status   string `json:"status"`
	// Restores are the moments that were asked for, in Unix seconds. A restore makes the
	// projects RESTORING until the next setup.
	Restores []int64 `json:"restores,omitempty"`
}

func newSupabase(o Options) *supabase { return &supabase{token: o.Token} }

func (s *supabase) name() string { return "supabase" }

func (s *supabase) redact(body []byte) string { return string(body) }

func (s *supabase) admit(r *request) (answer, bool) {
	token := bearer(r.Request)
	if token == "" || (s.token != "" && token != s.token) {
		return s.refuse(refuseRevoked), false
	}
	return answer{}, true
}

func (s *supabase) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return asJSON(http.StatusTooManyRequests, object{"message": "ThrottlerException: Too Many Requests"})
	case refuseRevoked:
		return asJSON(http.StatusUnauthorized, object{"message": "Unauthorized"})
	case refuseUnknown:
		return asJSON(http.StatusNotFound, object{"message": "Not Found"})
	case refuseBroken, refuseTooBig:
	}
	return asJSON(http.StatusInternalServerError, object{"message": "Failed to retrieve project's service health status"})
}

func (s *supabase) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/projects/{ref}/health", endpoint(s.health))
	mux.Handle("GET /v1/projects/{ref}", endpoint(s.project))
	mux.Handle("GET /v1/projects/{ref}/database/backups", endpoint(s.backups))
	mux.Handle("POST /v1/projects/{ref}/database/backups/restore-pitr", endpoint(s.restore))
	return mux
}

func (s *supabase) health(r *request) answer {
	asked := r.URL.Query()["services"]
	if len(asked) == 0 {
		return asJSON(http.StatusBadRequest, object{"message": "services must contain at least 1 elements"})
	}
	ills := s.trouble()
	all := []object{}
	for _, name := range asked {
		one := object{"name": name, "healthy": true, "status": "ACTIVE_HEALTHY"}
		if slices.Contains(ills.Unhealthy, name) {
			one = object{"name": name, "healthy": false, "status": "UNHEALTHY", "error": "no answer from " + name}
		}
		all = append(all, one)
	}
	return asJSON(http.StatusOK, all)
}

func (s *supabase) trouble() supabaseSetup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ills
}

func (s *supabase) state() any { return s.trouble() }

func (s *supabase) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in supabaseSetup) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ills = in
			return in, nil
		})
	})
}
