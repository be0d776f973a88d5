package sandbox

import (
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// sentry answers what it knows of releases, in the shape of Sentry's web API.
type sentry struct {
	token string
	now   func() time.Time
	lag   time.Duration

	mu       sync.Mutex
	releases map[string]sentryRelease
}

// sentrySetup is the body of POST /_sandbox/setup: what happened in a release.
type sentrySetup struct {
	Release   string `json:"release"`
	Events    int    `json:"events"`
	NewIssues int    `json:"new_issues"`
}

// sentryRelease is a release: what it says from visible on, and what it said before.
type sentryRelease struct {
	sentrySetup
	before  sentrySetup
	visible time.Time
}

// sentryPage is how many issues a page holds.
const sentryPage = 100

func newSentry(o Options) *sentry {
	return &sentry{token: o.Token, now: o.Now, lag: o.MaxLag, releases: map[string]sentryRelease{}}
}

func (s *sentry) name() string { return "sentry" }

func (s *sentry) redact(body []byte) string { return string(body) }

func (s *sentry) admit(r *request) (answer, bool) {
	token := bearer(r.Request)
	if token == "" || (s.token != "" && token != s.token) {
		return s.refuse(refuseRevoked), false
	}
	return answer{}, true
}

func (s *sentry) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		// Retry-After is not always there; when the limit begins anew always is.
		return s.limits(asJSON(http.StatusTooManyRequests, object{"detail": "You are attempting to use this endpoint too frequently. Limit is 40 requests in 1 seconds"}), 0)
	case refuseRevoked:
		return asJSON(http.StatusUnauthorized, object{"detail": "Invalid token"})
	case refuseUnknown:
		return asJSON(http.StatusNotFound, object{"detail": "The requested resource does not exist"})
	case refuseBroken, refuseTooBig:
	}
	return asJSON(http.StatusInternalServerError, object{"detail": "Internal Error", "errorId": "f00d"})
}

// limits adds what Sentry says of its limits with every answer.
func (s *sentry) limits(a answer, left int) answer {
	reset := strconv.FormatInt(s.now().Add(time.Second).Unix(), 10)
	return a.with("X-Sentry-Rate-Limit-Limit", "40").with("X-Sentry-Rate-Limit-Remaining", strconv.Itoa(left)).with("X-Sentry-Rate-Limit-Reset", reset).
		with("X-Sentry-Rate-Limit-ConcurrentLimit", "25").with("X-Sentry-Rate-Limit-ConcurrentRemaining", "24")
}

func (s *sentry) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /api/0/organizations/{org}/releases/{$}", endpoint(func(*request) answer { return s.limits(asJSON(http.StatusOK, []object{}), 39) }))
	mux.Handle("GET /api/0/organizations/{org}/releases/{version}/{$}", endpoint(s.release))
	mux.Handle("GET /api/0/organizations/{org}/events/{$}", endpoint(s.events))
	mux.Handle("GET /api/0/organizations/{org}/issues/{$}", endpoint(s.issues))
	return mux
}

// seen is what can be read of a release now: what was sent a moment ago is not there yet.
func (s *sentry) seen(version string) (sentrySetup, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.releases[version]
	if ok && s.now().Before(r.visible) {
		return r.before, r.before.Release != ""
	}
	return r.sentrySetup, ok
}

func (s *sentry) release(r *request) answer {
	found, ok := s.seen(r.PathValue("version"))
	if !ok {
		return s.limits(s.refuse(refuseUnknown), 38)
	}
	return s.limits(asJSON(http.StatusOK, object{"version": found.Release, "newGroups": found.NewIssues, "status": "open"}), 38)
}

// searched is the release that a search names.
func (s *sentry) searched(r *request, field string) (sentrySetup, bool) {
	q := r.URL.Query()
	m := regexp.MustCompile(`^` + field + `:"([^"]+)"$`).FindStringSubmatch(q.Get("query"))
	if m == nil || q.Get("start") == "" || q.Get("end") == "" || q.Get("project") == "" {
		return sentrySetup{}, false
	}
	found, _ := s.seen(m[1])
	return found, true
}

func (s *sentry) events(r *request) answer {
	found, ok := s.searched(r, "release")
	if !ok || r.URL.Query().Get("field") != "count()" {
		return s.limits(asJSON(http.StatusBadRequest, object{"detail": "Error parsing search query"}), 37)
	}
	return s.limits(asJSON(http.StatusOK, object{
		"data": []object{{"count()": found.Events}}, "meta": object{"fields": object{"count()": "integer"}, "dataset": "errors"},
	}), 37)
}

func (s *sentry) issues(r *request) answer {
	found, ok := s.searched(r, "firstRelease")
	if !ok {
		return s.limits(asJSON(http.StatusBadRequest, object{"detail": "Error parsing search query"}), 36)
	}
	list := []object{}
	for i := range min(found.NewIssues, sentryPage) {
		list = append(list, object{"id": strconv.Itoa(i + 1), "title": "TypeError", "level": "error", "status": "unresolved"})
	}
	return s.limits(asJSON(http.StatusOK, list), 36).with("X-Hits", strconv.Itoa(found.NewIssues)).with("X-Max-Hits", "1000")
}

func (s *sentry) state() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]sentrySetup{}
	for version, r := range s.releases {
		out[version] = r.sentrySetup
	}
	return out
}

func (s *sentry) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in sentrySetup) (any, error) {
			before, _ := s.seen(in.Release)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.releases[in.Release] = sentryRelease{sentrySetup: in, before: before, visible: s.now().Add(s.lag)}
			return in, nil
		})
	})
}
