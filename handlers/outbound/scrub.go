package outbound

import (
	"bytes"
	"io"
	"net/http"
	"slices"
)

// shortest is the length, in bytes, from which on a secret is taken out of answers: a
// shorter one may well be a word of them, and an answer must not be falsified.
const shortest = 8

// scrubber takes the secrets of a client out of what it is answered. Systems repeat a
// credential in their refusals, proxies in a page or an address, and from there it
// would get into errors, the log and the timeline.
type scrubber struct {
	secrets []string
}

// newScrubber returns nil when there is nothing to look for.
func newScrubber(secrets []string) *scrubber {
	long := slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < shortest })
	if len(long) == 0 {
		return nil
	}
	// The longest first: a secret may begin with another.
	slices.SortFunc(long, func(a, b string) int { return len(b) - len(a) })
	return &scrubber{secrets: long}
}

// text is a whole text without secrets.
func (s *scrubber) text(text string) string {
	out, _ := s.until([]byte(text), len(text))
	return string(out)
}

// until masks the secrets that begin before end and says how far that took it.
func (s *scrubber) until(raw []byte, end int) (out []byte, at int) {
	for at < end {
		i := slices.IndexFunc(s.secrets, func(secret string) bool { return bytes.HasPrefix(raw[at:], []byte(secret)) })
		if i < 0 {
			out = append(out, raw[at])
			at++
			continue
		}
		out = append(out, redacted...)
		at += len(s.secrets[i])
	}
	return out, at
}

// answer puts the scrubber between an answer and its reader.
func (s *scrubber) answer(resp *http.Response) {
	if s == nil {
		return
	}
	for name, values := range resp.Header {
		for i, value := range values {
			resp.Header[name][i] = s.text(value)
		}
	}
	resp.Status = s.text(resp.Status)
	resp.Body = &scrubbedBody{ReadCloser: resp.Body, scrubber: s}
}

// scrubbedBody holds back as many bytes as a secret that is not all there yet could
// take; at the end, or when reading breaks off, they follow.
type scrubbedBody struct {
	io.ReadCloser
	*scrubber
	held, ready []byte
	err         error
}

// Read implements io.Reader.
func (b *scrubbedBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 && b.err == nil {
		b.fill(max(len(p), 512))
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	if len(b.ready) > 0 {
		return n, nil
	}
	return n, b.err
}

func (b *scrubbedBody) fill(size int) {
	more := make([]byte, size)
	n, err := b.ReadCloser.Read(more)
	b.held, b.err = append(b.held, more[:n]...), err
	end := len(b.held)
	if err == nil {
		end -= len(b.secrets[0]) - 1
	}
	out, at := b.until(b.held, end)
	b.ready, b.held = out, b.held[at:]
}
