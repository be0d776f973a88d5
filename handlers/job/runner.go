package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// startWithin is how long after Start a supervisor may still start its child.
	startWithin = 10 * time.Second
	startLook   = 10 * time.Millisecond
	// keepFor is how long a job that is over is kept.
	keepFor = 30 * 24 * time.Hour
)

// ErrExists is the cause when a folder has a job already.
var ErrExists = errors.New("there is a job in it already")

// Runner starts jobs and looks at them. It is safe for concurrent use.
type Runner struct {
	// Root holds a folder per job.
	Root string
	// Command is what is called with a job's folder behind it: `backout job`.
	Command []string

	mu       sync.Mutex
	children []int
}

// Start writes the job down under a name that no job has yet, and answers when its
// child is started. Values are those of spec.Env. When Backout dies meanwhile Look
// tells what became of it. Afterwards an error means that it was not started, or with
// a ctx that ended that this is not known yet.
func (r *Runner) Start(ctx context.Context, name string, spec Spec, values map[string]string) error {
	now := time.Now()
	spec.StartBy = now.Add(startWithin).UnixMilli()
	if err := spec.check(now); err != nil {
		return fmt.Errorf("starting job %s: %w", name, err)
	}
	r.prune(now)
	dir, err := r.folder(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return fmt.Errorf("starting job %s: %w", name, err)
	}
	err = errors.Join(syncFolder(r.Root), write(dir, specFile, spec, true))
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("starting job %s: %w", name, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("starting job %s: %w", name, err)
	}
	pid, err := r.supervisor(dir, spec.Env, values)
	if err != nil {
		return fmt.Errorf("starting the supervisor of job %s: %w", name, err)
	}
	return r.started(ctx, name, dir, pid)
}

// folder refuses what would lead out of the root.
func (r *Runner) folder(name string) (string, error) {
	if name == "" || strings.HasPrefix(name, ".") || filepath.Base(name) != name {
		return "", fmt.Errorf("%q cannot be the name of a job", name)
	}
	return filepath.Abs(filepath.Join(r.Root, name))
}

// supervisor starts `backout job DIR` with the job's own variables and no others.
func (r *Runner) supervisor(dir string, names []string, values map[string]string) (int, error) {
	talk, err := os.OpenFile(filepath.Join(dir, talkFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return 0, err
	}
	defer func() { _ = talk.Close() }()
	argv := append(slices.Clone(r.Command), dir)
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Env: []string{}, Dir: dir, Stdout: talk, Stderr: talk}
	for _, name := range names {
		if value, ok := values[name]; ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	r.mu.Lock()
	defer r.mu.Unlock()
	r.children = append(r.children, pid)
	return pid, cmd.Process.Release()
}

// started waits until the start is written down or the supervisor is gone.
func (r *Runner) started(ctx context.Context, name, dir string, pid int) error {
	tick := time.NewTicker(startLook)
	defer tick.Stop()
	for {
		gone := r.reap(pid)
		if ok, err := read(dir, startedFile, new(Started)); ok || err != nil {
			return err
		}
		if gone {
			said, _ := os.ReadFile(filepath.Join(dir, talkFile))
			return fmt.Errorf("starting job %s: its supervisor ended at once: %s", name, strings.TrimSpace(string(said)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for job %s to start: %w", name, ctx.Err())
		}
	}
}

// reap collects supervisors that have ended, which nobody waits for, and reports
// whether pid is among the gone.
func (r *Runner) reap(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.children = slices.DeleteFunc(r.children, reaped)
	return !slices.Contains(r.children, pid)
}

// Look tells how a job is doing. It changes nothing.
func (r *Runner) Look(name string) (Status, error) {
	r.reap(0)
	dir, err := r.folder(name)
	if err != nil {
		return Status{}, err
	}
	s := Status{State: Absent}
	if ok, err := read(dir, specFile, &s.Spec); err != nil || !ok {
		return s, err
	}
	// In this order: a start or an end in between never looks like a job that is lost.
	now := time.Now()
	started, err1 := read(dir, startedFile, &s.Started)
	held, err2 := locked(dir)
	ended, err3 := read(dir, endedFile, &s.Ended)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, fmt.Errorf("looking at job %s: %w", name, err)
	}
	said, _ := os.ReadFile(filepath.Join(dir, outputFile)) // None yet is no output.
	s.Output = string(said)
	switch {
	case ended:
		s.State = Over
	case held:
		s.State = Running
	case started:
		s.State, s.Left = Lost, remains(s.Started.Child)
	case now.UnixMilli() > s.Spec.StartBy:
		s.State = NeverStarted
	default:
		s.State = Starting
	}
	return s, nil
}

// Find lists the jobs whose name begins so, in the order of their names.
func (r *Runner) Find(prefix string) ([]string, error) {
	entries, err := os.ReadDir(r.Root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Remove drops a job that is over, or that nobody can start any more; others stay.
func (r *Runner) Remove(name string) {
	s, err := r.Look(name)
	if err != nil || (s.State != Over && s.State != NeverStarted) {
		return
	}
	if dir, err := r.folder(name); err == nil {
		_ = os.RemoveAll(dir) // What stays is pruned later.
	}
}

// prune drops what has been over for long.
func (r *Runner) prune(now time.Time) {
	names, _ := r.Find("")
	for _, name := range names {
		dir := filepath.Join(r.Root, name)
		var e Ended
		if ok, err := read(dir, endedFile, &e); err == nil && ok && now.Sub(time.UnixMilli(e.At)) > keepFor {
			_ = os.RemoveAll(dir) // Tried again at the next start.
		}
	}
}
