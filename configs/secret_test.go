package configs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gojson "github.com/goccy/go-json"
	"github.com/goccy/go-yaml"

	"github.com/aimarketplace/backout/configs"
)

const small = `
version: 1
providers:
  vercel: {token: env:VERCEL_TOKEN}
  github: {token: "file:%s"}
hooks:
  events: {auth: bearer, secret: env:EVENTS_TOKEN}
people:
  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}
projects:
  - {id: shop, vercel_project: prj_1, environments: {staging: {kind: staging}}}
`

func parse(t *testing.T, text string, env map[string]string) *configs.Config {
	t.Helper()
	c, err := configs.Parse("backout.yaml", []byte(text), func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfig_Resolve_readsVariablesAndFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "github")
	if err := os.WriteFile(file, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, fmt.Sprintf(small, file), map[string]string{"VERCEL_TOKEN": "from-the-environment", "EVENTS_TOKEN": "x y"})
	if got := c.Providers.Vercel.Token.Reveal(); got != "" {
		t.Errorf("before Resolve the token is %q", got)
	}
	if err := c.Resolve(); err != nil {
		t.Fatal(err)
	}
	if got := c.Providers.Vercel.Token.Reveal(); got != "from-the-environment" {
		t.Errorf("the Vercel token is %q", got)
	}
	if got := c.Providers.GitHub.Token.Reveal(); got != "from-a-file" {
		t.Errorf("the GitHub token is %q", got)
	}
	if got := len(c.Secrets()); got != 3 {
		t.Errorf("%d secrets are listed", got)
	}
}

func TestConfig_Resolve_namesAllThatAreMissing(t *testing.T) {
	t.Parallel()
	c := parse(t, fmt.Sprintf(small, "/nowhere/github"), map[string]string{"EVENTS_TOKEN": ""})
	err := c.Resolve()
	want := strings.TrimLeft(`
backout.yaml:4:19: providers.vercel.token: the environment variable VERCEL_TOKEN is not set; set it, or name another one here
backout.yaml:5:19: providers.github.token: the secret's file cannot be read: stat /nowhere/github: no such file or directory; put the secret into a file that Backout's user can read, or name another one here
backout.yaml:7:34: hooks.events.secret: the environment variable EVENTS_TOKEN is not set; set it, or name another one here`, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("Resolve gave\n%v\nwant\n%s", err, want)
	}
}

func TestConfig_Resolve_refusesAFileWithoutEnd(t *testing.T) {
	t.Parallel()
	c := parse(t, fmt.Sprintf(small, "/dev/zero"), map[string]string{"VERCEL_TOKEN": "a", "EVENTS_TOKEN": "b"})
	if err := c.Resolve(); err == nil || !strings.Contains(err.Error(), "not a plain file") {
		t.Errorf("Resolve gave %v", err)
	}
}

// TestSecret_showsNothing prints a resolved Config in every way somebody might.
func TestSecret_showsNothing(t *testing.T) {
	t.Parallel()
	const value = "tok_very-secret"
	file := filepath.Join(t.TempDir(), "github")
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, fmt.Sprintf(small, file), map[string]string{"VERCEL_TOKEN": value, "EVENTS_TOKEN": value})
	if err := c.Resolve(); err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c, "token", c.Providers.Vercel.Token)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", c, "token", c.Providers.Vercel.Token)
	shown := []string{logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		hidden := struct{ token configs.Secret }{c.Providers.Vercel.Token}
		shown = append(shown, fmt.Sprintf(verb, c), fmt.Sprintf(verb, *c.Providers.Vercel), fmt.Sprintf(verb, c.Providers.Vercel.Token), fmt.Sprintf(verb, hidden))
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, gojson.Marshal, func(v any) ([]byte, error) { return yaml.Marshal(v) }} {
		text, err := encode(c)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, string(text))
	}
	doc, err := c.Document()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(shown, string(text)) {
		if strings.Contains(s, value) || strings.Contains(s, fmt.Sprintf("%x", value)) {
			t.Errorf("the secret is shown: %.300s", s)
		}
	}
}
