package store

import (
	"bytes"

	"go.etcd.io/bbolt"

	"github.com/aimarketplace/backout/orchestrator"
)

// View is what the fold sees: the last commit, and over it what was written since.
// A commit under way has taken what was written before it (frozen); live is what
// came after. Not safe for concurrent use; a commit may run beside it.
type View struct {
	base         *committed
	frozen, live *layer
	// filters spare the search in the last commit for what is not there.
	filters map[orchestrator.Bucket]*filter
}

// Get implements orchestrator.View.
func (v *View) Get(b orchestrator.Bucket, key []byte) []byte {
	if f := v.filters[b]; f != nil && f.lacks(key) {
		return nil
	}
	if value, known := v.live.get(b, key); known {
		return value
	}
	if value, known := v.frozen.get(b, key); known {
		return value
	}
	return v.base.Get(b, key)
}

// Put implements orchestrator.View.
func (v *View) Put(b orchestrator.Bucket, key, value []byte) {
	if f := v.filters[b]; f != nil {
		f.add(key)
	}
	v.live.set(b, row{key: key, value: value})
}

// Delete implements orchestrator.View.
func (v *View) Delete(b orchestrator.Bucket, key []byte) {
	v.live.set(b, row{key: key, gone: true})
}

// Scan implements orchestrator.View.
func (v *View) Scan(b orchestrator.Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	newer, older := v.live.from(b, start), v.frozen.from(b, start)
	more := true
	v.base.Scan(b, prefix, start, func(key, value []byte) bool {
		var same bool
		more, same = v.overlay(newer, older, prefix, key, fn)
		if more && !same {
			more = fn(key, value)
		}
		return more
	})
	if more {
		v.overlay(newer, older, prefix, nil, fn)
	}
}

// overlay hands out the rows of the layers up to key, or all that have the prefix
// when it is nil. same says that they decide about key itself.
func (v *View) overlay(newer, older *layerRows, prefix, key []byte, fn func(key, value []byte) bool) (more, same bool) {
	for {
		r := first(newer.peek(), older.peek())
		if r == nil || !bytes.HasPrefix(r.key, prefix) {
			return true, false
		}
		if key != nil {
			switch c := bytes.Compare(r.key, key); {
			case c > 0:
				return true, same
			case c == 0:
				same = true
			}
		}
		row := *r
		for _, it := range [2]*layerRows{newer, older} {
			if p := it.peek(); p != nil && bytes.Equal(p.key, row.key) {
				it.next()
			}
		}
		if !row.gone && !fn(row.key, row.value) {
			return false, same
		}
		if same {
			return true, true
		}
	}
}

// first is the earlier row, of equals the newer one.
func first(newer, older *row) *row {
	switch {
	case newer == nil:
		return older
	case older != nil && bytes.Compare(older.key, newer.key) < 0:
		return older
	}
	return newer
}

// committed is one commit, to be read. Whatever is written to it is an error of the
// program.
type committed struct {
	tx      *bbolt.Tx
	buckets map[orchestrator.Bucket]table
}

// table is a bucket with the cursor of its Gets, which keeps its memory between
// them.
type table struct {
	*bbolt.Bucket
	at *bbolt.Cursor
}

// bucket opens a bucket once; its Bucket is nil in files of before there was one.
func (c *committed) bucket(b orchestrator.Bucket) table {
	if got, ok := c.buckets[b]; ok {
		return got
	}
	defer blame()
	if c.buckets == nil {
		c.buckets = map[orchestrator.Bucket]table{}
	}
	got := table{Bucket: c.tx.Bucket([]byte(b))}
	if got.Bucket != nil {
		got.at = got.Cursor()
	}
	c.buckets[b] = got
	return got
}

// Get implements orchestrator.View.
func (c *committed) Get(b orchestrator.Bucket, key []byte) []byte {
	defer blame()
	t := c.bucket(b)
	if t.Bucket == nil {
		return nil
	}
	if found, value := t.at.Seek(key); bytes.Equal(found, key) {
		return value
	}
	return nil
}

// Put implements orchestrator.View.
func (c *committed) Put(orchestrator.Bucket, []byte, []byte) { panic(writtenTo) }

// Delete implements orchestrator.View.
func (c *committed) Delete(orchestrator.Bucket, []byte) { panic(writtenTo) }

const writtenTo = "store: a commit is to be read, not written"

// Scan implements orchestrator.View.
func (c *committed) Scan(b orchestrator.Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	t := c.bucket(b)
	if t.Bucket == nil {
		return
	}
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	at := t.Cursor()
	for k, val := seek(at, start); k != nil && bytes.HasPrefix(k, prefix); k, val = next(at) {
		if !fn(k, val) {
			return
		}
	}
}

func seek(at *bbolt.Cursor, key []byte) (k, val []byte) {
	defer blame()
	return at.Seek(key)
}

func next(at *bbolt.Cursor) (k, val []byte) {
	defer blame()
	return at.Next()
}
