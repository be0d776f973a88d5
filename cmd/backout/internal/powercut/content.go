package powercut

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
)

// Sizes, in bytes: what a file system writes at once, and what a disk does.
const (
	blockSize  = 4096
	sectorSize = 512
)

type block [blockSize]byte

// content is what a file holds; blocks that are missing are zeros.
type content struct {
	blocks map[int64]*block
	size   int64
}

func newContent() *content { return &content{blocks: map[int64]*block{}} }

// clone shares the blocks; write replaces a block before it changes it.
func (c *content) clone() *content { return &content{blocks: maps.Clone(c.blocks), size: c.size} }

// change is one write or, without data, one setting of the length.
type change struct {
	off  int64
	data []byte
	// size is the length it leaves.
	size int64
	// shrinks is set when the length became shorter: what lay beyond is gone then.
	shrinks bool
	// exit is where in the recording it ended.
	exit int
}

// apply does a change.
func (c *content) apply(ch *change) {
	if ch.data == nil {
		c.cut(ch.size)
		return
	}
	for n := range blocksOf(ch) {
		c.blocks[n] = patched(c.blocks[n], n, ch)
	}
	c.size = ch.size
}

// blocksOf are the numbers of the blocks a write touches.
func blocksOf(ch *change) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for n := ch.off / blockSize; n*blockSize < ch.off+int64(len(ch.data)); n++ {
			if !yield(n) {
				return
			}
		}
	}
}

// patched is block n as a write leaves it.
func patched(old *block, n int64, ch *change) *block {
	b := &block{}
	if old != nil {
		*b = *old
	}
	at := n * blockSize
	from := max(at, ch.off)
	copy(b[from-at:], ch.data[from-ch.off:])
	return b
}

// cut sets the length; nothing is left beyond it.
func (c *content) cut(size int64) {
	for n, b := range c.blocks {
		switch keep := size - n*blockSize; {
		case keep <= 0:
			delete(c.blocks, n)
		case keep < blockSize:
			short := *b
			clear(short[keep:])
			c.blocks[n] = &short
		}
	}
	c.size = size
}

// writeTo makes the file, with holes where there is nothing but zeros.
func (c *content) writeTo(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("making a file of a cut: %w", err)
	}
	err = f.Truncate(c.size)
	for n, b := range c.blocks {
		if at := n * blockSize; err == nil {
			_, err = f.WriteAt(b[:min(blockSize, c.size-at)], at)
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing a file of a cut: %w", err)
	}
	return nil
}
