package store

import (
	"bytes"
	"hash/maphash"

	"go.etcd.io/bbolt"

	"github.com/aimarketplace/backout/orchestrator"
)

// filter knows of most keys that are not in a bucket that they are not, without a search
// for them (a Bloom filter). It says nothing until it has taken in every key there is;
// after a start it does so piece by piece, with each commit. Not safe for concurrent use.
type filter struct {
	seed maphash.Seed
	bits []uint64
	// at is the key from which the bucket is still to be taken in.
	at    []byte
	whole bool
}

const (
	// filterBits is how many bits a filter has, a power of two: a megabyte. Past some
	// million keys it knows less and less, and costs a few nanoseconds.
	filterBits   = 1 << 23
	filterProbes = 4
	// filterPiece is how many keys are taken in with a commit.
	filterPiece = 20_000
)

// filtered are the buckets in which nearly every key that is looked for is new.
func filtered() []orchestrator.Bucket {
	return []orchestrator.Bucket{orchestrator.BucketSeen, orchestrator.BucketAlert, orchestrator.BucketSignal}
}

func newFilter() *filter {
	return &filter{seed: maphash.MakeSeed(), bits: make([]uint64, filterBits/64)}
}

// place is the word and the bit of a probe.
func place(sum uint64, probe int) (word int, bit uint64) {
	low, high := uint32(sum), uint32(sum>>32)|1
	at := (low + uint32(probe)*high) % filterBits
	return int(at / 64), 1 << (at % 64)
}

func (f *filter) add(key []byte) {
	sum := maphash.Bytes(f.seed, key)
	for i := range filterProbes {
		word, bit := place(sum, i)
		f.bits[word] |= bit
	}
}

// lacks reports that a key is not there; false means that it may be.
func (f *filter) lacks(key []byte) bool {
	if !f.whole {
		return false
	}
	sum := maphash.Bytes(f.seed, key)
	for i := range filterProbes {
		if word, bit := place(sum, i); f.bits[word]&bit == 0 {
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
