package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/github"
)

// TestTrees_script reads a script raw, in one call, and none that is too long.
func TestTrees_script(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("ref") != "c1" || r.Header.Get("Accept") != "application/vnd.github.raw+json" {
			t.Errorf("asked for %s as %s", r.URL, r.Header.Get("Accept"))
		}
		switch r.URL.EscapedPath() {
		case "/api/v3/repos/aim/shop/contents/prisma/migrations/20261120_toss/migration.sql":
			fmt.Fprint(w, "SELECT 1;\n")
		case "/api/v3/repos/aim/shop/contents/prisma/migrations/long/migration.sql":
			fmt.Fprint(w, strings.Repeat("-- long\n", 1<<18))
		case "/api/v3/repos/aim/shop/contents/prisma/migrations/a%2Fb%3F/migration.sql":
			fmt.Fprint(w, "SELECT 2;\n")
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"Not Found"}`)
		}
	}))
	defer s.Close()
	c, err := github.New(github.Options{BaseURL: s.URL, Token: "t", AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	trees := c.Trees("aim/shop", "prisma/migrations")
	for name, want := range map[string]string{"20261120_toss": "SELECT 1;\n", "a/b?": "SELECT 2;\n"} {
		if got, err := trees.Script(t.Context(), "c1", name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"long": "longer than 1 MiB", "gone": "Not Found (404)"} {
		if got, err := trees.Script(t.Context(), "c1", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}
