package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

// request is a call with its body already read.
type request struct {
	*http.Request
	body []byte
}

// answer is what a stand-in wants to send; faults decide whether it leaves.
type answer struct {
	status int
	header map[string]string
	body   []byte
	effect bool // the call changed state
}

// asJSON answers v as JSON; what cannot be encoded is a fault of this package
// and shows as a 500 with its reason.
func asJSON(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return asText(http.StatusInternalServerError, err.Error())
	}
	return answer{status: status, body: body, header: map[string]string{"Content-Type": "application/json; charset=utf-8"}}
}

func asText(status int, text string) answer {
	return answer{status: status, body: []byte(text), header: map[string]string{"Content-Type": "text/plain; charset=utf-8"}}
}

// changed marks the answer of a call that had an effect.
func (a answer) changed() answer {
	a.effect = true
	return a
}

func (a answer) with(key, value string) answer {
	header := map[string]string{key: value}
	for k, v := range a.header {
		if _, set := header[k]; !set {
			header[k] = v
		}
	}
	a.header = header
	return a
}

func (a answer) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // The caller may be gone; that is his to notice.
}

// endpoint is one route of a stand-in.
type endpoint func(*request) answer

// ServeHTTP lets http.ServeMux choose the endpoint; the answer is captured, not sent.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := w.(*capture)
	if !ok {
		http.Error(w, "sandbox endpoint outside its front", http.StatusInternalServerError)
		return
	}
	c.got = e(&request{Request: r, body: c.body})
	c.routed = true
}

// capture is the ResponseWriter given to a stand-in's mux: it keeps the
// endpoint's answer and swallows the mux's own error pages.
type capture struct {
	body   []byte
	got    answer
	routed bool
	header http.Header
	status int
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(status int)      { c.status = status }
func (c *capture) Write(b []byte) (int, error) { return len(b), nil }

// bearer answers the token of an Authorization header, or "".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return ""
	}
	return strings.TrimSpace(token)
}
