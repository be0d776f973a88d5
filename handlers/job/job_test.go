package job_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
)

// The test binary is also the supervisor, and a Backout that starts one job and waits.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "supervise" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := job.Supervise(ctx, os.Args[2], func(s string) string { return strings.ReplaceAll(s, "sk_live_1", "[key]") })
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 5 && os.Args[1] == "start" {
		deadline, _ := strconv.ParseInt(os.Args[4], 10, 64)
		err := runner(os.Args[2]).Start(context.Background(), "one", script(os.Args[3], deadline), nil)
		fmt.Println("started", err)
		select {}
	}
	os.Exit(m.Run())
}

func runner(root string) *job.Runner {
	return &job.Runner{Root: root, Command: []string{os.Args[0], "supervise"}}
}

func in(d time.Duration) int64 { return time.Now().Add(d).UnixMilli() }

func script(text string, deadline int64) job.Spec {
	return job.Spec{Argv: []string{"sh", "-c", text}, Dir: os.TempDir(), Set: map[string]string{"PATH": "/usr/bin:/bin"}, Deadline: deadline}
}

// look waits until the job is in one of the states.
func look(t *testing.T, r *job.Runner, name string, want ...job.State) job.Status {
	t.Helper()
	return until(t, func() (job.Status, bool) {
		s, err := r.Look(name)
		if err != nil {
			t.Fatal(err)
		}
		return s, slices.Contains(want, s.State)
	})
}

func until[T any](t *testing.T, ok func() (T, bool)) T {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for {
		v, yes := ok()
		if yes {
			return v
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it does not come: %+v", v)
		}
	}
}

// alive reports whether a process is there and no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func gone(t *testing.T, pid int) {
	t.Helper()
	until(t, func() (int, bool) { return pid, !alive(pid) })
}

func start(t *testing.T, r *job.Runner, name, text string, d time.Duration) {
	t.Helper()
	if err := r.Start(t.Context(), name, script(text, in(d)), nil); err != nil {
		t.Fatal(err)
	}
}

func TestJob_tellsHowItEnded(t *testing.T) {
	t.Parallel()
	r := runner(t.TempDir())
	for name, c := range map[string]struct {
		text, out, signal string
		exit              int
	}{
		"well":   {"echo one; echo two >&2", "one\ntwo\n", "", 0},
		"badly":  {"echo no >&2; exit 3", "no\n", "", 3},
		"killed": {"kill -9 $$", "", "SIGKILL", 137},
	} {
		start(t, r, name, c.text, time.Minute)
		s := look(t, r, name, job.Over)
		if s.Ended.Exit != c.exit || s.Ended.Signal != c.signal || s.Output != c.out || s.Ended.Late || s.Ended.Output != int64(len(c.out)) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	spec := script("", in(time.Minute))
	spec.Argv = []string{"/nowhere/prisma"}
	if err := r.Start(t.Context(), "missing", spec, nil); err != nil {
		t.Fatal(err)
	}
	if s := look(t, r, "missing", job.Over); s.Ended.Exit != 127 || !strings.Contains(s.Ended.Error, "no such file") {
		t.Errorf("%+v", s.Ended)
	}
	if s, err := r.Look("nobody"); err != nil || s.State != job.Absent {
		t.Errorf("%+v %v", s, err)
	}
}

// The child gets what the spec names and nothing else of Backout's, and what it prints
// of that is masked.
func TestJob_keepsSecrets(t *testing.T) {
	t.Setenv("BACKOUT_TOKEN", "never-to-be-seen")
	root := t.TempDir()
	r := runner(root)
	spec := script(`env; echo "pass=hunter22 key=sk_live_1"; printf 'a\033[31mb\n'`, in(time.Minute))
	spec.Env = []string{"DATABASE_URL"}
	err := r.Start(t.Context(), "env", spec, map[string]string{"DATABASE_URL": "postgres://u:hunter22@h/x", "OTHER": "other-secret"})
	if err != nil {
		t.Fatal(err)
	}
	s := look(t, r, "env", job.Over)
	for _, secret := range []string{"never-to-be-seen", "hunter22", "sk_live_1", "other-secret", "\033"} {
		files, _ := filepath.Glob(filepath.Join(root, "env", "*"))
		for _, f := range files {
			if body, _ := os.ReadFile(f); strings.Contains(string(body), secret) && !strings.Contains(f, "spec.json") {
				t.Errorf("%q is in %s:\n%s", secret, f, body)
			}
		}
	}
	if !strings.Contains(s.Output, "DATABASE_URL=[masked]") || !strings.Contains(s.Output, "key=[key]") {
		t.Errorf("%s", s.Output)
	}
	if body, _ := os.ReadFile(filepath.Join(root, "env", "spec.json")); strings.Contains(string(body), "postgres://") {
		t.Errorf("%s", body)
	}
}

func TestJob_capsItsOutput(t *testing.T) {
	t.Parallel()
	r := runner(t.TempDir())
	start(t, r, "loud", "echo first; i=0; while [ $i -lt 20000 ]; do echo 'a line of forty bytes, more or less so'; i=$((i+1)); done; printf last", time.Minute)
	s := look(t, r, "loud", job.Over)
	if len(s.Output) > 140<<10 || !strings.HasPrefix(s.Output, "first\n") || !strings.HasSuffix(s.Output, "last\n") || !strings.Contains(s.Output, "bytes left out …") {
		t.Errorf("%d bytes of %d", len(s.Output), s.Ended.Output)
	}
}

func TestJob_runsOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	r := runner(root)
	start(t, r, "one", "echo ran >> "+filepath.Join(root, "ran")+"; sleep 30", time.Minute)
	if err := r.Start(t.Context(), "one", script("true", in(time.Minute)), nil); !errors.Is(err, job.ErrExists) {
		t.Errorf("%v", err)
	}
	again := func(want string) {
		t.Helper()
		out, err := exec.Command(os.Args[0], "supervise", filepath.Join(root, "one")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %s", err, out)
		}
	}
	again("running already")
	s := look(t, r, "one", job.Running)
	if err := syscall.Kill(s.Started.Supervisor, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if s := look(t, r, "one", job.Over); !s.Ended.Stopped || s.Ended.Exit != 143 {
		t.Errorf("%+v", s.Ended)
	}
	again("a job runs once")
	if ran, _ := os.ReadFile(filepath.Join(root, "ran")); string(ran) != "ran\n" {
		t.Errorf("%s", ran)
	}
	for _, name := range []string{"", "..", "a/b", ".x"} {
		if err := r.Start(t.Context(), name, script("true", in(time.Minute)), nil); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// backout starts a job in a process of its own that can be killed.
func backout(t *testing.T, root, text string, d time.Duration) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "start", root, text, fmt.Sprint(in(d)))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 200)
	n, _ := out.Read(buf)
	if string(buf[:n]) != "started <nil>\n" {
		t.Fatalf("%s", buf[:n])
	}
	return cmd
}

