package store

import (
	"bytes"

	"go.etcd.io/bbolt"

	"github.com/aimarketplace/backout/orchestrator"
)

// View is a transaction as the fold sees it. A write error is kept and returned
// by Commit.
type View struct {
	tx      *bbolt.Tx
	buckets map[orchestrator.Bucket]*bbolt.Bucket
	err     error
}

func (v *View) bucket(b orchestrator.Bucket) *bbolt.Bucket {
	if got, ok := v.buckets[b]; ok {
		return got
	}
	if v.buckets == nil {
		v.buckets = map[orchestrator.Bucket]*bbolt.Bucket{}
	}
	got := v.tx.Bucket([]byte(b))
	v.buckets[b] = got
	return got
}

// Get implements orchestrator.View.
func (v *View) Get(b orchestrator.Bucket, key []byte) []byte {
	bucket := v.bucket(b)
	if bucket == nil {
		return nil
	}
	return bucket.Get(key)
}

// Put implements orchestrator.View.
func (v *View) Put(b orchestrator.Bucket, key, value []byte) {
	if err := v.bucket(b).Put(key, value); err != nil && v.err == nil {
		v.err = err
	}
}

// Delete implements orchestrator.View.
func (v *View) Delete(b orchestrator.Bucket, key []byte) {
	if err := v.bucket(b).Delete(key); err != nil && v.err == nil {
		v.err = err
	}
}

// Scan implements orchestrator.View.
func (v *View) Scan(b orchestrator.Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	bucket := v.bucket(b)
	if bucket == nil {
		return
	}
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	c := bucket.Cursor()
	for k, val := c.Seek(start); k != nil && bytes.HasPrefix(k, prefix); k, val = c.Next() {
		if !fn(k, val) {
			return
		}
	}
}
