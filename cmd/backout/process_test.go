package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// atOnce is how many stories run side by side: they wait far more than they work.
const atOnce = 8

// built is where the binaries are, each made once for all tests.
var built struct {
	dir                     string
	plain, crash, publisher func() (string, error)
	// test is these tests without the race detector.
	test func() (string, error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", fmt.Sprint(atOnce))
	}
	for name, value := range natsPasswords() {
		_ = os.Setenv(name, value)
	}
	dir, err := os.MkdirTemp("", "backout-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the binaries:", err)
		os.Exit(1)
	}
	built.dir = dir
	built.plain = sync.OnceValues(func() (string, error) {
		if given := os.Getenv("BACKOUT_TEST_BINARY"); given != "" {
			return given, nil // a test that runs itself again has built it already
		}
		return build("backout", ".")
	})
	built.crash = sync.OnceValues(func() (string, error) { return build("backout-crash", ".", "-tags", "crashpoints") })
	built.publisher = sync.OnceValues(func() (string, error) { return build("publisher", "./testdata/publisher") })
	built.test = sync.OnceValues(buildTest)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build compiles a package without the race detector: what is tested is what ships.
func build(name, pkg string, flags ...string) (string, error) {
	path := filepath.Join(built.dir, name)
	args := append([]string{"build", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// buildTest compiles these tests without the race detector.
func buildTest() (string, error) {
	path := filepath.Join(built.dir, "backout.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", buildSetting("-tags"), "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the tests: %w\n%s", err, out)
	}
	return path, nil
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// launch starts a program and waits for its first line. Its standard error is
// added to the file log. It is killed at the end of the test at the latest.
func launch(tb testing.TB, log string, env []string, args ...string) (*process, error) {
	tb.Helper()
	p, err := startChild(context.WithoutCancel(tb.Context()), log, env, args...)
	if p != nil {
		tb.Cleanup(p.kill9)
	}
	return p, err
}

// stop ends a child as an operator would, and fails the test when it does not
// end cleanly.
func (p *process) stop(tb testing.TB) {
	tb.Helper()
	if err := p.end(); err != nil {
		tb.Error(err)
	}
}

// once runs a program to its end and returns its exit code and what it printed.
func once(tb testing.TB, stdin string, env []string, args ...string) (code int, out, said string) {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(tb.Context(), args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	c.Env = append(os.Environ(), env...)
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatal(err)
	}
	return c.ProcessState.ExitCode(), stdout.String(), stderr.String()
}
