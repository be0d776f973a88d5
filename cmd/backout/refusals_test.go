package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRefusals: a wrong call of the command line ends with 2, a call that cannot be done
// with 1, each in one line that says what to do, in words of people.
func TestRefusals(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("<html>\nhello\n</html>"))
	}))
	t.Cleanup(page.Close)
	gone := "127.0.0.1:1"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"incident", "list", "--server", page.URL}, 1, "that is not the admin address of a Backout"},
		{[]string{"ack", "INC-1", "--server", page.URL}, 1, "that is not the admin address of a Backout"},
		{[]string{"backup", filepath.Join(t.TempDir(), "b"), "--server", page.URL}, 1, "no whole copy of a store"},
		{[]string{"incident", "list", "--server", gone}, 1, "no Backout answers at " + gone},
		{[]string{"incident", "list", "--server", ""}, 2, "write http://HOST:PORT"},
		{[]string{"incident", "list", "--server", "ftp://x"}, 2, "write http://HOST:PORT"},
		{[]string{"backup", os.DevNull, "--server", gone}, 2, "is no file to write a backup into"},
		{[]string{"backup", t.TempDir(), "--server", gone}, 2, "is no file to write a backup into"},
		{[]string{"shadow", "right", "INC-1", "back", "x"}, 2, "takes at most 2 argument(s), got 3"},
		{[]string{"changes", "shop", "--since", "yesterday"}, 2, "write a time such as 90s, 30m or 48h"},
		{[]string{"sandbox", "--base-port", "x"}, 2, "write a whole number"},
		{[]string{"bench", "latency", "--rate", "x"}, 2, "write whole numbers"},
		{[]string{"log", "redact", "0", "--reason", "x"}, 2, "entries are counted from 1"},
		{[]string{"serve", "--nats-url", ""}, 2, "--nats-url is given and empty"},
	} {
		var out, said bytes.Buffer
		code := run(t.Context(), c.args, stdio{strings.NewReader(""), &out, &said})
		text := strings.TrimRight(said.String(), "\n")
		if code != c.code || out.Len() > 0 || !strings.HasPrefix(text, "backout: ") || !strings.Contains(text, c.want) {
			t.Errorf("%v: exit %d, %s%s; want %d with %q", c.args, code, out.String(), text, c.code, c.want)
		}
		for _, no := range []string{"strconv", "time: ", "<html>", "\n"} {
			if strings.Contains(text, no) {
				t.Errorf("%v: %q is nothing for people: %s", c.args, no, text)
			}
		}
	}
}

// TestServe_whatItNeedsIsTaken: a port that is taken is told of at once, by name, and a NATS
// server that is none by its address.
func TestServe_whatItNeedsIsTaken(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	taken := silent.Addr().String()
	file := filepath.Join(t.TempDir(), "backout.yaml")
	text := "version: 1\npeople:\n  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}\nprojects:\n  - {id: shop, environments: {staging: {kind: staging}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"--nats-listen=" + taken:        "opening the embedded NATS server on " + taken,
		"--nats-url=nats://" + taken:    "connecting to the NATS server nats://" + taken,
		"--nats-url=nats://127.0.0.1:1": "connecting to the NATS server nats://127.0.0.1:1",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		var out, said bytes.Buffer
		code := run(ctx, []string{"serve", "--config", file, "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", flag}, stdio{strings.NewReader(""), &out, &said})
		if code != exitFailed || !strings.Contains(said.String(), want) || ctx.Err() != nil {
			t.Errorf("%s: exit %d, %v: %s", flag, code, ctx.Err(), said.String())
		}
		cancel()
	}
}

// TestServe_toldToStopWhileItStarts: that is a clean end and no fault of the NATS server.
func TestServe_toldToStopWhileItStarts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "backout.yaml")
	text := "version: 1\npeople:\n  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}\nprojects:\n  - {id: shop, environments: {staging: {kind: staging}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, said bytes.Buffer
	code := run(ctx, []string{"serve", "--config", file, "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--nats-listen", "off"}, stdio{strings.NewReader(""), &out, &said})
	if code != 0 || !strings.Contains(said.String(), "told to stop before it was ready") {
		t.Errorf("exit %d: %s", code, said.String())
	}
}
