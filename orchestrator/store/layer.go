package store

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/google/btree"
	"go.etcd.io/bbolt"

	"github.com/aimarketplace/backout/orchestrator"
)

// layer is what was written since a commit, in memory and in key order.
type layer struct {
	buckets map[orchestrator.Bucket]*rows
	// count and bytes are how much was written, rewrites included.
	count, bytes int
}

// rows are those of one bucket, as they came. The index answers most questions; the tree
// is made by the first scan, since most buckets are not scanned between two commits.
type rows struct {
	all   []row
	index map[string]int32
	tree  *btree.BTreeG[row]
}

// row is a record; gone says that it was deleted.
type row struct {
	key, value []byte
	gone       bool
}

// newLayer is an empty layer with room for as much as the one before it took, which may be
// nil: in a storm one is like the next, and growing costs more than filling.
func newLayer(before *layer) *layer {
	l := &layer{buckets: map[orchestrator.Bucket]*rows{}}
	if before != nil {
		for b, t := range before.buckets {
			l.buckets[b] = newRows(len(t.all))
		}
	}
	return l
}

func newRows(room int) *rows {
	return &rows{all: make([]row, 0, room), index: make(map[string]int32, room)}
}

func earlier(a, b row) bool { return bytes.Compare(a.key, b.key) < 0 }

// degree is how wide the trees are.
const degree = 32

func (l *layer) set(b orchestrator.Bucket, r row) {
	t := l.buckets[b]
	if t == nil {
		t = newRows(0)
		l.buckets[b] = t
	}
	if t.tree != nil {
		t.tree.ReplaceOrInsert(r)
	}
	// The view keeps the keys and nobody changes them, so the index need not copy them.
	key := unsafe.String(unsafe.SliceData(r.key), len(r.key))
	if at, known := t.index[key]; known {
		t.all[at] = r
	} else {
		t.index[key] = int32(len(t.all))
		t.all = append(t.all, r)
	}
	l.count++
	l.bytes += len(r.key) + len(r.value)
}

// get finds a record; known is false when this layer says nothing of the key. A nil
// layer knows nothing.
func (l *layer) get(b orchestrator.Bucket, key []byte) (value []byte, known bool) {
	if l == nil || l.buckets[b] == nil {
		return nil, false
	}
	t := l.buckets[b]
	at, known := t.index[string(key)]
	if !known || t.all[at].gone {
		return nil, known
	}
	return t.all[at].value, true
}

// from is an iterator over a bucket's rows at or after start.
func (l *layer) from(b orchestrator.Bucket, start []byte) *layerRows {
	it := &layerRows{at: start}
	if l != nil {
		if t := l.buckets[b]; t != nil {
			it.tree = t.ordered()
		}
	}
	it.fill()
	return it
}

// ordered is the tree of the rows. Only whoever uses the view may ask for it.
func (t *rows) ordered() *btree.BTreeG[row] {
	if t.tree == nil {
		t.tree = btree.NewG(degree, earlier)
		for _, r := range t.all {
			t.tree.ReplaceOrInsert(r)
		}
	}
	return t.tree
}

// sorted are the rows in key order. It leaves the tree alone, which a scan may make
// meanwhile.
func (t *rows) sorted() []row {
	all := slices.Clone(t.all)
	slices.SortFunc(all, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	return all
}

// layerRows walks through a tree in pieces, because the tree itself only calls back.
type layerRows struct {
	tree  *btree.BTreeG[row]
	at    []byte
	piece []row
	done  bool
}

// pieceRows is how many rows are fetched at once: most scans look at a few.
const pieceRows = 16

func (it *layerRows) fill() {
	it.piece = it.piece[:0]
	if it.tree == nil || it.done {
		it.done = true
		return
	}
	it.tree.AscendGreaterOrEqual(row{key: it.at}, func(r row) bool {
		it.piece = append(it.piece, r)
		return len(it.piece) < pieceRows
	})
	if len(it.piece) < pieceRows {
		it.done = true
		return
	}
	it.at = append(bytes.Clone(it.piece[len(it.piece)-1].key), 0)
}

// peek is the next row, nil at the end.
func (it *layerRows) peek() *row {
	if len(it.piece) == 0 {
		return nil
	}
	return &it.piece[0]
}

func (it *layerRows) next() {
	it.piece = it.piece[1:]
	if len(it.piece) == 0 && !it.done {
		it.fill()
	}
}

// write puts the rows into a transaction, in key order.
func (l *layer) write(tx *bbolt.Tx) error {
	for _, b := range orchestrator.Buckets() {
		t := l.buckets[b]
		if t == nil {
			continue
		}
		bucket := tx.Bucket([]byte(b))
		for _, r := range t.sorted() {
			if err := r.write(bucket); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r row) write(to *bbolt.Bucket) error {
	if r.gone {
		return to.Delete(r.key)
	}
	return to.Put(r.key, r.value)
}
