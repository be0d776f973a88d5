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
	buckets map[orchestrator.Bucket]table
	err     error
}

// table is a bucket with the cursor of its Gets, which keeps its memory between
// them.
type table struct {
	*bbolt.Bucket
	at *bbolt.Cursor
}

// bucket opens a bucket once; its Bucket is nil in files of before there was one.
func (v *View) bucket(b orchestrator.Bucket) table {
	if got, ok := v.buckets[b]; ok {
		return got
	}
	if v.buckets == nil {
		v.buckets = map[orchestrator.Bucket]table{}
	}
	got := table{Bucket: v.tx.Bucket([]byte(b))}
	if got.Bucket != nil {
		got.at = got.Cursor()
	}
	v.buckets[b] = got
	return got
}

// Get implements orchestrator.View.
func (v *View) Get(b orchestrator.Bucket, key []byte) []byte {
	t := v.bucket(b)
	if t.Bucket == nil {
		return nil
	}
	if found, value := t.at.Seek(key); bytes.Equal(found, key) {
		return value
	}
	return nil
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
	t := v.bucket(b)
	if t.Bucket == nil {
		return
	}
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	c := t.Cursor()
	for k, val := c.Seek(start); k != nil && bytes.HasPrefix(k, prefix); k, val = c.Next() {
		if !fn(k, val) {
			return
		}
	}
}
