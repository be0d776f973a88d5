package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fullConfig names every provider, at the sandbox.
const fullConfig = `version: 1
instance: {public_url: "https://ops.example.com"}
providers:
  vercel:   {token: "file:%[1]s", team: team_aim, base_url: %[2]s, allow_private: [127.0.0.0/8]}
  slack:    {bot_token: "file:%[1]s", signing_secret: "file:%[1]s", channels: {incidents: C0INCIDENTS}, base_url: %[3]s, allow_private: [127.0.0.0/8]}
  sendgrid: {api_key: "file:%[1]s", from: status@shop.test, base_url: %[4]s, allow_private: [127.0.0.0/8]}
  github:   {token: "file:%[1]s", base_url: %[5]s, allow_private: [127.0.0.0/8]}
  supabase: {token: "file:%[1]s", ref: abcdefghijklmnopqrst, base_url: %[6]s, allow_private: [127.0.0.0/8]}
  stripe:   {key: "file:%[1]s", project: shop, base_url: %[8]s, allow_private: [127.0.0.0/8]}
  toss:     {key: "file:%[1]s", project: shop, base_url: %[9]s, allow_private: [127.0.0.0/8]}
  probe:    {base_url: %[7]s, allow_private: [127.0.0.0/8]}
hooks:
  vercel: {auth: hmac, secret: "file:%[1]s"}
  toss:   {auth: path_secret, secret: "file:%[1]s"}
people:
  - {id: ann, name: Ann, email: ann@example.com, slack: U01, roles: [on-call, devops-lead, dba, support]}
  - {id: bob, name: Bob, email: bob@example.com, slack: U02, roles: [on-call, devops-lead, dba, support]}
projects:
  - id: shop
    vercel_project: prj_shop
    audience: ops
    depends_on: [supabase]
    repository: aimarketplace/shop
    hotfix: {repo: aimarketplace/shop, staging: stage.yml, tests: full-suite.yml}
    environments:
      production:
        kind: production
        domains: [shop.test, {host: www.shop.test, redirects_to: shop.test}]
        build_marker: {path: /api/version, json: deployment_id}
audiences: {ops: {emails: [ops@example.com]}}
policies:
  autonomy:
    - {action: "*", do: ask, roles: [on-call], quorum: 1, within: 10m, else: escalate}
`

// examined writes the configuration and runs doctor with it, as its JSON.
func (n *newcomer) examined(change func(string) string, more ...string) (code int, u checkup) {
	n.Helper()
	at := n.URLs()
	text := fmt.Sprintf(fullConfig, n.token, at.Vercel, at.Slack, at.SendGrid, at.GitHub, at.Supabase, at.Shop, at.Stripe, at.Toss)
	path := filepath.Join(n.TempDir(), "backout.yaml")
	if err := os.WriteFile(path, []byte(change(text)), 0o600); err != nil {
		n.Fatal(err)
	}
	var out, said strings.Builder
	args := append([]string{"doctor", "--config", path, "--server", "http://127.0.0.1:1", "-o", "json"}, more...)
	code = run(n.Context(), args, stdio{strings.NewReader(""), &out, &said})
	if err := json.Unmarshal([]byte(out.String()), &u); err != nil {
		n.Fatalf("doctor prints no JSON: %v: %s%s", err, out.String(), said.String())
	}
	if strings.Contains(out.String(), initToken1) {
		n.Errorf("a secret is shown: %s", out.String())
	}
	return code, u
}

// lines are the findings, a line each, as a test compares them.
func (u *checkup) lines() string {
	var b strings.Builder
	for _, c := range u.Checks {
		fmt.Fprintf(&b, "%s %s; %s\n", c.Level, c.Text, c.Fix)
	}
	return b.String()
}

func same(s string) string { return s }

func TestDoctor_everyCredentialWhenAllIsWell(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t, map[string]any{"token": map[string]any{"team": "team_aim", "expires_at": time.Now().Add(90 * 24 * time.Hour)}})
	if code, _, said := n.script("--public-url", "https://ops.example.com"); code != 0 { // makes the webhook
		t.Fatalf("exit %d: %s", code, said)
	}
	code, u := n.examined(same, "--page", "ann")
	n.wants(
		u.lines(), "ok vercel: the token works until ", "reach: team", "ok domain shop.test answers 200", "ok domain www.shop.test redirects to shop.test",
		"ok build marker https://shop.test/api/version says dpl_good2", "ok vercel: webhook account_hook_", "of 13 events",
		"ok slack: the bot token works in aim (T0AIM) with the scopes it needs, and the bot reads channel C0INCIDENTS",
		"look sendgrid: the key may send mail, and 1 more things (user.webhooks.event.settings.read)", "ok github: the token reads aimarketplace/shop and finds its 2 workflows",
		"ok supabase/shop/production/abcdefghijklmnopqrst: the token reads its health", "stripe: the key works", "toss: the key works",
		"ok pages go to ann by Slack and e-mail, bob by Slack and e-mail", "ok a real test page was sent: told Ann by Slack and e-mail",
	)
	if code != exitFailed || u.ToFix != 1 { // nobody runs
		t.Errorf("exit %d, %d to fix:\n%s", code, u.ToFix, u.lines())
	}
	var mails []struct{ To, Subject string }
	if err := (&clientFlags{server: n.URLs().SendGrid}).client().get(t.Context(), "/_sandbox/mails", nil, &mails); err != nil {
		t.Fatal(err)
	}
	if len(mails) != 1 || mails[0].To != "ann@example.com" || !strings.Contains(mails[0].Subject, "Test page") {
		t.Errorf("the mails are %+v", mails)
	}
}

