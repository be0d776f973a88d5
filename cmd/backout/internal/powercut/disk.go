package powercut

import (
	"maps"
	"slices"
)

// node is a file or a folder.
type node struct {
	folder bool
	// entries are a folder's names as a program sees them, durable as the disk has
	// them for certain.
	entries, durable map[string]*node
	// above is the folder it is named in; nil for the root and for what was removed.
	above *node
	// disk is what the disk has of a file for certain, pending what may be lost.
	disk    *content
	pending []*change
	// size is the length a program sees.
	size int64
}

func newFolder() *node {
	return &node{folder: true, entries: map[string]*node{}, durable: map[string]*node{}}
}

func newFile() *node { return &node{disk: newContent()} }

// disk is the model of a disk while a program writes to it.
type disk struct {
	o    Options
	root *node
	// names are the changes of names that may be lost, in order.
	names []*naming
}

func newDisk(o Options) *disk {
	return &disk{o: o, root: newFolder()}
}

// write is a write to the page cache.
func (d *disk) write(n *node, off int64, data []byte, exit int) {
	if len(data) == 0 {
		return
	}
	n.size = max(n.size, off+int64(len(data)))
	n.pending = append(n.pending, &change{off: off, data: data, size: n.size, exit: exit})
}

func (d *disk) truncate(n *node, size int64, exit int) {
	n.pending = append(n.pending, &change{size: size, shrinks: size < n.size, exit: exit})
	n.size = size
}

// sync makes durable what was there before line enter of the recording. It
// returns how many writes and changes of names that were.
func (d *disk) sync(n *node, enter int, dataOnly bool) int {
	synced := 0
	for len(n.pending) > 0 && n.pending[0].exit <= enter {
		n.disk.apply(n.pending[0])
		n.pending = n.pending[1:]
		synced++
	}
	return synced + d.keepNames(n, enter, dataOnly)
}

// seen is the file as a program sees it.
func (n *node) seen() *content {
	c := n.disk.clone()
	for _, ch := range n.pending {
		c.apply(ch)
	}
	return c
}

// walk calls fn for everything under a folder, parents first; names says which
// names a folder has.
func (n *node) walk(prefix string, names func(*node) map[string]*node, fn func(path string, n *node) error) error {
	entries := names(n)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		child := entries[name]
		if err := fn(prefix+name, child); err != nil {
			return err
		}
		if child.folder {
			if err := child.walk(prefix+name+"/", names, fn); err != nil {
				return err
			}
		}
	}
	return nil
}
