package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Call is one request a stand-in got, as GET /_sandbox/calls lists it and as
// the call log file keeps it. Authorization headers are never recorded.
type Call struct {
	// N counts calls over all stand-ins and over restarts on the same file, from 1.
	N      int64     `json:"n"`
	At     time.Time `json:"at"`
	Server string    `json:"server"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Query  string    `json:"query"`
	Body   string    `json:"body"`
	// Status is what was sent; 0 when nothing was.
	Status int `json:"status"`
	// Effect: did the call change the state of the outside system?
	Effect bool `json:"effect"`
	// Dropped: the connection was closed, or held open, without an answer.
	Dropped bool `json:"dropped"`
	// Fault names what was done to the call: a Fault kind, or random_500.
	Fault string `json:"fault,omitempty"`
}

// callLog keeps the calls of all stand-ins: the judge of what really happened.
type callLog struct {
	mu    sync.Mutex
	n     int64
	file  *os.File // nil keeps memory only
	calls map[string][]Call
}

func openCallLog(path string) (*callLog, error) {
	l := &callLog{calls: map[string][]Call{}}
	if path == "" {
		return l, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the call log (is its folder there and writable?): %w", err)
	}
	if l.n, err = countLines(file); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the call log %s: %w", path, err), file.Close())
	}
	l.file = file
	return l, nil
}

func countLines(r io.Reader) (int64, error) {
	var n int64
	reader := bufio.NewReader(r)
	for {
		_, err := reader.ReadSlice('\n')
		switch {
		case err == nil:
			n++
		case errors.Is(err, io.EOF):
			return n, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
}

// add numbers and keeps a call; on a file it returns only after fsync, because
// the log must know of a call before its caller can.
func (l *callLog) add(c Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	c.N = l.n
	l.calls[c.Server] = append(l.calls[c.Server], c)
	if l.file == nil {
		return nil
	}
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding call %d: %w", c.N, err)
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing call %d: %w", c.N, err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("syncing call %d: %w", c.N, err)
	}
	return nil
}

// of answers a copy of one stand-in's calls in the order they were answered.
func (l *callLog) of(server string) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Call{}, l.calls[server]...)
}

// forget empties one stand-in's list; the file stays as it is.
func (l *callLog) forget(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.calls, server)
}

func (l *callLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return file.Close()
}
