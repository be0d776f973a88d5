package outbound_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

func client(t *testing.T, o outbound.Options) *outbound.Client {
	t.Helper()
	if o.AllowPrivate == nil {
		o.AllowPrivate = []string{"127.0.0.0/8"}
	}
	c, err := outbound.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// cut closes the connection after the request was read.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// silent never answers; it ends when the client gives up.
func silent(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestDo_tellsWhetherTheRequestHadLeft(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		left   bool
	}{
		"cut":    {cut, true},
		"silent": {silent, true},
		"half": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
			w.Write([]byte("only this"))
			http.NewResponseController(w).Flush()
			cut(w, r)
		}, true},
		"too long": {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2048)) }, true},
	} {
		s := serve(t, tt.answer)
		c := client(t, outbound.Options{Timeout: 200 * time.Millisecond, MaxBody: 1024})
		_, err := c.Do(t.Context(), outbound.Request{Method: http.MethodPost, URL: s.URL, Body: []byte("{}")})
		if err == nil || outbound.Left(err) != tt.left || orchestrator.IsInDoubt(outbound.Doubt(err)) != tt.left {
			t.Errorf("%s: %v, left %v", name, err, outbound.Left(err))
		}
		if name == "silent" { // As an SDK meets it: http.Client must not hide the cause.
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("{}"))
			resp, err := c.HTTP.Do(r)
			if err == nil {
				resp.Body.Close()
			}
			if !outbound.Left(err) {
				t.Errorf("by the SDK's way: %v", err)
			}
		}
	}
}

func TestDo_nothingLeftWhenNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = client(t, outbound.Options{}).Do(t.Context(), outbound.Request{Method: http.MethodPost, URL: "http://" + l.Addr().String()})
	if err == nil || outbound.Left(err) || orchestrator.IsInDoubt(outbound.Doubt(err)) {
		t.Errorf("%v, left %v", err, outbound.Left(err))
	}
}

func TestDo_repeatsReadsOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, retryAfter string
		status, calls      int
		once               bool
	}{
		{"GET", "", 500, 3, false},
		{"GET", "0", 429, 3, false},
		{"GET", "60", 429, 1, false},
		{"GET", "", 404, 1, false},
		{"GET", "", 500, 1, true},
		{"POST", "", 500, 1, false},
		{"POST", "0", 429, 1, false},
	} {
		var calls atomic.Int32
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			if tt.retryAfter != "" {
				w.Header().Set("Retry-After", tt.retryAfter)
			}
			w.WriteHeader(tt.status)
		})
		a, err := client(t, outbound.Options{}).Do(t.Context(), outbound.Request{Method: tt.method, URL: s.URL, Once: tt.once})
		if err != nil || a.Status != tt.status || int(calls.Load()) != tt.calls {
			t.Errorf("%+v: %d calls, %v", tt, calls.Load(), err)
		}
	}
}

func TestDo_waitsObeyTheContext(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	a, err := client(t, outbound.Options{}).Do(ctx, outbound.Request{Method: http.MethodGet, URL: s.URL})
	if err != nil || a.Status != http.StatusTooManyRequests || time.Since(begun) > time.Second {
		t.Errorf("%d %v after %v", a.Status, err, time.Since(begun))
	}
}

func TestGuard_staysOutOfThePrivateNetwork(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, tt := range []struct {
		allow []string
		host  string
		ok    bool
	}{
		{[]string{}, "127.0.0.1", false},
		{[]string{}, "localhost", false}, // A name that points inward.
		{[]string{}, "[::ffff:127.0.0.1]", false},
		{[]string{"10.0.0.0/8"}, "127.0.0.1", false},
		{[]string{"127.0.0.1"}, "127.0.0.1", true},
		{[]string{"127.0.0.0/8"}, "127.0.0.1", true},
		{[]string{"127.0.0.1" + port}, "127.0.0.1", true},
		{[]string{"localhost" + port}, "127.0.0.1", false},
	} {
		c := client(t, outbound.Options{AllowPrivate: tt.allow})
		_, err := c.Do(t.Context(), outbound.Request{Method: http.MethodPost, URL: "http://" + tt.host + port})
		if (err == nil) != tt.ok || outbound.Left(err) {
			t.Errorf("%v %s: %v", tt.allow, tt.host, err)
		}
	}
	for _, address := range []string{"10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[fd00::1]", "[fe80::1]", "[64:ff9b::7f00:1]"} {
		c := client(t, outbound.Options{AllowPrivate: []string{}})
		_, err := c.Do(t.Context(), outbound.Request{Method: http.MethodPost, URL: "http://" + address + ":9"})
		if err == nil || !strings.Contains(err.Error(), "private address") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := outbound.New(outbound.Options{AllowPrivate: []string{"my network"}}); err == nil {
		t.Error("a network that is none was taken")
	}
}

func TestDo_neitherRedirectsNorLeaks(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.test/", http.StatusFound)
	})
	c := client(t, outbound.Options{
		Redact: []string{"s3cret"}, Timeout: 200 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	r := outbound.Request{Method: http.MethodGet, URL: s.URL + "/hooks/s3cret?key=s3cret", Header: http.Header{"Authorization": {"Bearer s3cret"}}}
	if a, err := c.Do(t.Context(), r); err != nil || a.Status != http.StatusFound {
		t.Errorf("%+v %v", a, err)
	}
	r.URL = "http://s3cret.invalid:1/s3cret"
	if _, err := c.Do(t.Context(), r); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error: %v", err)
	}
	r.URL = "http://%zz/s3cret"
	if _, err := c.Do(t.Context(), r); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error: %v", err)
	}
	if text := log.String(); strings.Contains(text, "?") || strings.Contains(text, "s3cret") {
		t.Errorf("logged: %s", text)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	wait := http.Header{"Retry-After": {"7"}}
	for _, tt := range []struct {
		status             int
		effect             bool
		permanent, inDoubt bool
		retry              time.Duration
	}{
		{400, true, true, false, 0},
		{302, true, true, false, 0},
		{408, true, false, true, 0},
		{429, true, false, false, 7 * time.Second},
		{500, true, false, true, 0},
		{504, true, false, true, 0},
		{500, false, false, false, 0},
	} {
		err := outbound.Refused(outbound.Answer{Status: tt.status, Header: wait}, tt.effect, "no")
		if orchestrator.IsPermanent(err) != tt.permanent || orchestrator.IsInDoubt(err) != tt.inDoubt || orchestrator.RetryDelay(err) != tt.retry {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if d := orchestrator.RetryDelay(outbound.Refused(outbound.Answer{Status: 429, Header: http.Header{}}, true, "no")); d < time.Second {
		t.Errorf("a 429 that does not say: %v", d)
	}
}
