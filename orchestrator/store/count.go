package store

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// CountKeys opens the store at path for reading and walks through every key of
// it: what a start would take that looked at everything. Nobody else may have it
// open.
func CountKeys(path string) (keys int, err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return 0, fmt.Errorf("opening the store %s for reading: %w", path, err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error {
				keys++
				return nil
			})
		})
	})
	if err != nil {
		return 0, fmt.Errorf("walking through the store %s: %w", path, err)
	}
	return keys, nil
}
