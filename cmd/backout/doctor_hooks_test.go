package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/configs"
)

func TestDoctor_saysOfEachSourceWhetherItIsSetUp(t *testing.T) {
	t.Parallel()
	const file = `version: 1
instance: {public_url: "https://ops.example.com/"}
hooks:
  vercel: {auth: hmac, secret: env:SET}
  github: {auth: hmac, secret: env:UNSET}
  pagerduty: {auth: routing_key, secret: env:SET}
  sendgrid: {auth: ecdsa, secret: env:SET}
  uptimerobot: {auth: path_secret, secret: env:SET}
people:
  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}
projects:
  - {id: shop, environments: {staging: {kind: staging}}}
`
	path := filepath.Join(t.TempDir(), "backout.yaml")
	for public, want := range map[string][]string{
		"https://ops.example.com/": {
			"ok source vercel: its secret is set (auth hmac); it must be able to reach https://ops.example.com/hooks/vercel",
			"FIX source github: its secret cannot be read, see secrets above",
			"ok source pagerduty: its secret is set (auth routing_key); it must be able to reach https://ops.example.com/v2/enqueue",
			"FIX source sendgrid: the verification key is no",
			"ok source uptimerobot: its secret is set (auth path_secret); it must be able to reach https://ops.example.com/hooks/uptimerobot/SECRET",
			"ok sources that are left out, and answer 401: alertmanager, events, grafana, sentry, ",
		},
		"": {"look source vercel: its secret is set (auth hmac), but instance.public_url is not, so nobody outside knows where to post"},
	} {
		text := strings.Replace(file, "https://ops.example.com/", public, 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lookup := func(name string) (string, bool) { return "a-long-random-word", name == "SET" }
		cfg, err := configs.Load(path, lookup)
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Resolve(); err == nil {
			t.Fatal("the secret that is not there was found")
		}
		var u checkup
		u.hooks(cfg)
		var out strings.Builder
		for _, c := range u.Checks {
			mark := c.Level
			if c.Level == foundFix {
				mark = "FIX"
			}
			out.WriteString(mark + " " + c.Text + "\n")
		}
		for _, line := range want {
			if !strings.Contains(out.String(), line) {
				t.Errorf("with %q, want %q in\n%s", public, line, &out)
			}
		}
		if strings.Contains(out.String(), "a-long-random-word") {
			t.Errorf("a secret is shown:\n%s", &out)
		}
	}
}
