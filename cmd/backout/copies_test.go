package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// cli runs a command of the binary under test and fails when it does.
func (s *shop) cli(args ...string) string {
	s.t.Helper()
	code, out, said := once(s.t, "", s.env, append([]string{s.bin}, args...)...)
	if code != 0 {
		s.t.Fatalf("backout %s: exit %d: %s%s", strings.Join(args, " "), code, out, said)
	}
	return out
}

// cliFails runs a command that must be refused and returns what it said.
func (s *shop) cliFails(args ...string) string {
	s.t.Helper()
	code, out, said := once(s.t, "", s.env, append([]string{s.bin}, args...)...)
	if code != exitFailed {
		s.t.Fatalf("backout %s: exit %d, want %d: %s%s", strings.Join(args, " "), code, exitFailed, out, said)
	}
	return said
}

// TestBackup_restore takes a backup while an incident waits, loses the machine, and
// goes on from the backup: paused until a person has looked, with the same number,
// and with one rollback in all.
func TestBackup_restore(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	s.breakShop()
	s.waitsForYesToGoBack()
	file := s.path("copy.db")
	s.cli("backup", file, "--server", s.at("admin"), "--data", s.path("data"))
	code, _, said := once(t, "", nil, s.bin, "backup", s.path("other.db"), "--server", s.at("admin"), "--token", s.token)
	if code != exitFailed || !strings.Contains(said, "admin token") {
		t.Errorf("a person's token takes everything along: exit %d, %s", code, said)
	}
	s.backout.kill9()
	if said := s.cliFails("restore", file, "--data", s.path("data")); !strings.Contains(said, "empty folder") {
		t.Errorf("a restore over what is there: %s", said)
	}
	if err := os.Rename(s.path("data"), s.path("lost")); err != nil {
		t.Fatal(err)
	}
	s.cli("restore", file, "--data", s.path("data"))
	s.restart("")
	s.mustSay("approve INC-1 back")
	inc := s.waitIncident("INC-1", "held back until somebody has looked", func(inc *console.Incident) bool {
		return strings.Contains(strings.Join(inc.WaitingOn, " "), "paused by restore") || strings.Contains(told(inc), "paused by restore")
	})
	if len(s.effects("vercel", "/rollback/")) != 0 {
		t.Fatalf("something was done before anybody looked:\n%s", told(&inc))
	}
	s.mustSay("unpause")
	s.waitBack()
	s.wantOneRollback()
	s.backout.stop(t)
	s.cli("log", "verify", "--data", s.path("data"))
}

// TestLog_verifyExportRedact: words of an entry leave the log and the state, the
// chain still verifies, and a changed log does not.
func TestLog_verifyExportRedact(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	const pasted = "hunter2-pasted-by-hand"
	s.publish("alert", "backout.alert.firing", map[string]any{"name": "Odd", "severity": "critical", "summary": pasted, "fingerprint": "odd"})
	s.waitIncident("INC-1", "open", func(*console.Incident) bool { return true })
	if said := s.cliFails("log", "verify", "--data", s.path("data")); !strings.Contains(said, "another Backout is running") {
		t.Errorf("the log is read while somebody writes it: %s", said)
	}
	s.backout.stop(t)
	s.cli("log", "verify", "--data", s.path("data"))
	seq := seqOf(t, s.cli("log", "export", "--data", s.path("data")), pasted)
	if said := s.cliFails("log", "redact", "1", "--reason", "x", "--data", s.path("data")); !strings.Contains(said, "order of the log") {
		t.Errorf("genesis may be redacted: %s", said)
	}
	documents := seqOf(t, s.cli("log", "export", "--data", s.path("data")), `"kind":"playbook"`)
	if said := s.cliFails("log", "redact", documents, "--reason", "x", "--data", s.path("data")); !strings.Contains(said, "another state") {
		t.Errorf("what later entries are folded with may be redacted: %s", said)
	}
	s.cli("log", "redact", seq, "--reason", "a password was pasted", "--data", s.path("data"))
	after := s.cli("log", "export", "--data", s.path("data"))
	if strings.Contains(after, pasted) || !strings.Contains(after, "redacted_sum") {
		t.Error("the words are still in the log, or nobody can tell that some were taken out")
	}
	s.cli("log", "verify", "--data", s.path("data"))
	if said := s.cliFails("log", "verify", "--replay", "--data", s.path("data")); !strings.Contains(said, "keep state.db") {
		t.Errorf("the state that knows more than a redacted log is to be thrown away: %s", said)
	}
	s.restart("")
	inc := s.incident("INC-1")
	if inc.ID == "" || strings.Contains(told(&inc), pasted) || strings.Contains(inc.Title, pasted) {
		t.Errorf("the words are still in the incident: %s %s", inc.Title, told(&inc))
	}
	s.mustSay("note INC-1 still works")
	s.backout.stop(t)
	s.cli("compact", "--data", s.path("data"))
	s.cli("log", "verify", "--data", s.path("data"))
	grepFolder(t, filepath.Join(s.path("data"), "nats"), pasted)
}

