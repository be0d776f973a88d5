package orchestrator

import (
	"bytes"
	"maps"
	"slices"
)

// MemoryView is a View in memory, for tests, drills and the simulator. The zero
// value is empty and ready. Not safe for concurrent use.
type MemoryView struct {
	buckets map[Bucket][]pair
}

type pair struct{ key, value []byte }

func comparePair(p pair, key []byte) int { return bytes.Compare(p.key, key) }

// Get implements View.
func (v *MemoryView) Get(b Bucket, key []byte) []byte {
	i, ok := slices.BinarySearchFunc(v.buckets[b], key, comparePair)
	if !ok {
		return nil
	}
	return v.buckets[b][i].value
}

// Put implements View.
func (v *MemoryView) Put(b Bucket, key, value []byte) {
	if v.buckets == nil {
		v.buckets = map[Bucket][]pair{}
	}
	rows := v.buckets[b]
	i, ok := slices.BinarySearchFunc(rows, key, comparePair)
	if ok {
		rows[i].value = value
		return
	}
	v.buckets[b] = slices.Insert(rows, i, pair{key, value})
}

// Delete implements View.
func (v *MemoryView) Delete(b Bucket, key []byte) {
	rows := v.buckets[b]
	if i, ok := slices.BinarySearchFunc(rows, key, comparePair); ok {
		v.buckets[b] = slices.Delete(rows, i, i+1)
	}
}

// Scan implements View.
func (v *MemoryView) Scan(b Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	rows := v.buckets[b]
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	i, _ := slices.BinarySearchFunc(rows, start, comparePair)
	for _, row := range rows[i:] {
		if !bytes.HasPrefix(row.key, prefix) || !fn(row.key, row.value) {
			return
		}
	}
}

// Clone copies the view, as a commit does.
func (v *MemoryView) Clone() *MemoryView {
	c := &MemoryView{buckets: maps.Clone(v.buckets)}
	for b, rows := range c.buckets {
		c.buckets[b] = slices.Clone(rows)
	}
	return c
}
