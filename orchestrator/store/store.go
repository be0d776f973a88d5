package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/aimarketplace/backout/orchestrator"
)

// Store is one bbolt file with one writer. Reads may run at any time from any
// goroutine and see the last commit.
type Store struct {
	db *bbolt.DB
	tx *bbolt.Tx
}

// ErrSchema means that the file was written by a newer version.
var ErrSchema = errors.New("the store was written by a newer version of Backout")

// Open opens or creates the store at path. It fails after a second when another
// process has it open.
func Open(path string) (*Store, error) {
	if err := create(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, options())
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("opening the store %s: another Backout is running on this data folder; stop it first", path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", path, err)
	}
	if err := db.Update(addBuckets); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store %s: %w", path, err), db.Close())
	}
	return &Store{db: db}, nil
}

func options() *bbolt.Options {
	return &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 30}
}

// create makes a new file beside its place and renames it in, because a power
// cut while bbolt writes its first pages would leave a broken file (etcd-io/bbolt
// issue 567).
func create(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a half-made store %s: %w", tmp, err)
	}
	db, err := bbolt.Open(tmp, 0o600, options())
	if err != nil {
		return fmt.Errorf("creating the store %s: %w", tmp, err)
	}
	if err := errors.Join(db.Update(addBuckets), db.Sync(), db.Close()); err != nil {
		return fmt.Errorf("creating the store %s: %w", tmp, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("creating the store %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func addBuckets(tx *bbolt.Tx) error {
	for _, b := range orchestrator.Buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
			return fmt.Errorf("making bucket %s: %w", b, err)
		}
	}
	meta := tx.Bucket([]byte(orchestrator.BucketMeta))
	if v := meta.Get([]byte("schema")); len(v) == 4 && binary.BigEndian.Uint32(v) > schemaVersion {
		return ErrSchema
	}
	if err := meta.Put([]byte("schema"), binary.BigEndian.AppendUint32(nil, schemaVersion)); err != nil {
		return fmt.Errorf("writing the schema version: %w", err)
	}
	return nil
}

// Begin opens the write transaction and returns it as a view. Only one may be
// open.
func (s *Store) Begin() (*View, error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	s.tx = tx
	return &View{tx: tx}, nil
}

// Commit makes what was written durable. After an error the process must end: a
// restart is the recovery.
func (s *Store) Commit(v *View) error {
	if v.err != nil {
		return fmt.Errorf("writing the store: %w", v.err)
	}
	if err := s.tx.Commit(); err != nil {
		return fmt.Errorf("committing the store: %w", err)
	}
	s.tx = nil
	return nil
}

// Read runs fn on the last commit.
func (s *Store) Read(fn func(*orchestrator.State) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		st, err := orchestrator.NewState(&View{tx: tx})
		if err != nil {
			return err
		}
		return fn(st)
	})
}

// Check looks for damage in the file.
func (s *Store) Check() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		var all []error
		for err := range tx.Check() {
			all = append(all, err)
		}
		return errors.Join(all...)
	})
}

// Discard drops what was not committed; Begin may follow.
func (s *Store) Discard() error {
	if s.tx == nil {
		return nil
	}
	err := s.tx.Rollback()
	s.tx = nil
	return err
}

// Close drops what was not committed and closes the file.
func (s *Store) Close() error { return errors.Join(s.Discard(), s.db.Close()) }
