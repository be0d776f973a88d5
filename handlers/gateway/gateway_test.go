package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// desk is a gateway on a real listener, with a log and blobs in memory.
type desk struct {
	*httptest.Server
	mu      sync.Mutex
	records []orchestrator.Record
	appends [][]orchestrator.Record
	blobs   map[string][]byte
	full    error
}

const (
	hookToken    = "hooktoken"
	publishToken = "publish-only"
)

func newDesk(t *testing.T, change func(*Options)) *desk {
	t.Helper()
	d := &desk{blobs: map[string][]byte{}}
	o := Options{
		Sources: []Source{
			{Name: "alertmanager", Auth: AuthBearer, Secrets: []string{"old", hookToken}},
			{Name: "vercel", Auth: AuthHMAC, Secrets: []string{"whsec_test"}},
			{Name: "events", Auth: AuthBearer, Secrets: []string{"events-secret"}},
		},
		Append: d.append, PutBlob: d.putBlob,
		Tokens: func(_ context.Context, hash string) (orchestrator.Token, bool) {
			switch hash {
			case TokenHash(publishToken):
				return orchestrator.Token{Scope: "publish"}, true
			case TokenHash("revoked"):
				return orchestrator.Token{Scope: "publish", Revoked: true}, true
			}
			return orchestrator.Token{}, false
		},
		Chat:   map[string]http.Handler{"slack": echo("slack")},
		Status: echo("status"),
	}
	if change != nil {
		change(&o)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.Server = httptest.NewServer(g.Handler())
	t.Cleanup(d.Close)
	return d
}

func echo(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = io.WriteString(w, text+" "+r.URL.Path+" "+string(b))
	})
}

func (d *desk) append(_ context.Context, rs []orchestrator.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full != nil {
		return d.full
	}
	d.records, d.appends = append(d.records, rs...), append(d.appends, rs)
	return nil
}

func (d *desk) putBlob(_ context.Context, b []byte) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := sha256.Sum256(b)
	hash := hex.EncodeToString(sum[:])
	d.blobs[hash] = b
	return hash, nil
}

// post sends a body with headers given in pairs.
func (d *desk) post(t *testing.T, path, body string, headers ...string) (status int, answer string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := d.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(b)), res.Header
}

// wants checks an answer and gives the records that came of it.
func (d *desk) wants(t *testing.T, status int, answer string, wantStatus int, want string) []orchestrator.Record {
	t.Helper()
	if status != wantStatus || !strings.Contains(answer, want) {
		t.Fatalf("answered %d %s, want %d with %s", status, answer, wantStatus, want)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rs := d.records
	d.records = nil
	return rs
}

func vercelSignature(body string) string {
	m := hmac.New(sha1.New, []byte("whsec_test"))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func TestNobodyIsLetInWithoutProof(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	const rollback = `{"type":"deployment.rollback","id":"evt_1","createdAt":1763885000000,"region":null,"payload":{"team":{"id":"team_1"},"user":{"id":"usr_1"},"project":{"id":"prj_1"},"fromDeploymentId":"dpl_new","toDeploymentId":"dpl_old"}}`
	const published = "c2969f4c4b27bf10f87acddd05b07f436f3ae5c2" // vercel-prisma-postgres.md 3
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
		want             string
	}{
		{"vercel's published vector", "/hooks/vercel", rollback, []string{"x-vercel-signature", published}, 200, `"accepted":1`},
		{"vercel, one byte more", "/hooks/vercel", rollback + " ", []string{"x-vercel-signature", published}, 401, "x-vercel-signature"},
		{"vercel, none", "/hooks/vercel", rollback, nil, 401, "missing"},
		{"vercel, no hex", "/hooks/vercel", rollback, []string{"x-vercel-signature", "zz"}, 401, "wrong"},
		{"alertmanager, wrong", "/hooks/alertmanager", `{"alerts":[]}`, []string{"Authorization", "Bearer nope"}, 401, "Bearer"},
		{"alertmanager, none", "/hooks/alertmanager", `{"alerts":[]}`, nil, 401, "Bearer"},
		{"alertmanager, empty", "/hooks/alertmanager", `{"alerts":[]}`, []string{"Authorization", "Bearer "}, 401, "Bearer"},
		{"alertmanager, the older secret", "/hooks/alertmanager", `{"alerts":[]}`, []string{"Authorization", "Bearer old"}, 200, `"accepted":0`},
		{"alertmanager, secret in the path", "/hooks/alertmanager/" + hookToken, `{"alerts":[]}`, []string{"Authorization", "Bearer old"}, 401, ""},
		{"an API token only opens events", "/hooks/alertmanager", `{"alerts":[]}`, []string{"Authorization", "Bearer " + publishToken}, 401, ""},
		{"events by token", "/hooks/events", `[]`, []string{"Authorization", "Bearer " + publishToken}, 200, `"accepted":0`},
		{"events by secret", "/hooks/events", `[]`, []string{"Authorization", "Bearer events-secret"}, 200, `"accepted":0`},
		{"events by a revoked token", "/hooks/events", `[]`, []string{"Authorization", "Bearer revoked"}, 401, ""},
		{"unknown source", "/hooks/nagios", `[]`, nil, 404, "no such webhook source"},
	} {
		status, answer, _ := d.post(t, c.path, c.body, c.headers...)
		if status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: answered %d %s, want %d with %s", c.name, status, answer, c.status, c.want)
		}
	}
	if n := len(d.records); n != 1 {
		t.Errorf("%d records arrived, want the one that was proven", n)
	}
}

