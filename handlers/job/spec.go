package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Spec is what a job runs. Times are milliseconds since 1970.
type Spec struct {
	// Argv is the program, found by its path or in the PATH of Set, and its arguments.
	Argv []string `json:"argv"`
	// Dir is the working folder of the child.
	Dir string `json:"dir"`
	// Env names the variables that the child gets from its supervisor's environment.
	// Their values are taken for secrets and masked in the output.
	Env []string `json:"env,omitempty"`
	// Set are variables that are no secrets.
	Set map[string]string `json:"set,omitempty"`
	// Deadline is when the child is killed at the latest.
	Deadline int64 `json:"deadline"`
	// StartBy is after when a supervisor refuses to start the child, so that a job that
	// was found not to be started stays so; Runner.Start sets it.
	StartBy int64 `json:"start_by"`
	// Note is what the caller wants to find again.
	Note json.RawMessage `json:"note,omitempty"`
}

func (s *Spec) check(now time.Time) error {
	switch {
	case len(s.Argv) == 0 || s.Argv[0] == "":
		return errors.New("there is nothing to run")
	case s.Dir == "":
		return errors.New("there is no folder to run in")
	case s.Deadline <= now.UnixMilli():
		return errors.New("its deadline is over already")
	}
	for _, name := range s.Env {
		if _, twice := s.Set[name]; twice {
			return fmt.Errorf("variable %s is given twice", name)
		}
	}
	return nil
}

// Started is written before the child is started, and again with its process id.
type Started struct {
	At         int64 `json:"at"`
	Supervisor int   `json:"supervisor"`
	Child      int   `json:"child,omitempty"`
}

// Ended is how a job ended. Exit is as a shell tells it: 128 + the number for a signal.
type Ended struct {
	At   int64 `json:"at"`
	Exit int   `json:"exit"`
	// Signal names what killed the child, "" when it exited.
	Signal string `json:"signal,omitempty"`
	// Late is set when the deadline ended it, Stopped when somebody stopped the supervisor.
	Late    bool `json:"late,omitempty"`
	Stopped bool `json:"stopped,omitempty"`
	// Remained is set when processes of the job outlived the child and were killed.
	Remained bool `json:"remained,omitempty"`
	// Error says why the child could not be started.
	Error string `json:"error,omitempty"`
	// Output is how many bytes were printed, kept or not.
	Output int64 `json:"output"`
}

// State is what is known of a job.
type State string

// The states of a job.
const (
	// Absent: there is no such folder here.
	Absent State = "absent"
	// Starting: a supervisor may still start it.
	Starting State = "starting"
	// NeverStarted: nobody started it, and nobody can any more.
	NeverStarted State = "never_started"
	Running      State = "running"
	Over         State = "over"
	// Lost: its supervisor died, so nobody knows how it ended.
	Lost State = "lost"
)

// Status is what Look found. Spec, Started and Ended are zero where there are none yet.
type Status struct {
	State   State
	Spec    Spec
	Started Started
	Ended   Ended
	// Left is set with Lost while processes that the child started are still at work.
	Left bool
	// Output is what was kept so far.
	Output string
}
