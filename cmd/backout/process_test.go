package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// atOnce is how many stories run side by side: they wait far more than they work.
const atOnce = 8

// readyLimit bounds a start.
const readyLimit = 60 * time.Second

// built is where the binaries are, each made once for all tests.
var built struct {
	dir                               string
	plain, crash, publisher, natsnode func() (string, error)
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
	built.natsnode = sync.OnceValues(func() (string, error) { return build("natsnode", "./testdata/natsnode") })
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

// process is a child that prints a line when it is ready.
type process struct {
	*exec.Cmd
	name  string
	line  string
	ended chan struct{}
	err   error
	log   string
	out   *output
}

// output keeps what a child prints and catches its first line.
type output struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	first chan string
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	had := bytes.IndexByte(o.buf.Bytes(), '\n') >= 0
	o.buf.Write(p)
	if line, _, ok := strings.Cut(o.buf.String(), "\n"); ok && !had {
		o.first <- line
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// errEnded is returned when a child ended before it was ready.
var errEnded = errors.New("it ended before it was ready")

// launch starts a program and waits for its first line. Its standard error is
// added to the file log.
func launch(tb testing.TB, log string, env []string, args ...string) (*process, error) {
	tb.Helper()
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{
		Cmd: exec.Command(args[0], args[1:]...), name: args[1], ended: make(chan struct{}),
		log: log, out: &output{first: make(chan string, 1)},
	}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = p.out, file
	if err := p.Start(); err != nil {
		return nil, err
	}
	tb.Cleanup(p.kill9)
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	select {
	case p.line = <-p.out.first:
		return p, nil
	case <-p.ended:
		return p, fmt.Errorf("%s: %w: %w: %s", p.name, errEnded, p.err, p.said())
	case <-limit.C:
		_ = p.Process.Signal(syscall.SIGQUIT) // it says what each of its goroutines does
		<-p.ended
		return p, fmt.Errorf("%s was not ready in %s: %s", p.name, readyLimit, p.tail(60_000))
	}
}

// said is the end of what the child wrote on standard error.
func (p *process) said() string { return p.tail(2000) }

// tail is the last bytes of what the child wrote to stderr.
func (p *process) tail(most int) string {
	b, _ := os.ReadFile(p.log)
	return string(b[max(0, len(b)-most):])
}

// kill9 ends a child at once and waits until it is gone.
func (p *process) kill9() {
	_ = p.Process.Signal(syscall.SIGKILL)
	<-p.ended
}

// killed reports whether the child ended by SIGKILL.
func (p *process) killed() bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// stop ends a child as an operator would, and fails the test when it does not
// end cleanly.
func (p *process) stop(tb testing.TB) {
	tb.Helper()
	_ = p.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	select {
	case <-p.ended:
		if p.err != nil {
			tb.Errorf("%s did not stop cleanly: %v: %s", p.name, p.err, p.said())
		}
	case <-limit.C:
		tb.Errorf("%s did not stop in 30 s", p.name)
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