func TestDoctor_eachFindingWithItsFix(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t, map[string]any{"projects": []map[string]any{{
		"id": "prj_shop", "domains": []string{"shop.test", "www.shop.test", "left.shop.test"}, "plan": "pro",
	}}})
	if err := post(t.Context(), n.URLs().Slack+"/_sandbox/setup", map[string]any{"scopes": "chat:write,channels:history,files:write"}); err != nil {
		t.Fatal(err)
	}
	if err := post(t.Context(), n.URLs().Supabase+"/_sandbox/fault", map[string]any{"kind": "revoked"}); err != nil {
		t.Fatal(err)
	}
	if err := post(t.Context(), n.URLs().SendGrid+"/_sandbox/fault", map[string]any{"kind": "revoked"}); err != nil {
		t.Fatal(err)
	}
	_, u := n.examined(func(text string) string {
		text = strings.ReplaceAll(text, "domains: [shop.test,", "domains: [shop.test, gone.test,")
		text = strings.ReplaceAll(text, "/api/version", "/api/nothing")
		text = strings.ReplaceAll(text, "channels: {incidents: C0INCIDENTS}", "team: T0OTHER, channels: {incidents: C0INCIDENTS}")
		return strings.ReplaceAll(text, "slack: U02, roles: [on-call, devops-lead, dba, support]", "slack: U02, roles: [support]")
	})
	n.wants(
		u.lines(), "look vercel: the token works, never expires, and is as mighty as dev (reach: account); make one that expires",
		"fix domain gone.test is no domain of prj_shop at Vercel; add it", "fix domain www.shop.test redirects nowhere at Vercel, and to shop.test in the configuration; write it without",
		"fix build marker https://shop.test/api/nothing answers 404 and names no deployment; let the build",
		"look project shop: Vercel serves domains that the configuration leaves out, so nothing proves them after a rollback: left.shop.test; add them",
		"fix vercel: hooks.vercel is configured, and Vercel has no webhook for https://ops.example.com/hooks/vercel; run `backout init",
		"fix slack: the bot token is of the workspace aim (T0AIM), and commands are taken from T0OTHER only: nobody who is told can answer; set providers.slack.team: T0AIM",
		"fix slack: the bot token lacks commands, im:write; add them", "look slack: the bot token works in aim, and has scopes that are not needed: files:write; take them away",
		"fix sendgrid: SendGrid answered 401", "Mail Send only", "fix supabase/shop/production/abcdefghijklmnopqrst: ", "project_admin_read",
		"approvals and questions of the playbooks fail when ann is away (`backout plan lint --config` names them); give one more person one of these roles",
	)
	n.control("setup", map[string]any{"token": map[string]any{"project": "prj_shop"}})
	_, u = n.examined(same)
	n.wants(u.lines(), "ok vercel: the token works and reaches one project", "look vercel: a token of one project does not see webhooks")
	n.control("fault", map[string]any{"kind": "revoked", "count": -1})
	_, u = n.examined(same)
	n.wants(u.lines(), "fix vercel: Vercel refused to show the token: Not authorized (403 forbidden)")
}

func TestDoctor_nobodyCanBePaged(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	without := func(mode string) func(string) string {
		return func(text string) string {
			text = strings.ReplaceAll(text, "  slack: ", "  # slack: ")
			return strings.ReplaceAll(text, "  sendgrid: ", "  # sendgrid: ") + mode
		}
	}
	_, u := n.examined(without(""))
	n.wants(u.lines(), "fix pages: there is no channel, so nobody is told anything; write providers.slack")
	_, u = n.examined(without("mode: shadow\n"))
	n.wants(u.lines(), "look pages: there is no channel")
	_, u = n.examined(func(text string) string {
		return strings.ReplaceAll(strings.ReplaceAll(text, "  sendgrid: ", "  # sendgrid: "), ", slack: U01", "")
	}, "--page", "ann")
	n.wants(u.lines(), "fix pages: ann is paged and cannot be reached", "fix test page: nobody was reached: Ann (no channel has an address of theirs)")
}
