package sandbox

import (
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// dice is the only source of chance, one per stand-in, so that a seed and the
// same calls in the same order give the same night again.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func newDice(seed uint64, name string) *dice {
	stream := fnv.New64a()
	_, _ = stream.Write([]byte(name)) // A hash cannot fail to take bytes.
	return &dice{rand: rand.New(rand.NewPCG(seed, stream.Sum64()))}
}

// oneIn is true once in n throws on average; never when n is 0 or less.
func (d *dice) oneIn(n int) bool {
	if n <= 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(n) == 0
}

// upTo answers a duration from 0 to limit inclusive.
func (d *dice) upTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rand.Int64N(int64(limit) + 1))
}

// id answers n random bytes in hexadecimal.
func (d *dice) id(n int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(d.rand.Uint32())
	}
	return hex.EncodeToString(raw)
}
