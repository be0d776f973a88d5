package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantRefusal is a refusal in one line that says what it is to say, and no trace.
func wantRefusal(t *testing.T, said string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("want %q in: %s", w, said)
		}
	}
	for _, no := range []string{"goroutine", "panic", "context deadline"} {
		if strings.Contains(said, no) {
			t.Errorf("%q is nothing for people: %s", no, said)
		}
	}
}

// TestDamage_ofTheFilesIsSaid: whatever became of state.db or of the log, serve does not
// begin, and it and `log verify` say what is wrong and what to do.
func TestDamage_ofTheFilesIsSaid(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	s.mustSay("open shop 'orders page is empty'")
	s.backout.stop(t)
	data := s.path("data")
	whole := s.path("whole")
	if err := os.CopyFS(whole, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(data, "state.db")
	blocks := filepath.Join(data, "nats", "jetstream", "$G", "streams", "BACKOUT_LOG", "msgs")
	for _, c := range []struct {
		name         string
		damage       func() error
		verify, said string
	}{
		{"a state that was cut off", func() error { return os.Truncate(state, 100_000) }, "move state.db", "move state.db"},
		{"a state of zeros", func() error { return os.WriteFile(state, make([]byte, 1<<20), 0o600) }, "move state.db", "move state.db"},
		{"a log whose file is gone", func() error { return os.Remove(filepath.Join(blocks, "1.blk")) }, "lost entries", "backout restore FILE"},
		{"a log that was cut off", func() error { return os.Truncate(filepath.Join(blocks, "1.blk"), 4_000) }, "lost entries", "backout restore FILE"},
	} {
		if err := cmp.Or(os.RemoveAll(data), os.CopyFS(data, os.DirFS(whole)), c.damage()); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, c.name+": "+s.cliFails("log", "verify", "--data", data), c.verify)
		if err := cmp.Or(os.RemoveAll(data), os.CopyFS(data, os.DirFS(whole)), c.damage()); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, c.name+": "+s.cliFails("serve", "--config", s.path("backout.yaml"), "--data", data), c.said)
	}
}

// TestLog_ofAFolderWithoutBackoutIsRefused: a folder that was misspelt has no whole log,
// and nothing is made in it.
func TestLog_ofAFolderWithoutBackoutIsRefused(t *testing.T) {
	t.Parallel()
	bin := must(built.plain())(t)
	for _, args := range [][]string{
		{"log", "verify"}, {"log", "export"}, {"log", "redact", "5", "--reason", "x"}, {"compact"}, {"migrate", "--config", "", "--nats-url", "nats://127.0.0.1:1"},
	} {
		data := filepath.Join(t.TempDir(), "misspelt")
		code, out, said := once(t, "", nil, append(append([]string{bin}, args...), "--data", data)...)
		if code == 0 || out != "" {
			t.Errorf("%v: exit %d: %s%s", args, code, out, said)
		}
		if args[0] != "migrate" && !strings.Contains(said, "there is no Backout in "+data) {
			t.Errorf("%v: %s", args, said)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%v made the folder", args)
		}
	}
}
