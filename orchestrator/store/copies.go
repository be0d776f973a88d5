package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/aimarketplace/backout/orchestrator"
)

// Snapshot writes a whole copy of the last commit, which Install takes. It may run
// while the store is written. It returns the state's meta record.
func (s *Store) Snapshot(w io.Writer) (orchestrator.Meta, error) {
	var meta orchestrator.Meta
	err := survive(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			st, err := orchestrator.NewState(&committed{tx: tx})
			if err != nil {
				return err
			}
			meta = st.Meta()
			_, err = tx.WriteTo(w)
			return err
		})
	})
	if err != nil {
		return meta, fmt.Errorf("copying the store: %w", err)
	}
	return meta, nil
}

// Install puts a copy in the place of the store at path, after it was checked. The
// store must not be open. It returns the meta record of the copy.
func Install(path string, copied io.Reader) (orchestrator.Meta, error) {
	tmp := path + ".copy"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return orchestrator.Meta{}, fmt.Errorf("making the data folder: %w", err)
	}
	if err := writeSynced(tmp, copied); err != nil {
		return orchestrator.Meta{}, errors.Join(fmt.Errorf("writing the copy %s: %w", tmp, err), os.Remove(tmp))
	}
	meta, err := Examine(tmp)
	if err != nil {
		return meta, errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return meta, fmt.Errorf("putting the copy in place: %w", err)
	}
	return meta, syncDir(filepath.Dir(path))
}

func writeSynced(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// Examine opens a copy and checks that it is whole and a store of Backout.
func Examine(path string) (orchestrator.Meta, error) {
	db, err := opened(path, options())
	if err != nil {
		return orchestrator.Meta{}, fmt.Errorf("it is no whole copy of a store: %w", plainly(err))
	}
	s := &Store{db: db}
	var meta orchestrator.Meta
	err = plainly(s.Check())
	if err == nil {
		err = alone(func() error { return db.Update(addBuckets) })
	}
	if err == nil {
		err = s.Read(func(st *orchestrator.State) error { meta = st.Meta(); return nil })
	}
	if err == nil && meta.LogID == "" {
		err = errors.New("it holds no state")
	}
	if err != nil {
		return meta, errors.Join(fmt.Errorf("examining the copy: %w", err), db.Close())
	}
	return meta, db.Close()
}

// plainly is an error about a copy: what helps with a damaged store is no help there.
func plainly(err error) error {
	if errors.Is(err, orchestrator.ErrStore) {
		return errors.New("it is damaged, or was cut off while it was written; take another")
	}
	return err
}

// Compact writes the store anew without its free pages. The store must not be
// open. It returns the sizes before and after, in bytes.
func Compact(path string) (before, after int64, err error) {
	src, err := opened(path, options())
	if err != nil {
		return 0, 0, fmt.Errorf("opening the store %s: %w; stop Backout first", path, err)
	}
	tmp := path + ".compact"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, 0, errors.Join(fmt.Errorf("removing a half-made copy: %w", err), src.Close())
	}
	dst, err := bbolt.Open(tmp, 0o600, options())
	if err != nil {
		return 0, 0, errors.Join(fmt.Errorf("making the compact copy: %w", err), src.Close())
	}
	err = alone(func() error { return bbolt.Compact(dst, src, 4<<20) })
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return 0, 0, errors.Join(fmt.Errorf("compacting: %w", err), src.Close())
	}
	before, after = size(path), size(tmp)
	if err := os.Rename(tmp, path); err != nil {
		return before, after, errors.Join(fmt.Errorf("putting the compact copy in place: %w", err), src.Close())
	}
	return before, after, errors.Join(syncDir(filepath.Dir(path)), src.Close())
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Hash is a sum over every record of the last commit: two instances that are at
// the same entry have the same.
func (s *Store) Hash() (cursor uint64, sum string, err error) {
	h := sha256.New()
	err = survive(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			st, err := orchestrator.NewState(&committed{tx: tx})
			if err != nil {
				return err
			}
			cursor = st.Meta().Cursor
			v := &committed{tx: tx}
			for _, b := range orchestrator.Buckets() {
				fmt.Fprintf(h, "%s\n", b)
				v.Scan(b, nil, nil, func(k, val []byte) bool {
					if b == orchestrator.BucketMeta && bytes.Equal(k, []byte("schema")) {
						return true
					}
					fmt.Fprintf(h, "%d %d\n", len(k), len(val))
					h.Write(k)
					h.Write(val)
					return true
				})
			}
			return nil
		})
	})
	if err != nil {
		return 0, "", fmt.Errorf("reading every record of the store: %w", err)
	}
	return cursor, hex.EncodeToString(h.Sum(nil)), nil
}
