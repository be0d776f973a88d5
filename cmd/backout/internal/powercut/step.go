package powercut

import (
	"errors"
	"fmt"
	"slices"
)

// errUnmodelled means that a call did something to our files that the model does
// not know; it must be added, or the program must not do it.
var errUnmodelled = errors.New("the model does not know this call on these files")

// ErrKilledInside means that a process was killed inside a call that changes files:
// nobody can say whether it did. Stop a process before it is killed.
var ErrKilledInside = errors.New("the process was killed inside this call")

// step replays one call; ok is false when it is no event.
func (p *Player) step(c *call) (e Event, ok bool, err error) {
	switch c.name {
	case "close":
		fd, _ := c.number(0)
		delete(p.files[p.t.processOf(c.pid)], fd)
		return Event{}, false, nil
	case "mmap":
		return Event{}, false, p.mmap(c)
	}
	if c.died {
		return Event{}, false, p.died(c)
	}
	if !c.ok {
		return Event{}, false, nil
	}
	switch c.name {
	case "open", "openat", "creat":
		return p.open(c)
	case "write", "pwrite64":
		return p.write(c)
	case "ftruncate":
		return p.truncate(c)
	case "fsync", "fdatasync":
		return p.sync(c)
	case "lseek":
		if f := p.opened(c, 0); f != nil {
			f.off = c.ret
		}
		return Event{}, false, nil
	case "fcntl":
		if !c.has(1, "F_DUPFD") && !c.has(1, "F_DUPFD_CLOEXEC") {
			return Event{}, false, nil
		}
	case "sync_file_range", "clone", "clone3", "fork", "vfork", "close_range":
		return Event{}, false, nil // no promise, or nothing with files
	case "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir":
		return p.names(c)
	}
	return Event{}, false, p.unmodelled(c)
}

// died refuses a recording in which a process was killed inside a change.
func (p *Player) died(c *call) error {
	switch c.name {
	case "write", "pwrite64", "ftruncate":
		if f := p.opened(c, 0); f != nil && !f.journal {
			return fmt.Errorf("%w: %s", ErrKilledInside, f.path)
		}
	case "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir":
		return ErrKilledInside
	}
	return nil
}

// unmodelled refuses a call that touches our files.
func (p *Player) unmodelled(c *call) error {
	if c.name == "sync" || c.name == "syncfs" || c.name == "io_uring_setup" {
		return errUnmodelled
	}
	for i := range c.args {
		if f := p.opened(c, i); f != nil {
			return fmt.Errorf("%w: %s", errUnmodelled, f.path)
		}
		if c.arg(i) != "" && c.arg(i)[0] == '"' {
			path, err := p.path(c, max(0, i-1), i)
			if _, ours := p.under(path); err == nil && ours {
				return fmt.Errorf("%w: %s", errUnmodelled, path)
			}
		}
	}
	return nil
}

// mmap refuses a mapping that can be written and shared: the kernel may put such
// pages to the disk unseen.
func (p *Player) mmap(c *call) error {
	if f := p.opened(c, 4); f != nil && !f.journal && c.has(2, "PROT_WRITE") && c.has(3, "MAP_SHARED") {
		return fmt.Errorf("%w: %s is mapped for shared writing", errUnmodelled, f.path)
	}
	return nil
}

func (p *Player) write(c *call) (Event, bool, error) {
	f := p.opened(c, 0)
	if f == nil {
		return Event{}, false, nil
	}
	data, err := c.written(1)
	if err != nil {
		return Event{}, false, err
	}
	if f.journal {
		return Event{Mark: string(data)}, true, nil
	}
	off, _ := c.number(3)
	if c.name == "write" {
		if off = f.off; f.append {
			off = f.node.size
		}
		f.off = off + c.ret
	}
	p.disk.write(f.node, off, data, c.exit)
	e := Event{Path: p.short(f.path)}
	if f.sync || f.dataSync {
		p.syncNode(&e, f, c.exit, !f.sync)
	}
	return e, true, nil
}

func (p *Player) truncate(c *call) (Event, bool, error) {
	f := p.opened(c, 0)
	if f == nil || f.journal {
		return Event{}, false, nil
	}
	size, ok := c.number(1)
	if !ok {
		return Event{}, false, errUnmodelled
	}
	p.disk.truncate(f.node, size, c.exit)
	return Event{Path: p.short(f.path)}, true, nil
}

func (p *Player) sync(c *call) (Event, bool, error) {
	f := p.opened(c, 0)
	if f == nil || f.journal {
		return Event{}, false, nil
	}
	e := Event{Path: p.short(f.path)}
	p.syncNode(&e, f, c.enter, c.name == "fdatasync")
	return e, true, nil
}

