package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigErrors: a start with a bad configuration ends at once with 1 and one
// line per mistake: file, line, column, and the fix.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	bin := must(built.plain())(t)
	good := "version: 1\ninstance: {data: DATA}\nnats: {listen: \"off\"}\nproviders:\n  vercel: {token: env:E2E_MISSING_TOKEN, base_url: http://127.0.0.1:1, allow_private: [127.0.0.0/8]}\n" +
		"people:\n  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}\nprojects:\n" +
		"  - {id: shop, vercel_project: prj_1, environments: {production: {kind: production, domains: [shop.test]}}}\n"
	for _, c := range []struct{ name, from, to, want string }{
		{"an unknown key", "vercel_project", "vercel_projekt", `backout.yaml:9:16: `},
		{"the nearest key", "vercel_project", "vercel_projekt", `vercel_project`},
		{"a wrong kind", "kind: production", "kind: prod", `backout.yaml:9:73: the kind of the environment "prod" is not known; known here: production, staging, disposable`},
		{"a literal secret", "env:E2E_MISSING_TOKEN", "tok_literal_123456", `backout.yaml:5:19: a secret stands elsewhere`},
		{"a missing secret", "", "", `E2E_MISSING_TOKEN`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "backout.yaml")
			text := strings.Replace(strings.Replace(good, c.from, c.to, 1), "DATA", t.TempDir(), 1)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, said := once(t, "", nil, bin, "serve", "--config", path)
			if code != 1 || out != "" || !strings.Contains(said, c.want) {
				t.Errorf("exit %d, %q, want exit 1 with %q:\n%s", code, out, c.want, said)
			}
			if strings.Contains(said, "tok_literal_123456") {
				t.Errorf("the secret is in the error: %s", said)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Parallel()
		code, _, said := once(t, "", nil, bin, "serve", "--config", filepath.Join(t.TempDir(), "none.yaml"))
		if code != 1 || !strings.Contains(said, "copy configs/backout.yaml") {
			t.Errorf("exit %d: %s", code, said)
		}
	})
	t.Run("an unknown flag", func(t *testing.T) {
		t.Parallel()
		if code, _, said := once(t, "", nil, bin, "serve", "--cofnig", "x"); code != 2 || !strings.Contains(said, "--help") {
			t.Errorf("exit %d: %s", code, said)
		}
	})
}
