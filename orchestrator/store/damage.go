package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/aimarketplace/backout/orchestrator"
)

// broken is what bbolt panicked with on a file that it cannot make sense of.
type broken struct{ cause any }

func (b broken) Error() string {
	if orchestrator.Faulted(b.cause) {
		return "a page of it is missing, or says nothing sensible"
	}
	return fmt.Sprint(b.cause)
}

// blame says of a panic of bbolt that it is the file's, so that nobody takes it for a
// mistake of whoever reads. It is to be deferred around bbolt alone.
func blame() {
	if cause := recover(); cause != nil {
		panic(broken{cause})
	}
}

// Damage returns an error that wraps orchestrator.ErrStore when what was recovered comes
// from a damaged file, and nil otherwise: bbolt panics on pages that it cannot read, and
// memory faults where the file is shorter than it says, or a length in it is wild. A fault
// is a panic only in a goroutine that asked for it by debug.SetPanicOnFault.
func Damage(recovered any) error {
	if b, ok := recovered.(broken); ok {
		return fmt.Errorf("%w (%w)", orchestrator.ErrStore, b)
	}
	if orchestrator.Faulted(recovered) {
		return fmt.Errorf("%w (a page of it is missing, or says nothing sensible)", orchestrator.ErrStore)
	}
	return nil
}

// survive runs fn, which reads a commit by way of committed, and returns the damage it
// meets. Every other panic goes on.
func survive(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			if err = Damage(cause); err == nil {
				panic(cause)
			}
		}
	}()
	return fn()
}

// alone runs fn, in which nothing but bbolt is at work, so that every panic is damage.
func alone(fn func() error) error {
	return survive(func() error {
		defer blame()
		return fn()
	})
}

// opened is bbolt.Open for a file that may be damaged.
func opened(path string, o *bbolt.Options) (db *bbolt.DB, err error) {
	err = alone(func() error {
		if db, err = bbolt.Open(path, 0o600, o); err != nil {
			return err
		}
		return db.View(func(tx *bbolt.Tx) error { return longEnough(path, tx.Size()) })
	})
	for _, damage := range []error{bolterrors.ErrInvalid, bolterrors.ErrChecksum, bolterrors.ErrVersionMismatch} {
		if errors.Is(err, damage) {
			err = fmt.Errorf("%w (%w)", orchestrator.ErrStore, err)
		}
	}
	return db, err
}

// longEnough finds a file that was cut off: bbolt would fault on it sooner or later.
func longEnough(path string, want int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at its size: %w", err)
	}
	if info.Size() < want {
		return fmt.Errorf("%w (it has %d bytes of %d)", orchestrator.ErrStore, info.Size(), want)
	}
	return nil
}
