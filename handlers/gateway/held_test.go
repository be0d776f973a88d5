package gateway

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stranger sends a large body and never its end; stop lets it go.
func (d *desk) stranger(t *testing.T, path string, size int) (stop func()) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n"
	if _, err := io.Copy(conn, io.MultiReader(strings.NewReader(head), bytes.NewReader(make([]byte, size)))); err != nil {
		t.Fatal(err)
	}
	return func() { conn.Close() }
}

func TestStrangersCannotFillTheMemory(t *testing.T) {
	t.Parallel()
	var g *Gateway
	d := newDesk(t, func(o *Options) {
		var err error
		if g, err = New(*o); err != nil {
			t.Fatal(err)
		}
	})
	d.Config.Handler = g.Handler()
	const size = 1<<20 - 1
	var stops []func()
	for i := range heldBytes / (size - freeBytes) {
		stops = append(stops, d.stranger(t, []string{"/hooks/vercel", "/chat/slack"}[i%2], size))
	}
	held := func() bool { return g.held.bytes.Load() > heldBytes-size }
	until(t, held)
	large := `{"type": "` + strings.Repeat("x", size-100) + `"}`
	if status, answer, h := d.post(t, "/hooks/vercel", large); status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" {
		t.Errorf("one body too many: %d %s", status, answer)
	}
	if status, answer, _ := d.post(t, "/hooks/vercel", `{"type": "deployment.cleanup"}`, "x-vercel-signature", vercelSignature(`{"type": "deployment.cleanup"}`)); status != http.StatusOK {
		t.Errorf("a small one of a known sender: %d %s", status, answer)
	}
	if status, answer, _ := d.post(t, "/hooks/alertmanager", `{"alerts": [], "x": "`+large[10:len(large)-2]+`"}`, "Authorization", "Bearer "+hookToken); status != http.StatusOK {
		t.Errorf("a large one of a sender that is known before: %d %s", status, answer)
	}
	for _, stop := range stops {
		stop()
	}
	until(t, func() bool { return g.held.bytes.Load() == 0 })
	if status, answer, _ := d.post(t, "/hooks/vercel", large, "x-vercel-signature", vercelSignature(large)); status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, answer)
	}
}

// until waits for a condition.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not come to that in 20 s")
		}
	}
}

func TestLimited_nextConnectionsWait(t *testing.T) {
	t.Parallel()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := Limited(inner, 2)
	accepted := make(chan net.Conn, 8)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	first := <-accepted
	<-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was let in")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // twice frees one place only
	<-accepted
	ln.Close()
	if err := <-ended; err == nil {
		t.Error("a closed listener goes on")
	}
}
