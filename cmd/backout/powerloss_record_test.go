package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/cmd/backout/internal/powercut"
)

// recordLimit bounds a recording, and a run without the race detector.
const recordLimit = time.Hour

// powerFolder tells a test that runs itself again under strace where to leave what
// the judge needs; empty everywhere else.
func powerFolder() string { return os.Getenv("BACKOUT_POWERLOSS") }

// recorded is what a program did to its files, and what it left behind.
type recorded struct {
	*powercut.Recording
	dir string
	// opt says which files count.
	opt powercut.Options
	// plan is what its steps were; nil without a store.
	plan *planned
}

// The files a recording leaves in its folder.
func (r *recorded) marks() string { return filepath.Join(r.dir, "marks") }
func (r *recorded) final() string { return filepath.Join(r.dir, "final") }

// recordWhole is recordOf with its events, after a check that nothing is missing.
func recordWhole(t *testing.T, load func(*testing.T), options ...string) (*recorded, []powercut.Event) {
	t.Helper()
	r := recordOf(t, load, options...)
	if r == nil {
		return nil, nil
	}
	events := r.events(t)
	r.wantWhole(t)
	return r, events
}

// recordOf records what load starts and does. It returns nil in the processes that
// are only on the way there: the one that strace follows, and the one with the race
// detector, which would make the judge slow and watch nothing new.
func recordOf(t *testing.T, load func(*testing.T), options ...string) *recorded {
	t.Helper()
	switch {
	case powerFolder() != "":
		load(t)
		return nil
	case underRace():
		runAgain(t, nil, must(built.test())(t), "-test.v")
		return nil
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not installed; `make deps` installs it")
		}
		t.Skip("skipped: strace is not installed (Debian package strace)")
	}
	r := &recorded{dir: t.TempDir()}
	out := filepath.Join(r.dir, "trace")
	traced := slices.Concat([]string{strace}, options, powercut.StraceArgs(out), []string{must(os.Executable())(t)})
	runAgain(t, []string{"BACKOUT_POWERLOSS=" + r.dir}, traced...)
	file := must(os.Open(out))(t)
	defer file.Close()
	r.Recording = must(powercut.Read(file))(t)
	root, calls, _ := strings.Cut(string(must(os.ReadFile(filepath.Join(r.dir, "paths")))(t)), "\n")
	r.opt = powercut.Options{Root: root, Journals: []string{r.marks(), calls}}
	return r
}

// underRace reports whether this test was built with the race detector.
func underRace() bool { return buildSetting("-race") == "true" }

// buildSetting is what this test was built with.
func buildSetting(key string) string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// runAgain runs this very test in another process, which has it the binary from here.
func runAgain(t *testing.T, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], append(args[1:], "-test.run", "^"+t.Name()+"$", "-test.count", "1", "-test.timeout", recordLimit.String())...)
	cmd.Env = slices.Concat(os.Environ(), env, []string{"BACKOUT_TEST_BINARY=" + must(built.plain())(t)})
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	t.Logf("%s", said)
}

// noter writes marks: one line, by one write, after something was seen to be so.
type noter struct{ file *os.File }

func newNoter(t *testing.T, root, calls string) *noter {
	t.Helper()
	r := recorded{dir: powerFolder()}
	if err := os.WriteFile(filepath.Join(r.dir, "paths"), []byte(root+"\n"+calls), 0o600); err != nil {
		t.Fatal(err)
	}
	file := must(os.OpenFile(r.marks(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600))(t)
	t.Cleanup(func() { _ = file.Close() })
	return &noter{file}
}

func (n *noter) note(words ...string) { _, _ = n.file.WriteString(strings.Join(words, " ") + "\n") }

// leave copies the folder as it is at the end, for a comparison with the replay.
func leave(t *testing.T, root string) {
	t.Helper()
	r := recorded{dir: powerFolder()}
	if out, err := exec.Command("cp", "-r", "--sparse=always", root, r.final()).CombinedOutput(); err != nil {
		t.Fatal(errors.Join(err, errors.New(string(out))))
	}
}
