package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// asAnn runs a command of the shipped binary against the running Backout, as Ann.
func (s *shop) asAnn(args ...string) (code int, out, said string) {
	s.t.Helper()
	args = append([]string{s.bin}, append(args, "--server", s.at("admin"), "--token", s.token)...)
	return once(s.t, "", s.env, args...)
}

// lines are what waits in quarantine, by the name of the alert.
func (s *shop) lines() map[string]orchestrator.Quarantined {
	s.t.Helper()
	var list []orchestrator.Quarantined
	if err := s.get("/api/v1/quarantine", url.Values{"waiting": {"true"}}, &list); err != nil {
		s.t.Fatal(err)
	}
	out := map[string]orchestrator.Quarantined{}
	for _, q := range list {
		if f := strings.Fields(q.Excerpt); len(f) == 3 {
			out[f[1]] = q
		}
	}
	return out
}

// TestQuarantineReplay: two alerts of one message that no project claims page, a
// match rule is added, and each becomes an incident of the right project: the
// fresh one by itself, the old one without a rollback. What is handed in twice
// counts once.
func TestQuarantineReplay(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{})
	s.waitServing("dpl_good2")
	s.ship("dpl_bad", "c0ffee", true) // a rollback is at hand for a fresh signal
	s.waitServing("dpl_bad")
	am := bearerOf(secrets()["E2E_ALERTMANAGER_TOKEN"])
	alertOf := func(name, service string, ago time.Duration) string {
		return fmt.Sprintf(`{"status":"firing","labels":{"alertname":%q,"service":%q,"severity":"critical"},"startsAt":%q,"fingerprint":%q}`,
			name, service, time.Now().Add(-ago).UTC().Format(time.RFC3339Nano), "fp-"+name)
	}
	body := `{"alerts":[` + alertOf("CardsFail", "cards", 0) + `,` + alertOf("LedgerSlow", "ledger", 3*time.Hour) + `]}`
	if status, said, err := s.hook("/hooks/alertmanager", []byte(body), am); err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, said, err)
	}
	self := s.waitIncident("INC-1", "told to people", func(inc *console.Incident) bool {
		return strings.Contains(told(inc), "Page whoever is on call: done")
	})
	if self.Project != orchestrator.SelfProject {
		t.Fatalf("it is of project %s:\n%s", self.Project, told(&self))
	}
	lines := s.lines()
	cards, ledger := lines["CardsFail"], lines["LedgerSlow"]

	s.stillUnrouted(cards)
	s.claim()
	s.replayedOnce(cards, "INC-2")
	if inc := s.incident("INC-2"); inc.Project != "noise" || !strings.Contains(told(&inc), "handed in again from quarantine "+cards.Name()) {
		t.Errorf("%s of %s:\n%s", inc.ID, inc.Project, told(&inc))
	}
	code, out, said := s.asAnn("quarantine", "replay", "--all")
	if code != 0 || !strings.Contains(out, ledger.Name()+"  INC-3") || strings.Contains(out, cards.Name()) {
		t.Fatalf("exit %d\n%s%s", code, out, said)
	}
	if inc := s.incident("INC-3"); inc.Project != "shop" || inc.Playbook == "rollback" {
		t.Errorf("an alert of three hours ago leads %s in %s:\n%s", inc.Playbook, inc.Project, told(&inc))
	}
	if _, out, _ := s.asAnn("quarantine", "replay", "--all"); !strings.Contains(out, "Nothing in quarantine waits") {
		t.Errorf("twice: %s", out)
	}
	if _, out, _ := s.asAnn("quarantine", "list"); strings.Count(out, "replayed by ann at ") != 2 {
		t.Errorf("the list:\n%s", out)
	}
	s.unreadable()
	if inc := s.incident("INC-4"); inc.ID != "" {
		t.Errorf("a fourth incident:\n%s", told(&inc))
	}
	s.backout.stop(t)
}

// unreadable shows a long body that nobody can read, whole from its blob, and
// replays it in vain.
func (s *shop) unreadable() {
	s.t.Helper()
	body := `{"specversion":"1.0","source":"e2e","note":"` + strings.Repeat("long ", 200) + `the end"}`
	if status, said, err := s.hook("/hooks/events", []byte(body), bearerOf(secrets()["E2E_HOOK_TOKEN"])); err != nil || status != 200 {
		s.t.Fatalf("%d %s %v", status, said, err)
	}
	var list []orchestrator.Quarantined
	if err := s.get("/api/v1/quarantine", url.Values{"waiting": {"true"}}, &list); err != nil || len(list) != 1 || list[0].Blob == "" {
		s.t.Fatalf("%v %+v", err, list)
	}
	if code, out, said := s.asAnn("quarantine", "show", list[0].Name()); code != 0 || !strings.Contains(out, body) || !strings.Contains(out, "as it came") {
		s.t.Errorf("show: exit %d\n%s%s", code, out, said)
	}
	if code, out, _ := s.asAnn("quarantine", "replay", "--all"); code != 1 || !strings.Contains(out, "still cannot be read: id is missing") {
		s.t.Errorf("replay: exit %d\n%s", code, out)
	}
}

