package sandbox_test

import (
	"io"
	"net/http"
	"testing"
)

func TestGitHub_contents(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.GitHub+"/_sandbox/world", obj{"trees": obj{"c1": []string{"1_init", "2_pay"}, "c2": []string{"1_init"}}, "scripts": obj{"2_pay": "SELECT 1;"}})
	for target, want := range map[string]int{
		"prisma/migrations/2_pay/migration.sql?ref=c1":  http.StatusOK,
		"prisma/migrations/2_pay/migration.sql?ref=c2":  http.StatusNotFound,
		"prisma/migrations/1_init/migration.sql?ref=c1": http.StatusNotFound,
		"README.md?ref=c1": http.StatusNotFound,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.urls.GitHub+"/repos/aim/shop/contents/"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer t")
		req.Header.Set("Accept", "application/vnd.github.raw+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != want || want == http.StatusOK && string(body) != "SELECT 1;" {
			t.Errorf("%s: %s %s, %v", target, resp.Status, body, err)
		}
	}
}
