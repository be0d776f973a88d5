package job

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"
)

const (
	// keepHead and keepTail are how many bytes of the output are kept.
	keepHead = 64 << 10
	keepTail = 64 << 10
	// lineRead is how much of a line is looked through, lineKept how much of it is kept:
	// a secret that a cut goes through is still masked.
	lineRead = 64 << 10
	lineKept = 8 << 10
	mask     = "[masked]"
	// shortest is the length from which a value is masked wherever it stands.
	shortest = 4
)

// output keeps the beginning of what is printed in a file at once, and its end in
// memory until close. It is for one goroutine.
type output struct {
	file   *os.File
	redact func(string) string
	line   bytes.Buffer
	head   int
	tail   []string
	tailed int
	left   int64 // bytes of lines that fell out of the tail
	seen   int64
}

// copy reads until the end of r and keeps what came.
func (o *output) copy(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		o.seen += int64(n)
		for chunk := buf[:n]; len(chunk) > 0; {
			part, rest, ended := bytes.Cut(chunk, []byte("\n"))
			o.line.Write(part[:min(len(part), max(0, lineRead-o.line.Len()))])
			if chunk = rest; ended {
				o.keep()
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// keep takes the line that is complete.
func (o *output) keep() {
	text := o.redact(plain(o.line.String()))
	o.line.Reset()
	if len(text) > lineKept {
		text = text[:lineKept] + "…"
	}
	text += "\n"
	if o.tailed == 0 && o.left == 0 && o.head+len(text) <= keepHead {
		o.head += len(text)
		_, _ = o.file.WriteString(text) // A full disk must not end the child.
		return
	}
	o.tail, o.tailed = append(o.tail, text), o.tailed+len(text)
	for o.tailed > keepTail {
		o.left += int64(len(o.tail[0]))
		o.tailed -= len(o.tail[0])
		o.tail = slices.Delete(o.tail, 0, 1)
	}
}

// close writes the end.
func (o *output) close() {
	if o.line.Len() > 0 {
		o.keep()
	}
	if o.left > 0 {
		_, _ = fmt.Fprintf(o.file, "… %d bytes left out …\n", o.left)
	}
	_, _ = o.file.WriteString(strings.Join(o.tail, ""))
	_ = o.file.Sync()
	_ = o.file.Close()
}

// plain takes out what would move a terminal's cursor.
func plain(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
}

// masker masks the values of a job's variables, and the password of one that is a URL.
func masker(values []string) func(string) string {
	var pairs []string
	for _, v := range values {
		found := []string{v}
		if u, err := url.Parse(v); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok {
				found = append(found, password, url.QueryEscape(password), url.PathEscape(password))
			}
		}
		for _, s := range found {
			if len(s) >= shortest {
				pairs = append(pairs, s, mask)
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
