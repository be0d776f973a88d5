package outbound_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

const credential = "tok_0123456789abcdef"

// echoing answers with the credential it was given, in all places, cut up by the network.
func echoing(w http.ResponseWriter, r *http.Request) {
	given := r.Header.Get("Authorization")
	w.Header().Set("X-Given", given)
	w.Header().Set("Location", "/again?key="+given)
	w.WriteHeader(http.StatusForbidden)
	for _, part := range []string{"refused: " + given[:11], given[11:], strings.Repeat(" and "+given, 300), " end of it"} {
		io.WriteString(w, part)
		http.NewResponseController(w).Flush()
	}
}

func TestDo_takesItsSecretsOutOfAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t, echoing)
	c := client(t, outbound.Options{Redact: []string{credential, credential[:12], "of"}})
	header := http.Header{"Authorization": {credential}}
	a, err := c.Do(t.Context(), outbound.Request{Method: http.MethodGet, URL: s.URL, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(a.Body); strings.Contains(text, credential[:12]) || strings.Count(text, "[redacted]") != 301 || !strings.HasSuffix(text, " end of it") {
		t.Errorf("%d masked in %q", strings.Count(text, "[redacted]"), text)
	}
	if a.Header.Get("X-Given") != "[redacted]" || strings.Contains(a.Header.Get("Location"), credential) {
		t.Errorf("headers: %v", a.Header)
	}
	// As an SDK reads it, a byte at a time.
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	r.Header = header
	resp, err := c.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	for one := make([]byte, 1); ; {
		n, err := resp.Body.Read(one)
		text.Write(one[:n])
		if err != nil {
			break
		}
	}
	if text.String() != string(a.Body) {
		t.Errorf("byte by byte: %q", text.String())
	}
}

func TestGuard_knowsEveryWayInward(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"198.18.0.1", "192.0.0.8", "240.0.0.1", "255.255.255.255", "[::127.0.0.1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::1]", "[2001::1]", "[fec0::1]",
	} {
		c := client(t, outbound.Options{AllowPrivate: []string{}, Timeout: 200 * time.Millisecond})
		_, err := c.Do(t.Context(), outbound.Request{Method: http.MethodPost, URL: "http://" + address + ":9"})
		if err == nil || !strings.Contains(err.Error(), "private address") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRefused_waitsNoLongerThanAnHour(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1000000000":                    time.Hour,
		"99999999999":                   time.Hour, // would overflow
		"9223372036854775807":           time.Hour,
		"-1":                            10 * time.Second,
		"99999999999999999999":          10 * time.Second,
		"soon":                          10 * time.Second,
		"0":                             time.Second,
		"Fri, 31 Dec 9999 23:59:59 GMT": time.Hour,
		"Thu, 01 Jan 1970 00:00:00 GMT": time.Second,
	} {
		err := outbound.Refused(outbound.Answer{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {text}}}, false, "no")
		if got := orchestrator.RetryDelay(err); got != want {
			t.Errorf("Retry-After: %s: waits %v, want %v", text, got, want)
		}
	}
}