func TestOtherWaysToProveWhoSends(t *testing.T) {
	t.Parallel()
	event := cloudEvent(nil, nil)
	mac := hmac.New(sha256.New, []byte("s1"))
	mac.Write([]byte(event))
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	for _, c := range []struct {
		name     string
		source   Source
		path     string
		headers  []string
		status   int
		unsigned bool
	}{
		{"basic", Source{Auth: AuthBasic, Secrets: []string{"am:pw"}}, "/hooks/events", []string{"Authorization", "Basic YW06cHc="}, 200, false},
		{"basic, wrong", Source{Auth: AuthBasic, Secrets: []string{"am:other"}}, "/hooks/events", []string{"Authorization", "Basic YW06cHc="}, 401, false},
		{"path secret", Source{Auth: AuthPathSecret, Secrets: []string{"s1"}}, "/hooks/events/s1", nil, 200, false},
		{"path secret, wrong", Source{Auth: AuthPathSecret, Secrets: []string{"s1"}}, "/hooks/events/s2", nil, 401, false},
		{"path secret, none", Source{Auth: AuthPathSecret, Secrets: []string{"s1"}}, "/hooks/events", nil, 401, false},
		{"hmac", Source{Auth: AuthHMAC, Secrets: []string{"s0", "s1"}}, "/hooks/events", []string{"X-Hub-Signature-256", signature}, 200, false},
		{"hmac, wrong", Source{Auth: AuthHMAC, Secrets: []string{"s0"}}, "/hooks/events", []string{"X-Hub-Signature-256", signature}, 401, false},
		{"none", Source{Auth: AuthNone}, "/hooks/events", nil, 200, true},
		{"none, by a page of another site", Source{Auth: AuthNone}, "/hooks/events", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, 401, false},
		{"none, by one in an older browser", Source{Auth: AuthNone}, "/hooks/events", []string{"Origin", "https://evil.example"}, 401, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.source.Name = "events"
			d := newDesk(t, func(o *Options) { o.Sources, o.Loopback, o.Tokens = []Source{c.source}, true, nil })
			status, answer, _ := d.post(t, c.path, event, c.headers...)
			rs := d.wants(t, status, answer, c.status, "")
			if c.status == 200 && (len(rs) != 1 || rs[0].Event == nil || rs[0].Event.Unsigned != c.unsigned) {
				t.Errorf("records %+v, want one event with unsigned %v", rs, c.unsigned)
			}
		})
	}
}