// stillUnrouted shows a line and replays it before anybody claims it.
func (s *shop) stillUnrouted(q orchestrator.Quarantined) {
	s.t.Helper()
	code, out, said := s.asAnn("quarantine", "show", q.Name())
	if code != 0 || !strings.Contains(out, "no match rule of any project takes") || !strings.Contains(out, "service:cards") || !strings.Contains(out, "as it came") {
		s.t.Errorf("show: exit %d\n%s%s", code, out, said)
	}
	code, out, _ = s.asAnn("quarantine", "replay", q.Name())
	if code != 1 || !strings.Contains(out, "it stays in quarantine, still unrouted") {
		s.t.Errorf("exit %d before there is a rule:\n%s", code, out)
	}
	if code, _, said := s.asAnn("quarantine", "replay", "one"); code != 2 || !strings.Contains(said, "SEQ.INDEX") {
		s.t.Errorf("exit %d for a wrong name: %s", code, said)
	}
}

// claim adds the missing match rules and applies them.
func (s *shop) claim() {
	s.t.Helper()
	path := s.path("backout.yaml")
	text := string(must(os.ReadFile(path))(s.t))
	text = strings.Replace(text, "    match:\n", "    match:\n      - {source: alertmanager, labels: {service: ledger}, environment: production, component: checkout}\n", 1)
	text = strings.Replace(text, "  - id: noise\n", "  - id: noise\n    match: [{source: alertmanager, labels: {service: cards}, environment: production}]\n", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	admin := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(s.path("data"), "admin.token")))(s.t)))
	if code, out, said := once(s.t, "", s.env, s.bin, "config", "apply", "--config", path, "--server", s.at("admin"), "--token", admin); code != 0 {
		s.t.Fatalf("exit %d: %s%s", code, out, said)
	}
}

// replayedOnce replays a line twice: it counts once.
func (s *shop) replayedOnce(q orchestrator.Quarantined, incident string) {
	s.t.Helper()
	var list []console.ReplayOutcome
	code, out, said := s.asAnn("quarantine", "replay", q.Name(), "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 1 || !list[0].OK || list[0].Incident != incident {
		s.t.Fatalf("exit %d, %v: %s%s", code, err, out, said)
	}
	code, out, _ = s.asAnn("quarantine", "replay", q.Name())
	if code != 1 || !strings.Contains(out, "handed in before by ann") {
		s.t.Errorf("a second replay: exit %d\n%s", code, out)
	}
}

// TestOutputJSON: these commands ask nobody or little, and answer in JSON too, with
// the exit codes they have in text.
func TestOutputJSON(t *testing.T) {
	t.Parallel()
	bin := must(built.plain())(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "backout.yaml")
	text := "version: 1\ninstance: {data: " + dir + "}\nnats: {listen: \"off\"}\npeople:\n  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}\n" +
		"projects:\n  - {id: shop, environments: {production: {kind: production, domains: [shop.test]}}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		has  string
	}{
		{"version", []string{"version"}, 0, `"fold_version"`},
		{"config check", []string{"config", "check", "--config", path}, 0, `"warnings"`},
		{"doctor with nothing running", []string{"doctor", "--config", path, "--server", "http://127.0.0.1:1"}, 1, `"to_fix"`},
		{"config check without a file", []string{"config", "check", "--config", path + ".none"}, 1, ""},
	} {
		plain, shown, _ := once(t, "", nil, append([]string{bin}, c.args...)...)
		code, out, said := once(t, "", nil, append([]string{bin}, append(c.args, "-o", "json")...)...)
		if code != c.code || plain != c.code || (c.has != "") != json.Valid([]byte(out)) || !strings.Contains(out, c.has) {
			t.Errorf("%s: exit %d in JSON, %d in text, want %d\n%s%s", c.name, code, plain, c.code, out, said)
		}
		if json.Valid([]byte(shown)) {
			t.Errorf("%s: text is JSON: %s", c.name, shown)
		}
		if code, _, _ := once(t, "", nil, append([]string{bin}, append(c.args, "-o", "xml")...)...); c.has != "" && code != 2 {
			t.Errorf("%s -o xml: exit %d, want 2", c.name, code)
		}
	}
}