func kill9(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// Backout is killed in the middle: the job goes on, is found by the next one, and tells
// how it ended.
func TestJob_goesOnWithoutBackout(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	release := filepath.Join(root, "release")
	kill9(t, backout(t, root, "while [ ! -e "+release+" ]; do sleep 0.05; done; echo done; exit 4", time.Minute))
	r := runner(root)
	if names, err := r.Find("on"); err != nil || len(names) != 1 || names[0] != "one" {
		t.Fatalf("%v %v", names, err)
	}
	look(t, r, "one", job.Running)
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := look(t, r, "one", job.Over); s.Ended.Exit != 4 || s.Output != "done\n" {
		t.Errorf("%+v", s)
	}
}

// The deadline is kept while Backout is dead, for what the child started as well, and
// against a child that does not listen.
func TestJob_keepsItsDeadlineWithoutBackout(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	kill9(t, backout(t, root, "trap '' TERM; sleep 600 & echo $!; wait; sleep 600", 500*time.Millisecond))
	r := runner(root)
	s := look(t, r, "one", job.Over)
	if !s.Ended.Late || s.Ended.Exit != 137 {
		t.Errorf("%+v", s)
	}
	gone(t, s.Started.Child)
	left, err := strconv.Atoi(strings.TrimSpace(s.Output))
	if err != nil {
		t.Fatal(err)
	}
	gone(t, left)
}

// What outlives the child belongs to the job: it is over when nothing is left.
func TestJob_waitsForWhatTheChildLeft(t *testing.T) {
	t.Parallel()
	r := runner(t.TempDir())
	start(t, r, "left", "(sleep 0.5; echo engine) & exit 0", time.Minute)
	if s := look(t, r, "left", job.Over); s.Output != "engine\n" || s.Ended.Exit != 0 || s.Ended.Remained {
		t.Errorf("%+v", s)
	}
	start(t, r, "stuck", "sleep 600 & exit 0", 500*time.Millisecond)
	if s := look(t, r, "stuck", job.Over); !s.Ended.Late || !s.Ended.Remained || s.Ended.Exit != 0 {
		t.Errorf("%+v", s.Ended)
	}
}

// The supervisor itself is killed: the child is killed with it, and nobody claims to
// know how the job ended.
func TestJob_isLostWithItsSupervisor(t *testing.T) {
	t.Parallel()
	r := runner(t.TempDir())
	start(t, r, "one", "sleep 600 & echo $!; wait", time.Minute)
	s := until(t, func() (job.Status, bool) {
		s, err := r.Look("one")
		return s, err == nil && s.Started.Child != 0 && s.Output != ""
	})
	if err := syscall.Kill(s.Started.Supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, s.Started.Child)
	// What the child had started is not killed with it; it is seen.
	left, err := strconv.Atoi(strings.TrimSpace(s.Output))
	if lost := look(t, r, "one", job.Lost, job.Over); err != nil || lost.State != job.Lost || lost.Output != s.Output || !lost.Left {
		t.Errorf("%+v %v", lost, err)
	}
	if err := syscall.Kill(left, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, left)
	if lost := look(t, r, "one", job.Lost, job.Over); lost.State != job.Lost || lost.Left {
		t.Errorf("%+v", lost)
	}
	out, err := exec.Command(os.Args[0], "supervise", filepath.Join(r.Root, "one")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a job runs once") {
		t.Errorf("a lost job was run again: %s", out)
	}
}

// A supervisor that comes when nobody waits for it any more starts nothing.
func TestJob_isNotStartedLate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "late")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"argv":["touch","%s/ran"],"dir":"/","deadline":%d,"start_by":%d}`, dir, in(time.Minute), in(-time.Second))
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(os.Args[0], "supervise", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "has given up") {
		t.Errorf("%v: %s", err, out)
	}
	if s, err := runner(filepath.Dir(dir)).Look("late"); err != nil || s.State != job.NeverStarted {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("it ran")
	}
}
