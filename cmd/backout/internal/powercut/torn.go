package powercut

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// tearOneIn is how often a block that may be torn is.
const tearOneIn = 4

// torn keeps the length that some change left, and of each block a version that it
// had while the file had not been cut shorter than that since.
func (n *node) torn(random *rand.Rand) *content {
	length := random.IntN(len(n.pending) + 1)
	from, to := n.between(length)
	c := n.disk.clone()
	for _, ch := range n.pending[:from] {
		c.apply(ch)
	}
	versions := map[int64][]*block{}
	for _, ch := range n.pending[from:to] {
		if ch.data == nil {
			continue
		}
		for b := range blocksOf(ch) {
			if versions[b] == nil {
				versions[b] = []*block{orZeros(c.blocks[b])}
			}
			had := versions[b]
			versions[b] = append(had, patched(had[len(had)-1], b, ch))
		}
	}
	for _, b := range slices.Sorted(maps.Keys(versions)) {
		c.blocks[b] = oneOf(versions[b], random)
	}
	if length > 0 {
		c.size = n.pending[length-1].size
	}
	c.cut(c.size)
	return c
}

// between are the changes around one, from the last that made the file shorter to
// the next that does.
func (n *node) between(length int) (from, to int) {
	to = len(n.pending)
	for i, ch := range n.pending {
		switch {
		case !ch.shrinks:
		case i < length:
			from = i + 1
		default:
			return from, i
		}
	}
	return from, to
}

// oneOf draws a version of a block; sometimes the next one had begun to be written.
func oneOf(versions []*block, random *rand.Rand) *block {
	i := random.IntN(len(versions))
	b := *versions[i]
	if i+1 < len(versions) && random.IntN(tearOneIn) == 0 {
		at := sectorSize * (1 + random.IntN(blockSize/sectorSize-1))
		copy(b[:at], versions[i+1][:at])
	}
	return &b
}

func orZeros(b *block) *block {
	if b == nil {
		return &block{}
	}
	return b
}
