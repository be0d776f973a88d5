//go:build !race

package migrations_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/aimarketplace/backout/handlers/migrations"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not as expected; run `make golden` and read the diff. Got:\n%s", name, got)
	}
}

// TestText: what people read of a history.
func TestText(t *testing.T) {
	t.Parallel()
	all, err := migrations.Folder(os.DirFS(filepath.Join("testdata", "shop")))
	if err != nil {
		t.Fatal(err)
	}
	judged := migrations.NewClassifier(&migrations.Postgres{}).Each(all, func(string) bool { return true })
	var b bytes.Buffer
	if err := migrations.Text(&b, judged); err != nil {
		t.Fatal(err)
	}
	golden(t, "shop.txt", b.Bytes())
}

// evidenceCase is one of testdata/evidence.json; handlers/postgres runs its queries.
type evidenceCase struct {
	Name      string `json:"name"`
	Before    string `json:"before"`
	Migration string `json:"migration"`
	Refused   bool   `json:"refused,omitempty"`
	After     string `json:"after"`
	Evidence  []struct {
		SQL  string `json:"sql"`
		Want int    `json:"want"`
	} `json:"evidence"`
}

// TestEvidence_queries: the queries that are run against a real PostgreSQL are those
// that the migrations bring.
func TestEvidence_queries(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join("testdata", "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []evidenceCase
	if err := json.Unmarshal(body, &cases); err != nil {
		t.Fatal(err)
	}
	c := migrations.NewClassifier(&migrations.Postgres{})
	for i := range cases {
		var found []migrations.Evidence
		for _, s := range c.Script(migrations.NewScope(), []byte(cases[i].Migration)) {
			for _, f := range s.Findings {
				found = append(found, f.Evidence...)
			}
		}
		if len(found) != len(cases[i].Evidence) {
			t.Fatalf("%s: %d queries, want %d", cases[i].Name, len(found), len(cases[i].Evidence))
		}
		for n, e := range found {
			cases[i].Evidence[n].SQL = e.SQL
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(cases); err != nil {
		t.Fatal(err)
	}
	golden(t, "evidence.json", b.Bytes())
}
