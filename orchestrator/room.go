package orchestrator

import (
	"context"
	"errors"
)

// Sized is implemented by logs that know how full they are.
type Sized interface {
	// Size returns how many bytes the log takes and how many it may take: its own
	// limit, or less when the disk has less. ErrLogBroken says that it can be
	// neither written nor healed without being opened anew.
	Size(ctx context.Context) (bytes, limit int64, err error)
}

// What an Append may be turned away with, besides ErrFenced and ErrLogFull.
var (
	// ErrLogNearlyFull refuses new signals, so that what is left of the log is there
	// for people, results and claims.
	ErrLogNearlyFull = errors.New("the log is nearly full: new signals are refused, so that people and results still get in")
	// ErrLogGone means that nothing was sent, because the server is not there.
	ErrLogGone = errors.New("the log cannot be reached")
	// ErrLogBroken means that the log was not and will not be written any more until
	// it is opened anew.
	ErrLogBroken = errors.New("the log can no longer be written")
	// ErrTooLong means that the entry is over MaxEntry.
	ErrTooLong = errors.New("too long for one entry of the log")
)

// MaxEntry is how long the body of an entry may be, in bytes; it leaves room for
// headers under the 1 MiB of a NATS server's max_payload.
const MaxEntry = 1<<20 - 16<<10
