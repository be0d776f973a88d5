package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	// URLVariable is the variable by which the child gets the address.
	URLVariable  = "BACKOUT_REPAIR_URL"
	resultFile   = "result.json"
	evidenceFile = "evidence.json"
	fileMode     = 0o600
	// cleanUp is what the child leaves itself of its deadline to put things away.
	cleanUp = 10 * time.Second
)

// The operations of the child.
const (
	opCompare = "compare"
	opStage   = "stage"
	opApply   = "apply"
)

// request is what the child is asked for; no secret is in it.
type request struct {
	Op string `json:"op"`
	// Key is the step's.
	Key      string        `json:"key"`
	Deadline int64         `json:"deadline"` // Unix milliseconds
	Private  []string      `json:"private,omitempty"`
	Beside   copies.Beside `json:"beside,omitzero"`
	// Scratch is the database that the copy is in.
	Scratch string `json:"scratch,omitempty"`
	Wanted  wanted `json:"wanted,omitzero"`
	// Approved is what two people said yes to.
	Approved staged `json:"approved,omitzero"`
	// Statement is the SHA-256 of what each batch runs, as it was approved.
	Statement string `json:"statement,omitempty"`
}

// result is what the child leaves in its job's folder.
type result struct {
	Compared *compared `json:"compared,omitempty"`
	Staged   *staged   `json:"staged,omitempty"`
	Repaired *progress `json:"repaired,omitempty"`
	// Error says why it was not done; Never that no repetition cures it.
	Error string `json:"error,omitempty"`
	Never bool   `json:"never,omitempty"`
}

// never marks an error that no repetition cures.
type never struct{ error }

func (n never) Unwrap() error { return n.error }

// Stop is called at named points of the work; tests end the process there.
type Stop func(point string)

// work is one operation of the child.
type work struct {
	request
	address *direct.Address
	stop    Stop
	out     result
}

// Run is the child: it does what the request says and leaves a result in the working
// folder, which is the job's. The address comes by URLVariable. It must be the process's
// main work: what it starts ends with it.
func Run(ctx context.Context, text string, stop Stop) error {
	runtime.LockOSThread() // What it starts dies with this thread.
	defer runtime.UnlockOSThread()
	var r request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	a, err := direct.Parse(os.Getenv(URLVariable), r.Private)
	if err != nil {
		return fmt.Errorf("%s: %w", URLVariable, err)
	}
	if err := os.Unsetenv(URLVariable); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadlineCause(ctx, time.UnixMilli(r.Deadline).Add(-cleanUp), errors.New("it took longer than snapshots.timeout"))
	defer cancel()
	if stop == nil {
		stop = func(string) {}
	}
	w := &work{request: r, address: a, stop: stop}
	err = w.do(ctx)
	if err != nil {
		w.out.Error, w.out.Never = say(err), errors.As(err, &never{}) || copies.Never(err)
		fmt.Fprintln(os.Stderr, w.out.Error)
	}
	return errors.Join(err, put(resultFile, w.out))
}

func (w *work) do(ctx context.Context) error {
	switch w.Op {
	case opCompare:
		return w.compare(ctx)
	case opStage:
		return w.stage(ctx)
	case opApply:
		return w.apply(ctx)
	}
	return never{fmt.Errorf("%q is nothing to be done", w.Op)}
}

// say is an error in words without a row's data: what was being done, and of what the
// server said what may be told.
func say(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err.Error()
	}
	doing, _, _ := strings.Cut(err.Error(), pg.Error())
	return doing + direct.Said(err)
}

// put writes a file of the working folder, whole or not at all.
func put(name string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.WriteFile(name+".new", body, fileMode)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
