package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/aimarketplace/backout/orchestrator"
)

// Store is one bbolt file with one writer. Reads may run at any time from any
// goroutine and see the last commit.
type Store struct {
	db *bbolt.DB
	// base is the last commit as the fold reads it; nil when no view is open.
	base *bbolt.Tx
	// mapped is how large the file may grow before bbolt maps it anew, in bytes.
	mapped int64
	// damaged is set when bbolt broke while it wrote: it may hold its lock for ever, so
	// the file is not closed and left to the end of the process.
	damaged atomic.Bool
}

// ErrSchema means that the file was written by a newer version.
var ErrSchema = errors.New("the store was written by a newer version of Backout; install that one or a newer, nothing was changed here")

// Open opens or creates the store at path. It fails after a second when another
// process has it open.
func Open(path string) (*Store, error) { return open(path, mapSize(path)) }

func open(path string, mapped int) (*Store, error) {
	if err := create(path); err != nil {
		return nil, err
	}
	o := options()
	o.InitialMmapSize = mapped
	db, err := opened(path, o)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("opening the store %s: another Backout is running on this data folder; stop it first", path)
	}
	if err == nil {
		err = alone(func() error { return db.Update(addBuckets) })
	}
	if err != nil {
		err = fmt.Errorf("opening the store %s: %w", path, err)
		if db != nil && !errors.Is(err, orchestrator.ErrStore) {
			err = errors.Join(err, db.Close())
		}
		return nil, err
	}
	return &Store{db: db, mapped: int64(mapped)}, nil
}

func options() *bbolt.Options {
	return &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType}
}

// mapSize is how much address space the file gets, in bytes: bbolt waits for every
// reader when it has to map a file anew, and while a commit runs beside the fold the
// fold is a reader. No memory is taken by it.
func mapSize(path string) int {
	most := int64(1) << 30
	if strconv.IntSize == 64 {
		most = 1 << 33
	}
	if info, err := os.Stat(path); err == nil {
		most = min(max(most, 4*info.Size()), math.MaxInt)
	}
	return int(most)
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

// Begin opens the one view that may be written.
func (s *Store) Begin() (*View, error) {
	v := &View{live: newLayer(nil), filters: map[orchestrator.Bucket]*filter{}}
	for _, b := range filtered() {
		v.filters[b] = newFilter()
	}
	return v, s.see(v)
}

// see lets the view read the last commit.
func (s *Store) see(v *View) error {
	return alone(func() error { return s.seen(v) })
}

func (s *Store) seen(v *View) error {
	tx, err := s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("reading the last commit: %w", err)
	}
	old := s.base
	s.base, v.base = tx, &committed{tx: tx}
	for b, f := range v.filters {
		f.takeIn(tx.Bucket([]byte(b)))
	}
	return rollback(old)
}

// Commit makes what was written durable before it returns; nothing may be frozen.
// After an error the process must end: a restart is the recovery.
func (s *Store) Commit(v *View) error {
	v.Freeze()
	if err := rollback(s.base); err != nil { // bbolt may have to map the file anew
		return fmt.Errorf("committing the store: %w", err)
	}
	s.base = nil
	if err := s.Write(v); err != nil {
		return err
	}
	return s.Settle(v)
}

// Room reports whether what was written can be committed beside the view.
func (s *Store) Room(v *View) bool {
	page := int64(s.db.Info().PageSize)
	return s.base.Size()+3*page*int64(v.live.count)+2*int64(v.live.bytes) < s.mapped
}

// Freeze hands over what was written to the next Write and Settle.
func (v *View) Freeze() { v.frozen, v.live = v.live, newLayer(v.live) }

// Rows is how many records were written since the last Freeze.
func (v *View) Rows() int { return v.live.count }

// Write makes what was frozen durable. It may run in a goroutine of its own while the
// view is used.
func (s *Store) Write(v *View) error {
	if err := alone(func() error { return s.db.Update(v.frozen.write) }); err != nil {
		s.damaged.Store(errors.Is(err, orchestrator.ErrStore))
		return fmt.Errorf("committing the store: %w", err)
	}
	return nil
}

// Settle lets the view read what Write made durable, from there.
func (s *Store) Settle(v *View) error {
	v.frozen = nil
	return s.see(v)
}

// Read runs fn on the last commit.
func (s *Store) Read(fn func(*orchestrator.State) error) error {
	return survive(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			st, err := orchestrator.NewState(&committed{tx: tx})
			if err != nil {
				return err
			}
			return fn(st)
		})
	})
}

// Check looks for damage in the file.
func (s *Store) Check() error {
	if _, _, err := s.Hash(); err != nil { // touches every byte: bbolt's own check, in a goroutine of its own, would end the process on a fault
		return err
	}
	var first error
	found := 0
	err := s.db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			if found++; first == nil {
				first = err
			}
		}
		return nil
	})
	if first != nil {
		return fmt.Errorf("%w (%d faults, the first: %.200s)", orchestrator.ErrStore, found, first.Error())
	}
	return err
}

// Discard drops what was not committed; Begin may follow.
func (s *Store) Discard() error {
	err := rollback(s.base)
	s.base = nil
	return err
}

func rollback(tx *bbolt.Tx) error {
	if tx == nil {
		return nil
	}
	return tx.Rollback()
}

// Close drops what was not committed and closes the file.
func (s *Store) Close() error {
	if s.damaged.Load() {
		return nil
	}
	return errors.Join(s.Discard(), s.db.Close())
}
