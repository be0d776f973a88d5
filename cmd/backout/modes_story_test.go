package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

// meter stands on the wire between Backout and the sandbox: it counts connections at
// the socket, and what goes over them, whatever either side says of itself.
type meter struct {
	mu          sync.Mutex
	connections map[string]int
	asked       map[string]int
	changed     []string
}

// before puts the meter in front of every stand-in; nil leaves them as they are.
func (m *meter) before(tb testing.TB, urls sandbox.URLs) sandbox.URLs {
	tb.Helper()
	if m == nil {
		return urls
	}
	m.connections, m.asked = map[string]int{}, map[string]int{}
	urls.Vercel, urls.GitHub = m.proxy(tb, "vercel", urls.Vercel), m.proxy(tb, "github", urls.GitHub)
	urls.Slack, urls.SendGrid = m.proxy(tb, "slack", urls.Slack), m.proxy(tb, "sendgrid", urls.SendGrid)
	urls.Shop = m.proxy(tb, "shop", urls.Shop)
	return urls
}

// throughMeter counts the connections that it accepts.
type throughMeter struct {
	net.Listener
	m    *meter
	name string
}

// Accept implements net.Listener.
func (c throughMeter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.m.mu.Lock()
		c.m.connections[c.name]++
		c.m.mu.Unlock()
	}
	return conn, err
}

func (m *meter) proxy(tb testing.TB, name, target string) string {
	tb.Helper()
	to := must(url.Parse(target))(tb)
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(tb)
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		m.saw(name, r, body)
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(throughMeter{ln, m, name}) }()
	tb.Cleanup(func() { _ = srv.Close() })
	return "http://" + ln.Addr().String()
}

// saw sorts a request: a read, telling our own people, or an effect.
func (m *meter) saw(name string, r *http.Request, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	what := name + " " + r.Method + " " + r.URL.Path
	ours := name == "slack" || name == "sendgrid" && (bytes.Contains(body, []byte("ann@example.com")) || bytes.Contains(body, []byte("bob@example.com")))
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		m.asked[name]++
	case name == "slack" && !strings.Contains(r.URL.Path, "chat."):
		m.asked[name]++ // Slack takes reads as POST too
	case ours:
		m.asked["people"]++
	default:
		m.changed = append(m.changed, what)
	}
}

func (m *meter) want(t *testing.T, people bool) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("connections %v, reads %v, effects %v", m.connections, m.asked, m.changed)
	if len(m.changed) > 0 {
		t.Errorf("effects left: %v", m.changed)
	}
	if m.connections["vercel"] == 0 || m.asked["vercel"] == 0 {
		t.Error("nothing was read: the meter stands in no way")
	}
	if told := m.asked["people"] > 0; told != people {
		t.Errorf("people were told: %t, want %t", told, people)
	}
}

// TestModes_noEffectLeaves: in mode shadow, and in mode advise without a click, policy
// would do everything alone and nothing leaves but reads; a dry run of the whole
// playbook makes none either.
func TestModes_noEffectLeaves(t *testing.T) {
	t.Parallel()
	for _, mode := range []orchestrator.Mode{orchestrator.Shadow, orchestrator.Advise} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			m := &meter{}
			s := newShop(t, shopOptions{Kind: true, Mode: string(mode), Meter: m})
			s.breakShop()
			s.waitIncident("INC-1", "at an end of what it may do alone", func(inc *console.Incident) bool {
				back, status, mail := stepOf(inc, "back"), stepOf(inc, "status"), stepOf(inc, "mail")
				if mode == orchestrator.Shadow {
					return back.State == "skipped" && mail.State == "skipped" && status.State == "skipped"
				}
				return back.Preview != nil && status.State == "awaiting"
			})
			r := s.report()
			if len(r.Entries) == 0 || r.Entries[0].Target != "dpl_good2" || !r.Entries[0].Auto {
				t.Errorf("what would have been done: %+v", r.Entries)
			}
			s.wantDryRun()
			m.want(t, mode == orchestrator.Advise)
			if back := s.effects("vercel", "/rollback/"); len(back) != 0 {
				t.Errorf("the judge saw %+v", back)
			}
		})
	}
}

func (s *shop) report() (r orchestrator.ShadowReport) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.cli("shadow", "report", "-o", "json", "--server", s.at("admin"), "--data", s.path("data"))), &r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// wantDryRun walks through the whole rollback: every effect says what it would do.
func (s *shop) wantDryRun() {
	s.t.Helper()
	var r orchestrator.DryReport
	at := []string{"--server", s.at("admin"), "--data", s.path("data"), "-o", "json"}
	if err := json.Unmarshal([]byte(s.cli(append([]string{"plan", "dry-run", "rollback", "--project", "shop"}, at...)...)), &r); err != nil {
		s.t.Fatal(err)
	}
	steps := map[string]orchestrator.DryStep{}
	for _, st := range r.Steps {
		steps[st.ID] = st
	}
	back := steps["back"]
	if r.Playbook != "rollback" || back.Becomes != "assumed" || !strings.Contains(back.Would, "from dpl_bad to dpl_good2") || !strings.Contains(string(back.Inputs), "prj_shop") {
		s.t.Errorf("the rollback of the dry run: %+v of %+v", back, r.Notes)
	}
	if serving := steps["serving"]; serving.Becomes != "done" || serving.Kind != "read" {
		s.t.Errorf("what serves is really read: %+v", serving)
	}
	for _, id := range []string{"mail", "staging", "suite", "promote", "watch"} {
		if steps[id].Becomes != "assumed" {
			s.t.Errorf("step %s: %+v", id, steps[id])
		}
	}
	if text := s.cli("plan", "dry-run", "INC-1", "--server", s.at("admin"), "--data", s.path("data")); !strings.Contains(text, "Nothing was done") {
		s.t.Errorf("the dry run of the incident says %s", text)
	} else {
		s.t.Log(text)
	}
}

// TestModes_switchTellsItsFigures: a configuration that lets a project act alone is
// answered with what is known of it, and the ops channel is told who did it.
func TestModes_switchTellsItsFigures(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Mode: "advise"})
	s.breakShop()
	s.waitsForYes()
	s.mustSay("shadow right INC-1 back")
	s.o.Mode = "live"
	s.writeConfig()
	text := s.cli("config", "apply", "--config", filepath.Join(s.dir, "backout.yaml"), "--server", s.at("admin"), "--data", s.path("data"))
	if !strings.Contains(text, "admin switched shop to live (was advise)") || !strings.Contains(text, "vercel.rollback 1 right, 0 wrong, 0 unclear, 0 missed") {
		t.Errorf("the answer is %q", text)
	}
	if !s.eventually(storyLimit, func() bool {
		for _, c := range s.effects("slack", "chat.postMessage") {
			told := strings.Contains(c.Body, "switched+shop+to+live") || strings.Contains(c.Body, "switched shop to live")
			if told && strings.Contains(c.Body, "C0OPS") { // the channel of incidents shows it, too, before or after
				return true
			}
		}
		return false
	}) {
		t.Errorf("the ops channel was not told: %+v", s.effects("slack", "chat."))
	}
}
