package sendgrid

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// A page of a proxy is no mail that was taken: nobody was told then.
func TestMail_anotherServersSuccessIsNone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusAccepted, http.StatusNoContent} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				_, _ = w.Write([]byte("<html>Please log in</html>"))
			}
		}))
		t.Cleanup(s.Close)
		c, err := New(Options{APIKey: "SG.key", From: "status@example.com", BaseURL: s.URL, AllowPrivate: []string{"127.0.0.1"}, Blobs: struct{ Blobs }{}})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Mail(t.Context(), orchestrator.Person{ID: "ann", Email: "ann@example.com"}, "subject", "text")
		if !orchestrator.IsInDoubt(err) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestReadCSV_leavesOutWhatSendGridWouldRefuseAllFor(t *testing.T) {
	t.Parallel()
	p := &people{seen: map[string]bool{}}
	long := strings.Repeat("a", 65) + "@x.io"
	text := "email,name\na@x.io,\"Ann\r\nBcc: v@x.io\"\n\u00e4@x.io,\na@\u00e4.io,\na@localhost,\nx@[127.0.0.1],\na@-x.io,\n" + long + ",\nb@xn--4ca.io,\u202eeve\nc@x.co.kr,\xb1\xe8\n"
	if err := p.readCSV(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	want := []recipient{{"a@x.io", "Ann Bcc: v@x.io", "en"}, {"b@xn--4ca.io", "eve", "en"}, {"c@x.co.kr", "", "en"}}
	if len(p.all) != len(want) || len(p.bad) != 6 {
		t.Fatalf("%q, left out %v", p.all, p.bad)
	}
	for i, r := range want {
		if p.all[i] != r {
			t.Errorf("%q, want %q", p.all[i], r)
		}
	}
}

func TestReadCSV_refusesAColumnTwice(t *testing.T) {
	t.Parallel()
	p := &people{seen: map[string]bool{}}
	err := p.readCSV(strings.NewReader("email,name, Email\na@x.io,Ann,other@x.io\n"))
	if err == nil || !strings.Contains(err.Error(), "email twice") {
		t.Errorf("%v, %q", err, p.all)
	}
}
