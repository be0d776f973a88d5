package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestUpgrade goes on from data folders that earlier versions wrote: with an
// incident that waits for its rollback, one stopped cleanly and one killed. They
// are read as they were written, the log moves on to today's fold version with the
// first claim, and the incident ends with one rollback.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	all := must(filepath.Glob("testdata/upgrade/*.tar.gz"))(t)
	if len(all) == 0 {
		t.Fatal("no data folder of an earlier version is there")
	}
	for _, archive := range all {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".tar.gz"), func(t *testing.T) {
			t.Parallel()
			s := &shop{t: t, o: shopOptions{Kind: true}, dir: t.TempDir(), bin: must(built.plain())(t)}
			for name, value := range secrets() {
				s.env = append(s.env, name+"="+value)
			}
			s.unpack(archive)
			s.cli("log", "verify", "--data", s.path("data"), "--catch-up", "--replay")
			s.startSandbox()
			s.ship("dpl_bad", "bad5eed", true)
			s.writeConfig()
			s.restart("")
			s.token = strings.TrimSpace(string(must(os.ReadFile(filepath.Join(s.path("data"), "token.txt")))(t)))
			var meta orchestrator.Meta
			if err := s.get("/api/v1/state", nil, &meta); err != nil || meta.FoldVersion != orchestrator.FoldVersion {
				t.Errorf("the log is at fold version %d, %v; want %d", meta.FoldVersion, err, orchestrator.FoldVersion)
			}
			inc := s.waitIncident("INC-1", "as it was", func(inc *console.Incident) bool {
				return strings.Contains(told(inc), "written by an earlier version")
			})
			if inc.Playbook != "rollback" || inc.Suspect == nil {
				t.Errorf("INC-1 is by %s with suspect %+v", inc.Playbook, inc.Suspect)
			}
			s.approveAgain()
			s.waitBack()
			s.wantOneRollback()
			s.backout.stop(t)
			s.cli("log", "verify", "--data", s.path("data"), "--replay")
		})
	}
}

func (s *shop) unpack(archive string) {
	s.t.Helper()
	if err := os.MkdirAll(s.path("data"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.CommandContext(s.t.Context(), "tar", "xzf", archive, "-C", s.path("data")).CombinedOutput(); err != nil {
		s.t.Fatalf("unpacking %s: %v: %s", archive, err, out)
	}
}
