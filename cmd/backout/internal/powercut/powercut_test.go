package powercut

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var plainText = regexp.MustCompile(`'[^']*'`)

// trace writes a recording as strace does: texts stand in single quotes here.
func traceOf(lines ...string) *Recording {
	text := strings.Join(lines, "\n") + "\n"
	text = plainText.ReplaceAllStringFunc(text, func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s[1 : len(s)-1]) {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
		return `"` + b.String() + `"`
	})
	r, err := Read(strings.NewReader(text))
	if err != nil {
		panic(err)
	}
	return r
}

// begin makes the root durable, so that a test can speak of what is in it.
var begin = []string{
	"1 mkdirat(AT_FDCWD, '/d', 0700) = 0",
	"1 openat(AT_FDCWD, '/d', O_RDONLY|O_CLOEXEC) = 3",
	"1 fsync(3) = 0",
}

// left plays a recording to its end and gives what a cut leaves: "name=content".
func left(t *testing.T, cut Cut, seed uint64, o Options, lines ...string) string {
	t.Helper()
	o.Root = "/d"
	p := traceOf(slices.Concat(begin, lines)...).Play(o)
	for ok, err := true, error(nil); ok; {
		if _, ok, err = p.Next(); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "cut")
	if err := p.CutPower(cut, seed, dir); err != nil {
		t.Fatal(err)
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files = append(files, name+"="+string(data))
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Join(files, " ")
}

func TestCutPower(t *testing.T) {
	t.Parallel()
	create := "1 openat(AT_FDCWD, '/d/a', O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 4"
	for name, c := range map[string]struct {
		lines         []string
		dropped, kept string
		o             Options
	}{
		"a write without a sync": {[]string{create, "1 write(4, 'x', 1) = 1"}, "", "a=x", Options{}},
		"a sync covers what was written before it": {
			[]string{create, "1 write(4, 'x', 1) = 1", "1 fsync(4) = 0", "1 write(4, 'y', 1) = 1"}, "a=x", "a=xy", Options{},
		},
		"a sync covers nothing that ended while it ran": {
			[]string{create, "1 fsync(4 <unfinished ...>", "2 pwrite64(4, 'x', 1, 0) = 1", "1 <... fsync resumed>) = 0"}, "a=", "a=", Options{},
		},
		"O_SYNC": {
			[]string{"1 openat(AT_FDCWD, '/d/a', O_WRONLY|O_CREAT|O_SYNC, 0600) = 4", "1 write(4, 'x', 1) = 1"}, "a=x", "a=x", Options{},
		},
		"a rename without a sync of the folder": {
			[]string{create, "1 write(4, 'x', 1) = 1", "1 fsync(4) = 0", "1 renameat(AT_FDCWD, '/d/a', AT_FDCWD, '/d/b') = 0"}, "a=x", "b=x", Options{},
		},
		"a rename and a sync of the folder": {
			[]string{create, "1 fsync(4) = 0", "1 renameat(AT_FDCWD, '/d/a', AT_FDCWD, '/d/b') = 0", "1 fsync(3) = 0"}, "b=", "b=", Options{},
		},
		"fdatasync leaves a rename out": {
			[]string{create, "1 renameat(AT_FDCWD, '/d/a', AT_FDCWD, '/d/b') = 0", "1 fdatasync(4) = 0"}, "a=", "b=", Options{},
		},
		"fsync takes a rename along": {
			[]string{create, "1 renameat(AT_FDCWD, '/d/a', AT_FDCWD, '/d/b') = 0", "1 fsync(4) = 0"}, "b=", "b=", Options{},
		},
		"a removal without a sync of the folder": {
			[]string{create, "1 fsync(4) = 0", "1 unlinkat(AT_FDCWD, '/d/a', 0) = 0"}, "a=", "", Options{},
		},
		"a file in a new folder": {
			[]string{"1 mkdirat(AT_FDCWD, '/d/n', 0700) = 0", "1 openat(AT_FDCWD, '/d/n/a', O_RDWR|O_CREAT, 0600) = 4", "1 fsync(4) = 0"}, "n/a=", "n/a=", Options{},
		},
		"a file's name by the sync of its folder only": {
			[]string{create, "1 write(4, 'x', 1) = 1", "1 fsync(4) = 0"}, "", "a=x", Options{FolderSyncOnly: true},
		},
		"a sync that is ignored": {
			[]string{create, "1 write(4, 'x', 1) = 1", "1 fsync(4) = 0"}, "", "a=x", Options{IgnoreSync: func(path string) bool { return path == "a" }},
		},
		"a truncation without a sync": {
			[]string{create, "1 write(4, 'xyz', 3) = 3", "1 fsync(4) = 0", "1 ftruncate(4, 1) = 0"}, "a=xyz", "a=x", Options{},
		},
		"the files of a process are those of its threads, not of its children": {
			[]string{
				create, "1 clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD|CLONE_FILES) = 2", "1 clone(child_stack=NULL, flags=SIGCHLD) = 3",
				"3 close(4) = 0", "2 pwrite64(4, 'x', 1, 0) = 1", "2 fsync(4) = 0",
			}, "a=x", "a=x", Options{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := left(t, Dropped, 0, c.o, c.lines...); got != c.dropped {
				t.Errorf("dropped: got %q, want %q", got, c.dropped)
			}
			if got := left(t, Kept, 0, c.o, c.lines...); got != c.kept {
				t.Errorf("kept: got %q, want %q", got, c.kept)
			}
		})
	}
}

// TestCutPower_torn draws many disks and wants to see every kind.
func TestCutPower_torn(t *testing.T) {
	t.Parallel()
	old, block := strings.Repeat("o", blockSize), strings.Repeat("n", 2*blockSize)
	seen := map[string]bool{}
	for seed := range uint64(60) {
		got := left(t, Torn, seed, Options{},
			"1 openat(AT_FDCWD, '/d/a', O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 4", fmt.Sprintf("1 write(4, '%s', 4096) = 4096", old), "1 fsync(4) = 0",
			fmt.Sprintf("1 pwrite64(4, '%s', 8192, 0) = 8192", block))
		_, data, _ := strings.Cut(got, "=")
		first, second := data[:blockSize], data[blockSize:]
		seen[fmt.Sprintf("first old %t new %t", first == old, first == block[:blockSize])] = true
		seen[fmt.Sprintf("second none %t new %t zeros %t", second == "", second == block[blockSize:], strings.Trim(second, "\x00") == "" && second != "")] = true
	}
	for _, want := range []string{
		"first old true new false", "first old false new true", "first old false new false",
		"second none true new false zeros false", "second none false new true zeros false", "second none false new false zeros true",
	} {
		if !seen[want] {
			t.Errorf("never drawn: %s", want)
		}
	}
}

func TestNext_refusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		want error
	}{
		{"1 writev(4, [{iov_base='x', iov_len=1}], 1) = 1", errUnmodelled},
		{"1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 4, 0) = 0x7f0000000000", errUnmodelled},
		{"1 linkat(AT_FDCWD, '/d/a', AT_FDCWD, '/d/b', 0) = 0", errUnmodelled},
		{"1 dup(4) = 5", errUnmodelled},
		{"1 pwrite64(4, 'x', 1, 0) = ?", ErrKilledInside},
		{"1 write(4, \"\\x78\"..., 2) = 2", errData},
	} {
		p := traceOf("1 mkdirat(AT_FDCWD, '/d', 0700) = 0", "1 openat(AT_FDCWD, '/d/a', O_RDWR|O_CREAT, 0600) = 4", c.line).Play(Options{Root: "/d"})
		var err error
		for ok := true; ok && err == nil; {
			_, ok, err = p.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.line, err, c.want)
		}
	}
}
