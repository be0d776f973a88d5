package orchestrator

import (
	"bytes"
	"maps"
	"slices"
)

// MemoryView is a View in memory, for tests, drills and the simulator. The zero
// value is empty and ready. Not safe for concurrent use.
type MemoryView struct {
	buckets map[Bucket]*rows
}

// rows is one bucket, sorted by key. Shared rows are copied before a write.
type rows struct {
	pairs  []pair
	shared bool
}

type pair struct{ key, value []byte }

func comparePair(p pair, key []byte) int { return bytes.Compare(p.key, key) }

func (v *MemoryView) pairs(b Bucket) []pair {
	if r := v.buckets[b]; r != nil {
		return r.pairs
	}
	return nil
}

// writable is the bucket's rows, owned by this view alone.
func (v *MemoryView) writable(b Bucket) *rows {
	r := v.buckets[b]
	if r == nil || r.shared {
		r = &rows{pairs: slices.Clone(v.pairs(b))}
		if v.buckets == nil {
			v.buckets = map[Bucket]*rows{}
		}
		v.buckets[b] = r
	}
	return r
}

// Get implements View.
func (v *MemoryView) Get(b Bucket, key []byte) []byte {
	all := v.pairs(b)
	i, ok := slices.BinarySearchFunc(all, key, comparePair)
	if !ok {
		return nil
	}
	return all[i].value
}

// Put implements View.
func (v *MemoryView) Put(b Bucket, key, value []byte) {
	r := v.writable(b)
	i, ok := slices.BinarySearchFunc(r.pairs, key, comparePair)
	if ok {
		r.pairs[i].value = value
		return
	}
	r.pairs = slices.Insert(r.pairs, i, pair{key, value})
}

// Delete implements View.
func (v *MemoryView) Delete(b Bucket, key []byte) {
	if v.Get(b, key) == nil {
		return
	}
	r := v.writable(b)
	if i, ok := slices.BinarySearchFunc(r.pairs, key, comparePair); ok {
		r.pairs = slices.Delete(r.pairs, i, i+1)
	}
}

// Scan implements View.
func (v *MemoryView) Scan(b Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	all := v.pairs(b)
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	i, _ := slices.BinarySearchFunc(all, start, comparePair)
	for _, row := range all[i:] {
		if !bytes.HasPrefix(row.key, prefix) || !fn(row.key, row.value) {
			return
		}
	}
}

// Clone copies the view, as a commit does. Rows are shared until one side
// writes.
func (v *MemoryView) Clone() *MemoryView {
	for _, r := range v.buckets {
		r.shared = true
	}
	return &MemoryView{buckets: maps.Clone(v.buckets)}
}