// seqOf is the sequence of the first exported entry that has a word.
func seqOf(t *testing.T, export, word string) string {
	t.Helper()
	for line := range strings.SplitSeq(export, "\n") {
		if strings.Contains(line, word) {
			seq, _, _ := strings.Cut(strings.TrimPrefix(line, `{"seq":`), ",")
			return seq
		}
	}
	t.Fatalf("no entry has %q", word)
	return ""
}

// grepFolder fails for every file that has a word, but those of the inbox, which
// drops what it handed over within a day.
func grepFolder(t *testing.T, dir, word string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/streams/BACKOUT/") || strings.Contains(path, "OBJ_backout-blobs") {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(word)) {
			t.Errorf("%s still has it", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGuard_otherLog: a state does not go on with a log that is not its own.
func TestGuard_otherLog(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	s.publish("alert", "backout.alert.firing", map[string]any{"name": "Odd", "severity": "critical", "fingerprint": "odd"})
	s.waitIncident("INC-1", "open", func(*console.Incident) bool { return true })
	s.backout.stop(t)
	if err := os.RemoveAll(filepath.Join(s.path("data"), "nats")); err != nil {
		t.Fatal(err)
	}
	if err := s.tryRestart(""); err == nil || !strings.Contains(err.Error(), orchestrator.ErrOtherLog.Error()) && !strings.Contains(err.Error(), "the log ends before") {
		t.Fatalf("it started on another log: %v", err)
	}
}

// TestLog_aRedactedAlertStillOpensItsIncident: an alert that its labels led to its project
// is redacted, labels and all. When the state is lost, the log gives the same incident.
func TestLog_aRedactedAlertStillOpensItsIncident(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	const pasted = "hunter2-in-a-label"
	body := fmt.Sprintf(`{"version":"4","status":"firing","receiver":"b","groupKey":"g","alerts":[{"status":"firing","fingerprint":"f1","startsAt":%q,
		"labels":{"alertname":"Odd","service":"checkout","severity":"critical","owner":%q},"annotations":{"summary":"odd"}}]}`, time.Now().UTC().Format(time.RFC3339), pasted)
	if status, said, err := s.hook("/hooks/alertmanager", []byte(body), bearerOf(secrets()["E2E_ALERTMANAGER_TOKEN"])); err != nil || status != http.StatusOK {
		t.Fatalf("%v: %d %s", err, status, said)
	}
	s.waitIncident("INC-1", "open", func(inc *console.Incident) bool { return inc.Component == "checkout" })
	s.backout.stop(t)
	seq := seqOf(t, s.cli("log", "export", "--data", s.path("data")), pasted)
	s.cli("log", "redact", seq, "--reason", "a password in a label", "--data", s.path("data"))
	if after := s.cli("log", "export", "--data", s.path("data")); strings.Contains(after, pasted) {
		t.Error("the label is still in the log")
	}
	if err := os.Remove(s.path("data/state.db")); err != nil {
		t.Fatal(err)
	}
	s.cli("log", "verify", "--catch-up", "--data", s.path("data"))
	s.restart("")
	inc := s.waitIncident("INC-1", "there again", func(*console.Incident) bool { return true })
	if inc.Project != "shop" || inc.Environment != "production" || inc.Component != "checkout" {
		t.Errorf("the incident is about %s/%s, %s", inc.Project, inc.Environment, inc.Component)
	}
	s.backout.stop(t)
}