func (p *Player) syncNode(e *Event, f *openFile, enter int, dataOnly bool) {
	if p.o.IgnoreSync == nil || !p.o.IgnoreSync(e.Path) {
		e.Synced = p.disk.sync(f.node, enter, dataOnly)
	}
}

// open notes a descriptor, and makes a file that was not there.
func (p *Player) open(c *call) (Event, bool, error) {
	at, flags := -1, 1
	if c.name == "openat" {
		at, flags = 0, 2
	}
	path, err := p.path(c, at, flags-1)
	if err != nil {
		return Event{}, false, err
	}
	f := &openFile{path: path, journal: slices.Contains(p.o.Journals, path)}
	f.append, f.sync, f.dataSync = c.has(flags, "O_APPEND"), c.has(flags, "O_SYNC"), c.has(flags, "O_DSYNC")
	if _, ours := p.under(path); !ours && !f.journal {
		return Event{}, false, nil
	}
	process := p.t.processOf(c.pid)
	if p.files[process] == nil {
		p.files[process] = map[int64]*openFile{}
	}
	p.files[process][c.ret] = f
	if f.journal {
		return Event{}, false, nil
	}
	return p.openNode(c, f, c.name == "creat" || c.has(flags, "O_CREAT"), c.name == "creat" || c.has(flags, "O_TRUNC"))
}

func (p *Player) openNode(c *call, f *openFile, create, truncate bool) (Event, bool, error) {
	folder, name, n, err := p.find(f.path)
	if err != nil {
		return Event{}, false, err
	}
	e := Event{Path: p.short(f.path)}
	switch {
	case n == nil && !create:
		return Event{}, false, fmt.Errorf("%s was opened and is not known", f.path)
	case n == nil:
		n = newFile()
		n.above = folder
		p.disk.name(&naming{set: []entry{{folder, name, n}}, about: n, birth: true, exit: c.exit})
	case truncate && n.size > 0:
		p.disk.truncate(n, 0, c.exit)
	default:
		f.node = n
		return Event{}, false, nil
	}
	f.node = n
	return e, true, nil
}

// names replays a change of names.
func (p *Player) names(c *call) (Event, bool, error) {
	switch c.name {
	case "mkdir":
		return p.folder(c, -1, 0)
	case "mkdirat":
		return p.folder(c, 0, 1)
	case "unlink", "rmdir":
		return p.remove(c, -1, 0)
	case "unlinkat":
		return p.remove(c, 0, 1)
	case "rename":
		return p.rename(c, -1, 0, -1, 1)
	}
	return p.rename(c, 0, 1, 2, 3)
}

func (p *Player) folder(c *call, at, i int) (Event, bool, error) {
	path, err := p.path(c, at, i)
	if _, ours := p.under(path); err != nil || !ours {
		return Event{}, false, err
	}
	folder, name, _, err := p.find(path)
	if err != nil {
		return Event{}, false, err
	}
	n := newFolder()
	n.above = folder
	p.disk.name(&naming{set: []entry{{folder, name, n}}, about: n, birth: true, exit: c.exit})
	return Event{Path: p.short(path)}, true, nil
}

func (p *Player) remove(c *call, at, i int) (Event, bool, error) {
	path, err := p.path(c, at, i)
	if _, ours := p.under(path); err != nil || !ours {
		return Event{}, false, err
	}
	folder, name, n, err := p.find(path)
	if err != nil {
		return Event{}, false, err
	}
	if n == nil {
		return Event{}, false, fmt.Errorf("%s was removed and is not known", path)
	}
	n.above = nil
	p.disk.name(&naming{set: []entry{{folder, name, nil}}, exit: c.exit})
	return Event{Path: p.short(path)}, true, nil
}

func (p *Player) rename(c *call, fromAt, from, toAt, to int) (Event, bool, error) {
	old, err1 := p.path(c, fromAt, from)
	path, err2 := p.path(c, toAt, to)
	if err := errors.Join(err1, err2); err != nil {
		return Event{}, false, err
	}
	_, oldOurs := p.under(old)
	_, ours := p.under(path)
	if !oldOurs && !ours {
		return Event{}, false, nil
	}
	if !oldOurs || !ours {
		return Event{}, false, fmt.Errorf("%w: %s goes to %s", errUnmodelled, old, path)
	}
	oldFolder, oldName, n, err1 := p.find(old)
	folder, name, _, err2 := p.find(path)
	if err := errors.Join(err1, err2); err != nil {
		return Event{}, false, err
	}
	if n == nil {
		return Event{}, false, fmt.Errorf("%s was renamed and is not known", old)
	}
	n.above = folder
	p.disk.name(&naming{set: []entry{{oldFolder, oldName, nil}, {folder, name, n}}, about: n, exit: c.exit})
	return Event{Path: p.short(path)}, true, nil
}
