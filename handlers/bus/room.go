package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// diskReserve is what the log leaves of its disk: the state needs room to follow.
// minDisk is what a start needs.
const (
	diskReserve = 16 << 20
	minDisk     = 2 << 20
)

// Size implements orchestrator.Sized. With the embedded server the log may take no
// more than its disk has, and a stream that met a write error is ErrLogBroken:
// nats-server then answers no publish any more, whatever room is made (stream.go,
// setWriteErr), until it is started again.
func (b *Bus) Size(ctx context.Context) (bytes, limit int64, err error) {
	if b.embedded != nil {
		if err := b.embedded.Writable(); err != nil {
			return 0, 0, fmt.Errorf("%w: %w. What was acknowledged is on disk. Make room on the disk of %s, then start Backout again", orchestrator.ErrLogBroken, err, b.embedded.dir)
		}
	}
	s, err := b.js.Stream(ctx, LogStream)
	if err != nil {
		return 0, 0, fmt.Errorf("asking how full the log is: %w", err)
	}
	info := s.CachedInfo()
	bytes, limit = int64(info.State.Bytes), info.Config.MaxBytes
	if free, known := b.DiskFree(); known {
		limit = min(limit, bytes+max(0, free-diskReserve))
	}
	return bytes, limit, nil
}

// EnoughDisk refuses to start on a disk that is full: the first write would fail
// somewhere in the middle.
func EnoughDisk(dir string) error {
	free, known := diskFree(dir)
	for at := dir; !known && filepath.Dir(at) != at; {
		at = filepath.Dir(at) // the folder is not made yet
		free, known = diskFree(at)
	}
	if known && free < minDisk {
		return fmt.Errorf("no space left on the disk of %s: %d bytes are free, and Backout starts with %d or more. Make room there, then start it again; nothing is lost", dir, free, minDisk)
	}
	return nil
}

// DiskFree is what is left of the disk under the embedded server, in bytes; known
// is false with an external one.
func (b *Bus) DiskFree() (free int64, known bool) {
	if b.embedded == nil {
		return 0, false
	}
	return diskFree(b.embedded.dir)
}

// Writable asks the server whether all its streams can be written.
func (s *Server) Writable() error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/healthz", nil)
	if err != nil {
		return fmt.Errorf("asking the embedded NATS server for its health: %w", err)
	}
	var answer healthAnswer
	s.ns.HandleHealthz(&answer, r)
	return answer.unwritable()
}

// notReady begins what the server answers when it did not find itself listening
// within a millisecond (nats-server monitor.go, healthz). On a busy machine that
// happens to a server that is well, and it says nothing about the streams.
const notReady = "failed to be ready for connections"

// unwritable is why a stream cannot be written; nil when all can be, as far as the
// answer tells.
func (a *healthAnswer) unwritable() error {
	if a.status < http.StatusMultipleChoices {
		return nil
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.body, &said) != nil || said.Error == "" {
		said.Error = fmt.Sprintf("the embedded NATS server answers %d", a.status)
	}
	if strings.HasPrefix(said.Error, notReady) {
		return nil
	}
	return errors.New(said.Error)
}

// healthAnswer takes the answer of a handler that is asked inside the process.
type healthAnswer struct {
	header http.Header
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (a *healthAnswer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader implements http.ResponseWriter.
func (a *healthAnswer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *healthAnswer) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}
