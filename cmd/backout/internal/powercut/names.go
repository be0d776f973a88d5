package powercut

import "slices"

// naming is one atomic change of names: a creation, a removal, or a rename.
type naming struct {
	set []entry
	// about is what was created or moved; nil for a removal.
	about *node
	// birth is set for the creation of about.
	birth bool
	exit  int
}

// entry is a name of a folder; a nil node means that the name is gone.
type entry struct {
	folder *node
	name   string
	node   *node
}

func (d *disk) name(c *naming) {
	for _, e := range c.set {
		put(e.folder.entries, e)
	}
	d.names = append(d.names, c)
}

func put(names map[string]*node, e entry) {
	if e.node == nil {
		delete(names, e.name)
		return
	}
	names[e.name] = e.node
}

// keepNames makes durable the changes of names that a sync of n makes durable, and
// counts them.
func (d *disk) keepNames(n *node, enter int, dataOnly bool) int {
	wanted := map[*naming]bool{}
	for _, c := range d.names {
		if c.exit <= enter && d.synced(c, n, dataOnly) {
			wanted[c] = true
		}
	}
	d.earlierToo(wanted)
	left := d.names[:0]
	for _, c := range d.names {
		if !wanted[c] {
			left = append(left, c)
			continue
		}
		for _, e := range c.set {
			put(e.folder.durable, e)
		}
	}
	d.names = left
	return len(wanted)
}

// synced reports whether a sync of n makes a change of names durable.
func (d *disk) synced(c *naming, n *node, dataOnly bool) bool {
	if n.folder {
		for _, e := range c.set {
			if e.folder == n {
				return true
			}
		}
	}
	if d.o.FolderSyncOnly || c.about == nil {
		return false
	}
	if c.about == n {
		return c.birth || !dataOnly
	}
	return c.about.folder && within(n, c.about)
}

// within reports whether n lies under a folder.
func within(n, folder *node) bool {
	for up := n.above; up != nil; up = up.above {
		if up == folder {
			return true
		}
	}
	return false
}

// earlierToo adds the earlier changes of the same names: a name's changes become
// durable in order.
func (d *disk) earlierToo(wanted map[*naming]bool) {
	type place struct {
		folder *node
		name   string
	}
	touched := map[place]bool{}
	for _, c := range slices.Backward(d.names) {
		for _, e := range c.set {
			if touched[place{e.folder, e.name}] {
				wanted[c] = true
			}
		}
		if wanted[c] {
			for _, e := range c.set {
				touched[place{e.folder, e.name}] = true
			}
		}
	}
}
