package supabase_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/supabase"
)

func TestHealth_saysOnlyWhatItSaw(t *testing.T) {
	t.Parallel()
	const well = `{"name":"db","healthy":true,"status":"ACTIVE_HEALTHY"},{"name":"auth","healthy":true,"status":"ACTIVE_HEALTHY","info":{"name":"GoTrue","version":"1","description":""}}`
	for _, c := range []struct {
		name    string
		status  int
		body    string
		verdict string
		text    string
		denied  bool
	}{
		{"well", 200, "[" + well + "]", "ok", "", false},
		{"unhealthy", 200, `[{"name":"db","healthy":false,"status":"UNHEALTHY","error":"timeout"},{"name":"auth","status":"COMING_UP"}]`, "failed", "db is unhealthy (timeout), auth is coming_up", false},
		{"old shape", 200, `[{"name":"db","healthy":true},{"name":"auth","healthy":false}]`, "failed", "auth is unhealthy", false},
		{"silent about one", 200, `[{"name":"db","healthy":true,"status":"ACTIVE_HEALTHY"}]`, "errored", "the service auth is not in", false},
		{"no list", 200, `{"message":"x"}`, "errored", "not a list", false},
		{"token", 401, `{"message":"Unauthorized"}`, "errored", "the token may not read", true},
		{"forbidden", 403, `{}`, "errored", "the token may not read", true},
		{"broken", 404, `{}`, "errored", "answered 404", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/projects/abcdefghijklmnopqrst/health" || r.Header.Get("Authorization") != "Bearer sbp_x" || !slices.Equal(r.URL.Query()["services"], []string{"db", "auth"}) {
					t.Errorf("%s %v", r.URL, r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(s.Close)
			client, err := supabase.New(supabase.Options{BaseURL: s.URL, Token: "sbp_x", Services: []string{"db", "auth"}, AllowPrivate: []string{"127.0.0.0/8"}})
			if err != nil {
				t.Fatal(err)
			}
			records, err := client.Health("shop", "production", "abcdefghijklmnopqrst").Poll(t.Context())
			if err != nil || len(records) != 1 {
				t.Fatal(records, err)
			}
			if r := records[0].Reading; r.Verdict != c.verdict || !strings.Contains(r.Text, c.text) || r.Denied != c.denied || r.Kind != "supabase" {
				t.Errorf("%+v", r)
			}
		})
	}
}
