package powercut

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// Cut says what of the writes that no sync covered is on the disk after the cut.
type Cut int

// The cuts.
const (
	// Dropped keeps nothing but what was synced.
	Dropped Cut = iota
	// Kept keeps everything, as after the death of the process alone.
	Kept
	// Torn keeps a random part.
	Torn
)

// String implements fmt.Stringer.
func (c Cut) String() string { return [...]string{"dropped", "kept", "torn"}[c] }

// Unsynced counts the writes that a cut now may drop, of files whose path under Root
// has a part in it.
func (p *Player) Unsynced(part string) int {
	writes := 0
	root := p.disk.root.entries["."]
	if root == nil {
		return 0
	}
	_ = root.walk("", func(n *node) map[string]*node { return n.entries }, func(path string, n *node) error {
		if strings.Contains(path, part) {
			writes += len(n.pending)
		}
		return nil
	})
	return writes
}

// CutPower writes what a disk may hold after a power cut now into a folder, which
// then stands for Root. When no sync covered Root's own name there is nothing, and
// no folder. The seed matters for Torn only.
func (p *Player) CutPower(cut Cut, seed uint64, dir string) error {
	random := rand.New(rand.NewPCG(seed, uint64(p.next))) //nolint:gosec // a repeatable draw, no secret
	names := p.surviving(cut, random)
	root := names[p.disk.root]["."]
	if root == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of a cut: %w", err)
	}
	return root.walk("", func(n *node) map[string]*node { return names[n] }, func(path string, n *node) error {
		path = filepath.Join(dir, path)
		if n.folder {
			if err := os.Mkdir(path, 0o700); err != nil {
				return fmt.Errorf("making a folder of a cut: %w", err)
			}
			return nil
		}
		return n.after(cut, random).writeTo(path)
	})
}

// surviving are the names that each folder has after the cut.
func (p *Player) surviving(cut Cut, random *rand.Rand) map[*node]map[string]*node {
	out := map[*node]map[string]*node{p.disk.root: maps.Clone(p.disk.root.durable)}
	of := func(n *node) map[string]*node {
		if out[n] == nil {
			out[n] = maps.Clone(n.durable)
		}
		return out[n]
	}
	keep := 0
	switch cut {
	case Dropped:
	case Kept:
		keep = len(p.disk.names)
	case Torn:
		keep = random.IntN(len(p.disk.names) + 1)
	}
	for _, c := range p.disk.names[:keep] {
		for _, e := range c.set {
			put(of(e.folder), e)
		}
	}
	_ = p.disk.root.walk("", of, func(_ string, n *node) error { of(n); return nil })
	return out
}

// after is what the disk may have of a file.
func (n *node) after(cut Cut, random *rand.Rand) *content {
	switch cut {
	case Kept:
		return n.seen()
	case Torn:
		return n.torn(random)
	case Dropped:
	}
	return n.disk.clone()
}
