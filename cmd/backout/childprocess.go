package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A start may take readyLimit, an orderly end endLimit.
const (
	readyLimit = 60 * time.Second
	endLimit   = 30 * time.Second
)

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

// startChild starts a program and waits for its first line. Its standard error is
// added to the file log. With an error the process is nil when it never began.
func startChild(ctx context.Context, log string, env []string, args ...string) (*process, error) {
	p, err := beginChild(ctx, log, env, args...)
	if err != nil {
		return nil, err
	}
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

// beginChild starts a program and does not wait for it to be ready.
func beginChild(ctx context.Context, log string, env []string, args ...string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of a child: %w", err)
	}
	defer func() { _ = file.Close() }()
	p := &process{
		Cmd: exec.CommandContext(ctx, args[0], args[1:]...), name: args[1], ended: make(chan struct{}),
		log: log, out: &output{first: make(chan string, 1)},
	}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = p.out, file
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	return p, nil
}

// fields are the addresses in the line that a child printed when it was ready.
func (p *process) fields() map[string]string { return addresses(p.line) }

// addresses reads a line such as "ready admin=http://127.0.0.1:8080 nats=…".
func addresses(line string) map[string]string {
	all := map[string]string{}
	for f := range strings.FieldsSeq(line) {
		k, v, _ := strings.Cut(f, "=")
		all[k] = v
	}
	return all
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
	_ = p.Process.Kill()
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

// end ends a child as an operator would, and says how it did not end cleanly.
func (p *process) end() error {
	_ = p.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(endLimit)
	defer limit.Stop()
	select {
	case <-p.ended:
		if p.err != nil {
			return fmt.Errorf("%s did not stop cleanly: %w: %s", p.name, p.err, p.said())
		}
		return nil
	case <-limit.C:
		return fmt.Errorf("%s did not stop in %s", p.name, endLimit)
	}
}
