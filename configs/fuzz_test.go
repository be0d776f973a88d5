package configs_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/configs"
)

// FuzzLoad: whatever the file holds, it is read or refused with places that exist.
func FuzzLoad(f *testing.F) {
	for _, path := range []string{"backout.yaml", "people.yaml", "compose-backout.yaml", "testdata/keys.bad.yaml", "testdata/types.bad.yaml", "testdata/references.bad.yaml", "testdata/syntax.bad.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := configs.Parse("fuzz.yaml", data, noEnv)
		if err == nil {
			if _, err := c.Document(); err != nil {
				t.Errorf("a file that was read makes no document: %v", err)
			}
			return
		}
		var problems configs.Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("Parse gave %v, not a list of problems", err)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, p := range problems {
			if p.File == "fuzz.yaml" && (p.Line < 0 || p.Line > lines+1 || p.Column < 0) {
				t.Errorf("%s: there is no such place in %d lines", p, lines)
			}
			if strings.TrimSpace(p.Message) == "" || p.Fix == "" {
				t.Errorf("%s: a message or its fix is missing", p)
			}
		}
	})
}
