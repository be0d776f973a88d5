package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// spare is what a job may need beyond its deadline to be killed and written down.
	spare = 30 * time.Second
	// wordsMost is how much of a job's last words is told, in runes.
	wordsMost = 600
)

// Step is the jobs of one kind of step: each attempt has one under a name of its own, and
// what an earlier attempt has begun is found again and not begun twice.
type Step struct {
	Jobs *Runner
	// Kind begins the names.
	Kind string
	// Limit is how long a job may take, CheckAfter when it is looked at first.
	Limit, CheckAfter time.Duration
}

// Short is a name for text, of so many hexadecimal digits: at most 64.
func Short(text string, digits int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:digits]
}

// family is the beginning of the names of all jobs of a step, over its attempts.
func (s *Step) family(c orchestrator.Call) string { return s.Kind + "-" + Short(c.Key, 16) + "-" }

// Name is the name of an attempt's job.
func (s *Step) Name(c orchestrator.Call) string { return s.family(c) + Short(c.Attempt, 8) }

// Launch starts the job of an attempt, unless one of an earlier attempt is at work, or
// has done what is to be done.
func (s *Step) Launch(c orchestrator.Call, done func(name string) bool, start func(name string) error) (orchestrator.Output, error) {
	accepted := func(name string) orchestrator.Output {
		return orchestrator.Output{Text: "job " + name + " is at work", Accepted: &orchestrator.Accepted{
			Token: name, CheckAfter: s.CheckAfter.Milliseconds(), Until: (s.Limit + spare).Milliseconds(),
		}}
	}
	earlier, err := s.Jobs.Find(s.family(c))
	if err != nil {
		return orchestrator.Output{}, err
	}
	for _, name := range earlier {
		st, err := s.Jobs.Look(name)
		if err != nil || st.AtWork() {
			return accepted(name), err
		}
		if done(name) {
			return accepted(name), nil // Verify tells it.
		}
	}
	name := s.Name(c)
	if err := start(name); err != nil && !errors.Is(err, ErrExists) {
		return orchestrator.Output{}, err
	}
	return accepted(name), nil
}

// AtWork reports whether the job may still do something.
func (s Status) AtWork() bool {
	return s.State == Running || s.State == Starting || s.State == Lost && s.Left
}

// How tells in words how a job that is over, or never was, ended; limit names the setting
// that its deadline comes from.
func (s Status) How(name, limit string) string {
	switch {
	case s.State == Absent:
		return "this machine knows no job " + name
	case s.State == NeverStarted:
		return "job " + name + " was never started"
	case s.State == Lost:
		return "job " + name + " was killed together with its supervisor"
	case s.Ended.Late:
		return "job " + name + " was ended at its deadline; raise " + limit
	case s.Ended.Signal != "":
		return "job " + name + " was killed by " + s.Ended.Signal
	case s.Ended.Error != "":
		return "job " + name + " could not be started: " + s.Ended.Error
	}
	said := []rune(strings.Join(strings.Fields(s.Output), " "))
	return fmt.Sprintf("job %s ended with exit %d: %s", name, s.Ended.Exit, string(said[max(0, len(said)-wordsMost):]))
}

// Child is a program of ours that works in its job's folder: it gets its request behind
// its command, an address by a variable, and leaves files.
type Child struct {
	Command []string
	// Path is its PATH; Variable is what brings the Address.
	Path, Variable, Address string
	// Request is given as JSON; Deadline is in Unix milliseconds.
	Request  any
	Deadline int64
}

// StartChild starts a job. With a ctx that ended the error is in doubt.
func (r *Runner) StartChild(ctx context.Context, name string, c Child) error {
	body, err := json.Marshal(c.Request)
	if err != nil {
		return fmt.Errorf("encoding the request of job %s: %w", name, err)
	}
	dir := filepath.Join(r.Root, name)
	err = r.Start(ctx, name, Spec{
		Argv: append(slices.Clone(c.Command), string(body)), Dir: dir, Env: []string{c.Variable},
		Set: map[string]string{"PATH": c.Path, "HOME": dir, "LANG": "C.UTF-8"}, Deadline: c.Deadline,
	}, map[string]string{c.Variable: c.Address})
	if err != nil && ctx.Err() != nil {
		return orchestrator.InDoubt(err)
	}
	return err
}

// ReadLeft reads a file that a child left as JSON; found is false when it left none.
func (r *Runner) ReadLeft(name, file string, v any) (found bool, err error) {
	body, err := os.ReadFile(filepath.Join(r.Root, name, file))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return false, fmt.Errorf("reading the result of job %s: %w", name, err)
	}
	return true, nil
}
