package powercut

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Options say what is replayed, and how.
type Options struct {
	// Root is the folder the program keeps its files in; it must not have existed
	// when the recording began. Its path is absolute.
	Root string
	// Journals are files outside of Root whose writes become marks: a test writes
	// there what happened, such as an acknowledgement it got.
	Journals []string
	// IgnoreSync leaves out syncs of files that it names; for controls.
	IgnoreSync func(path string) bool
	// FolderSyncOnly makes names durable by a sync of their folder only, as POSIX
	// promises and no more.
	FolderSyncOnly bool
}

// Event is a step of the recording that changed or synced files under Root, or a
// mark. A crash is possible after each.
type Event struct {
	// Call is the system call, Path the file under Root.
	Call, Path string
	// Synced counts the writes and the changes of names that were made durable.
	Synced int
	// Mark is what was written to a journal.
	Mark string
}

// Recording is what a program did to its files.
type Recording struct{ t *trace }

// Read reads a recording of strace that was made with StraceArgs.
func Read(r io.Reader) (*Recording, error) {
	t, err := readTrace(r)
	if err != nil {
		return nil, err
	}
	return &Recording{t: t}, nil
}

// Player replays a recording. Not safe for concurrent use; any number of players
// may use one recording.
type Player struct {
	o    Options
	t    *trace
	next int
	disk *disk
	// files are what each process has open.
	files map[int]map[int64]*openFile
}

// openFile is a file or folder a process has open.
type openFile struct {
	node    *node
	path    string
	journal bool
	off     int64
	append  bool
	// sync and dataSync are set for O_SYNC and O_DSYNC.
	sync, dataSync bool
}

// Play begins a replay on an empty disk.
func (r *Recording) Play(o Options) *Player {
	return &Player{o: o, t: r.t, disk: newDisk(o), files: map[int]map[int64]*openFile{}}
}

// Next replays up to the next event; ok is false at the end. An error means that
// the model does not know what happened there, so nothing after it counts.
func (p *Player) Next() (e Event, ok bool, err error) {
	for p.next < len(p.t.calls) {
		c := &p.t.calls[p.next]
		p.next++
		e, ok, err := p.step(c)
		if err != nil {
			return Event{}, false, fmt.Errorf("line %d of the recording, %s: %w", c.exit, c.name, err)
		}
		if ok {
			e.Call = c.name
			return e, true, nil
		}
	}
	return Event{}, false, nil
}

// opened is the file of a descriptor, nil when it is none of ours.
func (p *Player) opened(c *call, i int) *openFile {
	fd, ok := c.number(i)
	if !ok {
		return nil
	}
	return p.files[p.t.processOf(c.pid)][fd]
}

// path resolves the path in argument i against the folder in argument at; at is
// negative for calls without one. A path outside of Root comes back absolute or as
// it was written.
func (p *Player) path(c *call, at, i int) (string, error) {
	text, err := c.text(i)
	if err != nil {
		return "", err
	}
	path := string(text)
	if !filepath.IsAbs(path) && at >= 0 {
		if f := p.opened(c, at); f != nil {
			path = filepath.Join(f.path, path)
		}
	}
	return filepath.Clean(path), nil
}

// under gives the names that lead to a path, from the folder Root is in; ok is
// false for paths outside.
func (p *Player) under(path string) (names []string, ok bool) {
	rest, ok := strings.CutPrefix(path, p.o.Root)
	if !ok || (rest != "" && rest[0] != '/') {
		return nil, false
	}
	return strings.Split("."+rest, "/"), true
}

// find is the folder a path is in, its last name, and what has that name.
func (p *Player) find(path string) (folder *node, name string, n *node, err error) {
	names, _ := p.under(path)
	folder = p.disk.root
	for _, name := range names[:len(names)-1] {
		folder = folder.entries[name]
		if folder == nil || !folder.folder {
			return nil, "", nil, fmt.Errorf("the folder of %s is not known", path)
		}
	}
	name = names[len(names)-1]
	return folder, name, folder.entries[name], nil
}

// short is a path as events name it.
func (p *Player) short(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, p.o.Root), "/")
}
