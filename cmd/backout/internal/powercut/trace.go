package powercut

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Syscalls are what a recording must trace: everything that changes or syncs a
// file or names one, and what makes threads and processes.
func Syscalls() []string {
	return strings.Fields(`open openat openat2 creat close close_range dup dup2 dup3 fcntl lseek
		write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice
		truncate ftruncate fallocate rename renameat renameat2 link linkat symlink symlinkat
		unlink unlinkat mkdir mkdirat rmdir fsync fdatasync sync syncfs sync_file_range msync mmap
		clone clone3 fork vfork io_uring_setup`)
}

// StraceArgs are the options for strace: threads and children followed, all data
// in hexadecimal, into the file out.
func StraceArgs(out string) []string {
	return []string{
		"-f", "--seccomp-bpf", "-q", "-xx", "-s", strconv.Itoa(64 << 20), "-e", "signal=none",
		"-e", "trace=" + strings.Join(Syscalls(), ","), "-o", out, "--",
	}
}

// call is one system call. Enter and exit are the lines of the recording where it
// began and ended: what strace saw of two threads is in an order in which it can
// have happened, because a traced thread goes on only after strace wrote it down.
type call struct {
	pid  int
	name string
	args []string
	ret  int64
	ok   bool
	// died is set when the process was killed inside the call: whether the call
	// did anything is not known then.
	died        bool
	enter, exit int
}

// trace is a whole recording, its calls in the order of their ends.
type trace struct {
	calls []call
	// process maps a thread to the thread that shares its files.
	process map[int]int
}

// readTrace reads what strace wrote. A call counts from its end: a crash inside a
// call leaves what a crash before or after it may leave.
func readTrace(r io.Reader) (*trace, error) {
	t := &trace{process: map[int]int{}}
	open := map[int]call{}
	lines := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the recording: %w", err)
		}
		if err := t.line(bytes.TrimRight(line, "\n"), n, open); err != nil {
			return nil, fmt.Errorf("line %d of the recording: %w", n, err)
		}
	}
}

// line takes one line: a whole call, its beginning, or its end.
func (t *trace) line(line []byte, n int, open map[int]call) error {
	first, text, ok := strings.Cut(string(line), " ")
	pid, err := strconv.Atoi(first)
	if !ok || err != nil {
		return fmt.Errorf("no thread in %.80q", line)
	}
	text = strings.TrimLeft(text, " ")
	if strings.HasPrefix(text, "+++") {
		return t.ended(pid, n, open)
	}
	if begin, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
		open[pid] = call{pid: pid, enter: n, name: begin}
		return nil
	}
	enter := n
	if rest, ok := strings.CutPrefix(text, "<... "); ok {
		_, end, found := strings.Cut(rest, " resumed>")
		begun := open[pid]
		delete(open, pid)
		if !found || begun.enter == 0 {
			return fmt.Errorf("the end of a call without its beginning: %.80q", line)
		}
		text, enter = begun.name+end, begun.enter
	}
	c, err := parseCall(text)
	if err != nil {
		return err
	}
	c.pid, c.enter, c.exit = pid, enter, n
	t.born(&c)
	t.calls = append(t.calls, c)
	return nil
}

// ended takes the end of a thread; a call it was in has no end of its own then.
func (t *trace) ended(pid, n int, open map[int]call) error {
	begun, ok := open[pid]
	if !ok {
		return nil
	}
	delete(open, pid)
	c, err := parseCall(begun.name + ") = ?")
	c.pid, c.enter, c.exit = pid, begun.enter, n
	t.calls = append(t.calls, c)
	return err
}

// born notes which process a new thread belongs to.
func (t *trace) born(c *call) {
	if c.ok && (c.name == "clone" || c.name == "clone3") && strings.Contains(strings.Join(c.args, ","), "CLONE_THREAD") {
		t.process[int(c.ret)] = c.pid
	}
}

// processOf is the thread a process began with.
func (t *trace) processOf(pid int) int {
	for {
		up, ok := t.process[pid]
		if !ok {
			return pid
		}
		pid = up
	}
}

// parseCall reads `name(args) = result`.
func parseCall(text string) (call, error) {
	name, rest, ok := strings.Cut(text, "(")
	end := strings.LastIndex(rest, ") ")
	if !ok || end < 0 {
		return call{}, fmt.Errorf("not a call: %.80q", text)
	}
	result := strings.TrimLeft(rest[end+2:], " ")
	result, ok = strings.CutPrefix(result, "= ")
	if !ok {
		return call{}, fmt.Errorf("a call without a result: %.80q", text)
	}
	word, _, _ := strings.Cut(result, " ")
	c := call{name: name, args: splitArgs(rest[:end])}
	if word == "?" {
		c.died = true
		return c, nil
	}
	ret, err := strconv.ParseInt(word, 0, 64)
	c.ret, c.ok = ret, err == nil && ret >= 0
	return c, nil
}

// splitArgs splits at commas outside of brackets. Texts hold none: strace wrote
// them in hexadecimal.
func splitArgs(text string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{', '(':
			depth++
		case ']', '}', ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}
