package sandbox

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// shop is the web site the Vercel stand-in hosts: what it answers hangs on the
// deployment the asked domain serves at the edge at this moment.
//
// A domain is chosen by the Host header or ?host=, a deployment's own address by
// its URL as host or by the path prefix /_d/{deployment}/. Any other host gets
// the first production domain, so that a browser can look.
type shop struct {
	vercel *vercel

	mu   sync.Mutex
	ills shopSetup
}

// shopSetup is the body of POST /_sandbox/setup: troubles no rollback cures.
type shopSetup struct {
	DatabaseDown bool `json:"database_down"` // /api/health fails on every deployment
	TossDown     bool `json:"toss_down"`     // /api/health/toss fails on every deployment
	// Protected, when set, is the bypass secret of Vercel's deployment protection:
	// without it a deployment's own address answers 401.
	Protected string `json:"protected,omitempty"`
}

func newShop(v *vercel) *shop { return &shop{vercel: v} }

func (s *shop) name() string { return "shop" }

func (s *shop) redact(body []byte) string { return string(body) }

func (s *shop) admit(*request) (answer, bool) { return answer{}, true }

func (s *shop) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return asText(http.StatusTooManyRequests, "Too Many Requests\n")
	case refuseRevoked:
		return asText(http.StatusUnauthorized, "Authentication Required\n")
	case refuseUnknown:
		return asText(http.StatusNotFound, "404: This page could not be found.\n")
	case refuseTooBig:
		return asText(http.StatusRequestEntityTooLarge, "Request Entity Too Large\n")
	case refuseBroken:
	}
	return asText(http.StatusInternalServerError, "A server error has occurred\n\nFUNCTION_INVOCATION_FAILED\n")
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/_d/{deployment}"} {
		mux.Handle("GET "+prefix+"/{$}", s.page(s.home))
		mux.Handle("GET "+prefix+"/api/health", s.page(s.health))
		mux.Handle("GET "+prefix+"/api/health/toss", s.page(s.toss))
		mux.Handle("GET "+prefix+"/api/version", s.page(s.version))
		mux.Handle("GET "+prefix+"/api/flags", s.page(s.flags))
	}
	return mux
}

// page finds the deployment that serves the request; no deployment, no page.
func (s *shop) page(show func(deployment) answer) endpoint {
	return func(r *request) answer {
		if s.maintained(r) {
			return asText(http.StatusServiceUnavailable, "We are putting something right. Please come back in a few minutes.\n").with("Retry-After", "120")
		}
		d, no := s.vercel.serving(r)
		if d == nil {
			return no
		}
		if secret := s.trouble().Protected; secret != "" && s.vercel.ownAddress(r) && r.Header.Get("x-vercel-protection-bypass") != secret {
			return asText(http.StatusUnauthorized, "Authentication Required\n")
		}
		return s.vercel.cached(r, *d, show)
	}
}

// serving answers the deployment a visitor of this request meets.
func (v *vercel) serving(r *request) (*deployment, answer) {
	var found *deployment
	no := v.at(func(time.Time) answer {
		p, d := v.visited(r)
		switch target := v.redirected(r); {
		case target != "":
			return answer{status: http.StatusPermanentRedirect}.with("Location", "https://"+target+r.URL.Path)
		case d == nil || d.Deleted || d.State != stateReady:
			return asText(http.StatusNotFound, "The deployment could not be found on Vercel.\n\nDEPLOYMENT_NOT_FOUND\n").
				with("x-vercel-error", "DEPLOYMENT_NOT_FOUND")
		case p.Paused && d.ID == p.Live:
			return asText(http.StatusServiceUnavailable, "This deployment is temporarily paused\n\nDEPLOYMENT_PAUSED\n").
				with("x-vercel-error", "DEPLOYMENT_PAUSED")
		}
		seen := *d
		found = &seen
		return answer{}
	})
	return found, no
}

// redirected is the host that the asked domain sends visitors to.
func (v *vercel) redirected(r *request) string {
	for _, p := range v.projects {
		for _, d := range p.Domains {
			if strings.EqualFold(d.Name, r.Host) {
				return d.Redirect
			}
		}
	}
	return ""
}

func (v *vercel) visited(r *request) (*project, *deployment) {
	if id := r.PathValue("deployment"); id != "" {
		return v.projectOf(id)
	}
	host := r.URL.Query().Get("host")
	if host == "" {
		host = r.Host
	}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	for _, p := range v.projects {
		for _, d := range p.Domains {
			if strings.EqualFold(d.Name, host) {
				return p, p.visit(d.Serves)
			}
		}
	}
	if p, d := v.projectOf(host); d != nil {
		return p, d
	}
	if local := net.ParseIP(host) != nil || host == "localhost"; local && len(v.projects) > 0 && len(v.projects[0].Domains) > 0 {
		return v.projects[0], v.projects[0].deployment(v.projects[0].Domains[0].Serves)
	}
	return nil, nil
}

// ownAddress reports whether a visitor asks a deployment by its own address.
func (v *vercel) ownAddress(r *request) (own bool) {
	host := r.Host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	v.at(func(time.Time) answer {
		_, d := v.projectOf(host)
		own = d != nil
		return answer{}
	})
	return own
}

// home is 200 even on a bad deployment: a page that loads proves nothing.
func (s *shop) home(d deployment) answer {
	checkout := "Checkout is open."
	if d.Bad {
		checkout = "Something went wrong at checkout."
	}
	return asText(http.StatusOK, fmt.Sprintf(
		"<!doctype html><title>Shop</title><h1>Shop</h1><p>%s</p><!-- deployment %s commit %s -->\n", checkout, d.ID, d.Commit,
	)).with("Content-Type", "text/html; charset=utf-8")
}

func (s *shop) health(d deployment) answer {
	switch {
	case d.Bad:
		return unwell("checkout: TypeError: Cannot read properties of undefined (reading 'total')")
	case s.trouble().DatabaseDown:
		return unwell("database: connection refused")
	}
	return asJSON(http.StatusOK, object{"ok": true})
}

func (s *shop) toss(d deployment) answer {
	switch {
	case d.Bad:
		return unwell("toss: order total missing")
	case s.trouble().TossDown:
		return unwell("toss: upstream timed out")
	}
	return asJSON(http.StatusOK, object{"ok": true})
}

func unwell(why string) answer {
	return asJSON(http.StatusInternalServerError, object{"ok": false, "error": why})
}

func (s *shop) version(d deployment) answer {
	return asJSON(http.StatusOK, object{"deployment_id": d.ID, "commit": d.Commit})
}

func (s *shop) trouble() shopSetup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ills
}

func (s *shop) state() any { return s.trouble() }

func (s *shop) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in shopSetup) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ills = in
			return in, nil
		})
	})
}
