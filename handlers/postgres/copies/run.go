package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	// URLVariable is the variable by which the child gets the address.
	URLVariable = "BACKOUT_COPY_URL"
	resultFile  = "result.json"
	// cleanUp is what the child leaves itself of its deadline to put things away.
	cleanUp = 10 * time.Second
)

// The operations of the child.
const (
	opTake    = "take"
	opProve   = "prove"
	opRestore = "restore"
)

// request is what the child is asked for; no secret is in it. Times are Unix
// milliseconds, Keep milliseconds.
type request struct {
	Op          string `json:"op"`
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Folder      string `json:"folder"`
	// Copy is the copy to prove or to restore.
	Copy string `json:"copy,omitempty"`
	// Sum, when set, is the SHA-256 of the manifest of the copy that was approved.
	Sum string `json:"sum,omitempty"`
	// Prove has a copy proven that was just taken.
	Prove bool `json:"prove,omitempty"`
	// Key is the step's, for a restore.
	Key      string   `json:"key,omitempty"`
	Bin      string   `json:"bin,omitempty"`
	Path     string   `json:"path,omitempty"`
	Jobs     int      `json:"jobs"`
	Keep     int64    `json:"keep"`
	Deadline int64    `json:"deadline"`
	Private  []string `json:"private,omitempty"`
}

// result is what the child leaves in its job's folder.
type result struct {
	Copy     string `json:"copy,omitempty"`
	At       int64  `json:"at,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Rows     int64  `json:"rows,omitempty"`
	Tables   int    `json:"tables,omitempty"`
	Verified bool   `json:"verified,omitempty"`
	Owners   bool   `json:"owners,omitempty"`
	// Before is what the database that was replaced is called now.
	Before string `json:"before,omitempty"`
	// Dropped are copies that were older than they are kept.
	Dropped []string `json:"dropped,omitempty"`
	// Error says why it was not done; Never that no repetition cures it.
	Error string `json:"error,omitempty"`
	Never bool   `json:"never,omitempty"`
}

// never marks an error that no repetition cures.
type never struct{ error }

func (n never) Unwrap() error { return n.error }

// Stop is called at named points of the work; tests end the process there.
type Stop func(point string)

// Carry brings over to a restored database, before it takes the place of the one of now,
// what stands there and no copy can know. Both connections are of the same role.
type Carry func(ctx context.Context, now, restored *pgx.Conn) error

// Run is the child: it does what the request says, in the job's folder, and leaves a
// result there. The address comes by URLVariable. It must be the process's main work:
// what it starts ends with it. stop and carry may be nil.
func Run(ctx context.Context, text string, stop Stop, carry Carry) error {
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
	w := &work{request: r, address: a, stop: stop, carry: carry}
	err = w.do(ctx)
	if err != nil {
		var n never
		w.out.Error, w.out.Never = say(err), errors.As(err, &n)
		fmt.Fprintln(os.Stderr, w.out.Error)
	}
	dir, wd := os.Getwd()
	if wd != nil {
		return errors.Join(err, wd)
	}
	return errors.Join(err, put(dir, resultFile, w.out))
}

// say is an error in words without a row's data: what was being done, and of what the
// server said what may be told.
func say(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	doing, _, _ := strings.Cut(err.Error(), pg.Error())
	return doing + direct.Said(err)
}

// work is one operation of the child.
type work struct {
	request
	address *direct.Address
	stop    Stop
	carry   Carry
	out     result
	tools   tools
}

func (w *work) do(ctx context.Context) error {
	conn, err := w.address.Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("the database cannot be reached: %w", err)
	}
	major, err := serverMajor(ctx, conn)
	direct.Close(ctx, conn)
	if err != nil {
		return err
	}
	if w.tools, err = findTools(ctx, w.Bin, w.Path, major); err != nil {
		return never{err}
	}
	switch w.Op {
	case opTake:
		return w.takeAndProve(ctx)
	case opProve:
		return w.proveOne(ctx)
	case opRestore:
		return w.restore(ctx)
	}
	return never{fmt.Errorf("%q is nothing to be done", w.Op)}
}

func (w *work) takeAndProve(ctx context.Context) error {
	lock, err := w.lock()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	c, err := w.take(ctx)
	if err != nil {
		return fmt.Errorf("copying %s: %w", w.address, err)
	}
	w.out.of(c)
	if w.Prove {
		if err := w.prove(ctx, c); err != nil {
			return fmt.Errorf("copy %s was taken and could not be proven: %w", c.Name, err)
		}
	}
	w.out.Dropped, err = prune(w.Folder, w.Project, w.Environment, time.Now().UnixMilli()-w.Keep)
	return err
}

func (w *work) proveOne(ctx context.Context) error {
	c, err := open(w.Folder, w.Copy)
	if err != nil {
		return never{err}
	}
	w.out.of(c)
	return w.prove(ctx, c)
}

func (o *result) of(c *Copy) {
	m := &c.Manifest
	o.Copy, o.At, o.Size, o.Rows, o.Tables = c.Name, m.At, m.Size, m.Rows, len(m.Tables)
	o.Verified = c.Verified != nil
	o.Owners = c.Verified != nil && c.Verified.Owners
}

// lock keeps a second copy of the same database away.
func (w *work) lock() (*os.File, error) {
	dir := filepath.Join(w.Folder, "."+w.Project+"-"+w.Environment+".lock")
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("the folder of the copies cannot be written: %w", err)
	}
	f, err := hold(dir, true)
	if err != nil {
		return nil, fmt.Errorf("another copy of %s/%s is being taken: %w", w.Project, w.Environment, err)
	}
	return f, nil
}
