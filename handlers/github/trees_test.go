package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aimarketplace/backout/handlers/github"
)

// TestTrees_migrationsOfACommit walks the trees as GitHub hands them out, once.
func TestTrees_migrationsOfACommit(t *testing.T) {
	t.Parallel()
	entry := func(path, kind, sha string) string {
		return fmt.Sprintf(`{"path":%q,"type":%q,"sha":%q,"mode":"040000"}`, path, kind, sha)
	}
	trees := map[string]string{
		"c1": entry("prisma", "tree", "p1") + "," + entry("README.md", "blob", "b"),
		"c2": entry("prisma", "tree", "p1"),
		"c3": entry("src", "tree", "s"),
		"p1": entry("schema.prisma", "blob", "b") + "," + entry("migrations", "tree", "m1"),
		"m1": entry("20260102_pay", "tree", "x") + "," + entry("20260101_init", "tree", "y") + "," + entry("migration_lock.toml", "blob", "b"),
	}
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		sha := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if !strings.HasPrefix(r.URL.Path, "/api/v3/repos/aim/shop/git/trees/") || r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		switch entries, ok := trees[sha]; {
		case sha == "huge":
			fmt.Fprint(w, `{"sha":"huge","truncated":true,"tree":[]}`)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"Not Found"}`)
		default:
			fmt.Fprintf(w, `{"sha":%q,"truncated":false,"tree":[%s]}`, sha, entries)
		}
	}))
	t.Cleanup(s.Close)
	c, err := github.New(github.Options{BaseURL: s.URL, Token: "t", AllowPrivate: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	reader := c.Trees("aim/shop", "prisma/migrations")
	for _, want := range []struct {
		commit, folders string
		calls           int32
	}{{"c1", "[20260101_init 20260102_pay]", 3}, {"c1", "[20260101_init 20260102_pay]", 3}, {"c2", "[20260101_init 20260102_pay]", 5}, {"c3", "[]", 6}} {
		got, err := reader.Folders(t.Context(), want.commit)
		if err != nil || fmt.Sprint(got) != want.folders || calls.Load() != want.calls {
			t.Errorf("%s: %v %v after %d calls", want.commit, got, err, calls.Load())
		}
	}
	for _, commit := range []string{"huge", "nope"} {
		if got, err := reader.Folders(t.Context(), commit); err == nil {
			t.Errorf("%s: %v", commit, got)
		}
	}
	if _, ok := reader.Known("nope"); ok {
		t.Error("what could not be read is not known")
	}
}
