package store

import (
	"bytes"
	"hash/maphash"

	"go.etcd.io/bbolt"

	"github.com/aimarketplace/backout/orchestrator"
)

// filter knows of most keys that are not in a bucket that they are not, without a search
// for them: a Bloom filter that grows by a part when what it has is full, and has each key
// in one line of the processor's cache. It says nothing until it has taken in every key
// there is; after a start it does so piece by piece, with each commit. Not safe for
// concurrent use.
type filter struct {
	seed  maphash.Seed
	parts [][]line
	// room is how many more keys the newest part takes.
	room int
	// at is the key from which the bucket is still to be taken in.
	at    []byte
	whole bool
}

// line is 512 bits.
type line [8]uint64

const (
	// firstPart is how many lines the first part has, a power of two: a megabyte. Each
	// further one has twice as many, up to partsMost; past that the filter knows less.
	firstPart = 1 << 14
	partsMost = 3
	// keyBits is how many bits a part has for each key: one in a hundred keys that are
	// not there are searched for all the same.
	keyBits = 12
	// filterPiece is how many keys are taken in with a commit.
	filterPiece = 20_000
)

// filtered are the buckets in which nearly every key that is looked for is new.
func filtered() []orchestrator.Bucket {
	return []orchestrator.Bucket{orchestrator.BucketSeen, orchestrator.BucketAlert, orchestrator.BucketSignal}
}

func newFilter() *filter {
	f := &filter{seed: maphash.MakeSeed()}
	f.grow()
	return f
}

func (f *filter) grow() {
	lines := firstPart << len(f.parts)
	f.parts = append(f.parts, make([]line, lines))
	f.room = lines * 512 / keyBits
}

// A key has four bits in its line, each told by nine bits of its sum.
const keyProbes = 4

func (l *line) has(sum uint64) bool {
	for range keyProbes {
		if l[sum>>6&7]&(1<<(sum&63)) == 0 {
			return false
		}
		sum >>= 9
	}
	return true
}

func (l *line) set(sum uint64) {
	for range keyProbes {
		l[sum>>6&7] |= 1 << (sum & 63)
		sum >>= 9
	}
}

// of is the line of a key.
func of(part []line, sum uint64) *line { return &part[sum>>40&uint64(len(part)-1)] }

func (f *filter) add(key []byte) {
	sum := maphash.Bytes(f.seed, key)
	if f.has(sum) {
		return
	}
	if f.room == 0 && len(f.parts) < partsMost {
		f.grow()
	}
	of(f.parts[len(f.parts)-1], sum).set(sum)
	f.room = max(0, f.room-1)
}

// lacks reports that a key is not there; false means that it may be.
func (f *filter) lacks(key []byte) bool { return f.whole && !f.has(maphash.Bytes(f.seed, key)) }

func (f *filter) has(sum uint64) bool {
	for _, part := range f.parts {
		if of(part, sum).has(sum) {
			return true
		}
	}
	return false
}

// takeIn goes on with the keys of a bucket. What is written meanwhile is added as it is
// written, so it does not matter that the bucket grows.
func (f *filter) takeIn(b *bbolt.Bucket) {
	if f.whole || b == nil {
		f.whole = true
		return
	}
	cursor := b.Cursor()
	n := 0
	for k, _ := cursor.Seek(f.at); k != nil; k, _ = cursor.Next() {
		if n++; n > filterPiece {
			f.at = bytes.Clone(k)
			return
		}
		f.add(k)
	}
	f.whole, f.at = true, nil
}
