package github_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

func TestLimits_nobodyIsSilencedForLongerThanAnHour(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"a reset in the year 9999": {"X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"253402300799"}},
		"a reset beyond numbers":   {"X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"99999999999999999999"}},
		"thirty years":             {"Retry-After": {"1000000000"}},
		"an overflow":              {"Retry-After": {"99999999999"}},
		"a minute":                 {"Retry-After": {"60"}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			maps.Copy(w.Header(), header)
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"message": "You have exceeded a secondary rate limit", "documentation_url": "https://docs.github.com/#secondary-rate-limits"}`))
		}))
		t.Cleanup(s.Close)
		c, err := github.New(github.Options{Token: "ghp_x", BaseURL: s.URL, AllowPrivate: []string{"127.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // The second is refused by the library itself.
			err := c.Check(t.Context(), "o/shop")
			if d := orchestrator.RetryDelay(err); d <= 0 || d > time.Hour+time.Second || name == "a minute" && d > time.Minute {
				t.Errorf("%s: waits %v: %v", name, d, err)
			}
		}
	}
}
