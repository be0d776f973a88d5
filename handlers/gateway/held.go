package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// What strangers may make the process hold: so many bytes of all bodies that are read
// before anybody knows whose they are, the first of each body not counted, so that
// nearly all honest deliveries pass beside a flood of large ones. Both listeners take
// Connections at most, or a flood of them would use up the files that the log needs.
const (
	heldBytes   = 32 << 20
	freeBytes   = 32 << 10
	Connections = 2048
)

// errCrowded is that too many bodies are being read.
var errCrowded = errors.New("too many large bodies are being read; send it again")

// held counts the bytes of bodies whose senders are not known yet.
type held struct{ bytes atomic.Int64 }

// body counts what is read of a body until release.
func (h *held) body(b io.ReadCloser) *heldBody { return &heldBody{ReadCloser: b, held: h} }

type heldBody struct {
	io.ReadCloser
	held          *held
	read, counted int64
}

// Read implements io.Reader; it fails with errCrowded.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	more := b.read - freeBytes - b.counted
	if more <= 0 {
		return n, err
	}
	if b.held.bytes.Add(more) > heldBytes {
		b.held.bytes.Add(-more)
		return 0, errCrowded
	}
	b.counted += more
	return n, err
}

func (b *heldBody) release() { b.held.bytes.Add(-b.counted) }

// guarded counts the bodies that a handler reads to know its sender.
func (h *held) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := h.body(r.Body)
		defer body.release()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// Limited gives a listener at most that many connections; the next ones wait until one
// of them ends, which a silent one does within seconds.
func Limited(ln net.Listener, most int) net.Listener {
	return &limited{Listener: ln, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	free func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