func TestSourcesThatCouldNotBeVerifiedAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Source{
		"loopback listener only":      {Name: "events", Auth: AuthNone},
		"no secret":                   {Name: "vercel", Auth: AuthHMAC},
		"empty secret":                {Name: "vercel", Auth: AuthHMAC, Secrets: []string{""}},
		"known are hmac":              {Name: "vercel", Auth: "magic", Secrets: []string{"x"}},
		`no webhook source "nagios"`:  {Name: "nagios", Auth: AuthBearer, Secrets: []string{"x"}},
		"auth bearer but no secret":   {Name: "events", Auth: AuthBearer},
		"auth basic but no secret":    {Name: "events", Auth: AuthBasic},
		"auth path_secret but no sec": {Name: "events", Auth: AuthPathSecret},
	} {
		o := Options{Sources: []Source{s}, Append: (&desk{}).append, PutBlob: (&desk{}).putBlob}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("source %+v: error %v, want one with %q", s, err, want)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a gateway without a log was made")
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) { o.Sources = o.Sources[:1]; o.Tokens = nil })
	get := func(method, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := d.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/healthz", 200, "ok"},
		{"GET", "/status", 200, "status /status"},
		{"GET", "/status/api/v2/summary.json", 200, "status /status/api/v2/summary.json"},
		{"POST", "/chat/slack", 200, "slack /chat/slack"},
		{"GET", "/chat/slack", 405, ""},
		{"POST", "/chat/irc", 404, ""},
		{"GET", "/hooks/vercel", 405, ""},
		{"GET", "/", 404, ""},
		{"POST", "/hooks/vercel", 401, "configure it under hooks.vercel"},
	} {
		if status, body := get(c.method, c.path); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s, want %d with %q", c.method, c.path, status, body, c.status, c.want)
		}
	}
}

func TestNothingIsAnsweredBeforeTheLogHasIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	auth := []string{"Authorization", "Bearer " + publishToken}
	d.full = orchestrator.ErrLogFull
	status, answer, h := d.post(t, "/hooks/events", cloudEvent(nil, nil), auth...)
	d.wants(t, status, answer, 503, "the log is full")
	if h.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	status, answer, _ = d.post(t, "/hooks/events", "{", auth...)
	d.wants(t, status, answer, 503, "full")
	d.full = context.DeadlineExceeded
	status, answer, _ = d.post(t, "/hooks/events", cloudEvent(nil, nil), auth...)
	d.wants(t, status, answer, 503, "send it again")
	d.full = nil
	status, answer, _ = d.post(t, "/hooks/events", cloudEvent(nil, nil), auth...)
	if rs := d.wants(t, status, answer, 200, `{"accepted":1,"quarantined":0}`); len(rs) != 1 {
		t.Errorf("%d records", len(rs))
	}
}

func TestServerLetsSlowSendersGo(t *testing.T) {
	t.Parallel()
	s := Server("127.0.0.1:0", http.NotFoundHandler())
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.IdleTimeout <= 0 || s.WriteTimeout <= appendWait || s.ReadTimeout > time.Minute {
		t.Errorf("timeouts %+v", s)
	}
}

// cloudEvent is an alert, with members of the envelope and of the data changed;
// nil takes one out.
func cloudEvent(envelope, data map[string]any) string {
	d := map[string]any{
		"project": "shop", "environment": "production", "component": "checkout", "fingerprint": "fp1", "name": "CheckoutDown",
		"severity": "critical", "summary": "5xx above 5%", "labels": map[string]string{"service": "checkout"},
		"release": "9f3c2e1", "value": 0.31, "starts_at": "2026-11-23T09:00:00Z",
	}
	change(d, data)
	e := map[string]any{"specversion": "1.0", "id": "e1", "source": "/shop/probe", "type": "backout.alert.firing", "time": "2026-11-23T09:00:01Z", "data": d}
	change(e, envelope)
	b, err := json.Marshal(e)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func change(m, with map[string]any) {
	for k, v := range with {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
}
