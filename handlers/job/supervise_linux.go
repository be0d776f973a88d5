package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// grace is what lies between asking the job to end and killing it.
	grace = 5 * time.Second
	// groupLook is how often the processes of the job are looked for.
	groupLook = 50 * time.Millisecond
	// drain bounds the wait for output when every known process of the job is gone.
	drain = 2 * time.Second
)

// ErrStarted is the cause when a job was started before: it runs at most once.
var ErrStarted = errors.New("it was started before; a job runs once")

// Supervise runs the job of dir to its end and writes how it ended. Redact is applied
// to every line of output after the values of the job's variables are masked. When ctx
// ends the job is stopped. An error means that nothing was run, or that the end could
// not be written.
func Supervise(ctx context.Context, dir string, redact func(string) string) error {
	// The child dies with the thread that started it, see command.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	lock, err := acquire(dir)
	if err != nil {
		return fmt.Errorf("running job %s: %w", dir, err)
	}
	defer func() { _ = lock.Close() }()
	spec, err := claim(dir)
	if err != nil {
		return fmt.Errorf("running job %s: %w", dir, err)
	}
	// What the child leaves behind becomes ours, so that its end can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("running job %s: becoming the parent of what it leaves: %w", dir, err)
	}
	ended := run(ctx, dir, spec, redact)
	ended.At = time.Now().UnixMilli()
	if err := write(dir, endedFile, ended, false); err != nil {
		return fmt.Errorf("writing how job %s ended: %w", dir, err)
	}
	return nil
}

// claim reads the spec and makes the start known before anything is started. The lock
// is held.
func claim(dir string) (*Spec, error) {
	var spec Spec
	if ok, err := read(dir, specFile, &spec); err != nil || !ok {
		return nil, errors.Join(errors.New("there is no spec in it"), err)
	}
	now := time.Now()
	if err := spec.check(now); err != nil {
		return nil, err
	}
	if now.UnixMilli() > spec.StartBy {
		return nil, errors.New("it was to be started earlier; whoever asked has given up")
	}
	err := write(dir, startedFile, Started{At: now.UnixMilli(), Supervisor: os.Getpid()}, true)
	if errors.Is(err, os.ErrExist) {
		return nil, ErrStarted
	}
	return &spec, err
}

// run starts the child and waits for it and for what it leaves behind.
func run(ctx context.Context, dir string, spec *Spec, redact func(string) string) Ended {
	file, err := os.OpenFile(filepath.Join(dir, outputFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return Ended{Exit: 127, Error: "opening its output: " + err.Error()}
	}
	env, secrets := environment(spec)
	hide := masker(secrets)
	out := &output{file: file, redact: func(s string) string { return redact(hide(s)) }}
	defer out.close()
	cmd := command(spec, env)
	r, w, err := os.Pipe()
	if err != nil {
		return Ended{Exit: 127, Error: "making a pipe for its output: " + err.Error()}
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return Ended{Exit: 127, Error: hide("starting it: " + err.Error())}
	}
	// Only for people: nothing rests on the process id.
	_ = write(dir, startedFile, Started{At: time.Now().UnixMilli(), Supervisor: os.Getpid(), Child: cmd.Process.Pid}, false)
	read := make(chan struct{})
	go func() {
		defer close(read)
		_ = out.copy(r) // What came before is kept.
	}()
	ended := watch(ctx, cmd, time.UnixMilli(spec.Deadline))
	await(r, read)
	ended.Output = out.seen
	return ended
}

// await gives the output's end a moment, and then takes the pipe away.
func await(r *os.File, read <-chan struct{}) {
	t := time.NewTimer(drain)
	defer t.Stop()
	select {
	case <-read:
		_ = r.Close()
	case <-t.C:
		_ = r.Close()
		<-read
	}
}

// environment is what the child gets: nothing that the spec does not name.
func environment(spec *Spec) (env, secrets []string) {
	for _, name := range spec.Env {
		if value, ok := os.LookupEnv(name); ok {
			env, secrets = append(env, name+"="+value), append(secrets, value)
		}
	}
	for name, value := range spec.Set {
		env = append(env, name+"="+value)
	}
	return env, secrets
}

// command is a child in a group of its own that the kernel kills when its supervisor
// dies; what it started itself then ends on its closed pipes, or is found by others.
func command(spec *Spec, env []string) *exec.Cmd {
	path := spec.Argv[0]
	if found, err := look(path, spec.Set["PATH"]); err == nil {
		path = found
	}
	return &exec.Cmd{
		Path: path, Args: spec.Argv, Dir: spec.Dir, Env: env,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
}

// look finds a program in the child's own PATH.
func look(name, path string) (string, error) {
	if filepath.Base(name) != name {
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found, nil
		}
	}
	return exec.LookPath(name)
}

// watch waits for the child and its group. At the deadline, or when ctx ends, it asks
// the whole group to end and then kills it.
func watch(ctx context.Context, cmd *exec.Cmd, deadline time.Time) Ended {
	group := cmd.Process.Pid
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // How it ended is in ProcessState.
	}()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var ended Ended
	tick := time.NewTicker(groupLook)
	defer tick.Stop()
	kill := time.NewTimer(time.Hour)
	defer kill.Stop()
	done := ctx.Done()
	child := false
	for {
		select {
		case <-gone:
			child, gone = true, nil
		case <-done:
			done = nil
			ended.Late = errors.Is(ctx.Err(), context.DeadlineExceeded)
			ended.Stopped, ended.Remained = !ended.Late, child
			_ = syscall.Kill(-group, syscall.SIGTERM)
			kill.Reset(grace)
		case <-kill.C:
			if done == nil {
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
		case <-tick.C:
		}
		if child && empty(group) {
			ended.Exit, ended.Signal = status(cmd.ProcessState)
			return ended
		}
	}
}

// empty reaps what the child left and reports whether nothing of the group is left.
func empty(group int) bool {
	for {
		pid, err := syscall.Wait4(-group, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // ECHILD
			return true
		case pid == 0:
			return false
		}
	}
}

func status(s *os.ProcessState) (exit int, signal string) {
	ws, ok := s.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal()), unix.SignalName(ws.Signal())
	}
	return s.ExitCode(), ""
}
