package console_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

func TestAPI_openReadsAreForThisMachine(t *testing.T) {
	t.Parallel()
	h := api(t, newBackend(t, records(t)...), true)
	for name, tt := range map[string]struct {
		host   string
		header http.Header
		want   int
	}{
		"curl":                   {"127.0.0.1:8080", nil, http.StatusOK},
		"an address typed":       {"localhost:8080", http.Header{"Sec-Fetch-Site": {"none"}}, http.StatusOK},
		"a page of its own":      {"127.0.0.1:8080", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://127.0.0.1:8080"}}, http.StatusOK},
		"a rebound name":         {"evil.example:8080", nil, http.StatusUnauthorized},
		"an image on a page":     {"127.0.0.1:8080", http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusUnauthorized},
		"another port's page":    {"127.0.0.1:8080", http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusUnauthorized},
		"an older browser's":     {"127.0.0.1:8080", http.Header{"Origin": {"https://evil.example"}}, http.StatusUnauthorized},
		"a sandboxed frame's":    {"127.0.0.1:8080", http.Header{"Origin": {"null"}}, http.StatusUnauthorized},
		"passed on by a proxy":   {"127.0.0.1:8080", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, http.StatusUnauthorized},
		"passed on, and says so": {"127.0.0.1:8080", http.Header{"Forwarded": {"for=127.0.0.1"}}, http.StatusUnauthorized},
		"passed on with a token": {"127.0.0.1:8080", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Authorization": {"Bearer secret-ann"}}, http.StatusOK},
		"across sites, a token":  {"127.0.0.1:8080", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Authorization": {"Bearer secret-ann"}}, http.StatusOK},
		"for publishing only":    {"127.0.0.1:8080", http.Header{"Authorization": {"Bearer secret-ci"}}, http.StatusForbidden},
		"revoked, passed on":     {"127.0.0.1:8080", http.Header{"X-Real-Ip": {"203.0.113.9"}, "Authorization": {"Bearer secret-old"}}, http.StatusUnauthorized},
	} {
		for _, path := range []string{"/api/v1/incidents", "/metrics"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = tt.host
			maps.Copy(r.Header, tt.header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			want := tt.want
			if want == http.StatusOK && path == "/metrics" {
				want = http.StatusNotFound // the handler of these tests; it was let through to it
			}
			if w.Code != want {
				t.Errorf("%s, %s: %d, want %d", name, path, w.Code, want)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s, %s: headers %v", name, path, w.Header())
			}
		}
	}
}

func TestAPI_metricsNeedATokenElsewhere(t *testing.T) {
	t.Parallel()
	h := api(t, newBackend(t, records(t)...), false)
	for token, want := range map[string]int{"": http.StatusUnauthorized, "secret-ci": http.StatusForbidden, "secret-ann": http.StatusNotFound} {
		if w := ask(t, h, "GET /metrics", token); w.Code != want {
			t.Errorf("token %q: %d, want %d", token, w.Code, want)
		}
	}
}

func TestAPI_tokensHaveAKnownScope(t *testing.T) {
	t.Parallel()
	h := api(t, newBackend(t, records(t)...), false)
	hash := console.HashToken("new")
	for scope, want := range map[string]int{
		`"scope": "publsh", "project": "shop"`: http.StatusBadRequest,
		`"scope": "publsh"`:                    http.StatusBadRequest,
		`"scope": ""`:                          http.StatusBadRequest,
		`"scope": "person"`:                    http.StatusBadRequest,
		`"scope": "person", "person": "ann"`:   http.StatusOK,
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/tokens", strings.NewReader(`{"hash": "`+hash+`", `+scope+`}`))
		r.Header.Set("Authorization", "Bearer secret-admin")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %s, want %d", scope, w.Code, w.Body, want)
		}
	}
}
