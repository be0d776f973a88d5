package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// outage is how long Backout is away while Alertmanager has something to say.
const outage = 10 * time.Second

// needed finds a program that a story drives; the Makefile's deps install it.
func needed(t *testing.T, command, debian string) string {
	t.Helper()
	path, err := exec.LookPath(command)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatalf("%s is missing (Debian package %s)", command, debian)
	}
	t.Skipf("skipped: %s is not installed (Debian package %s)", command, debian)
	return ""
}

// delivered is one alert of a delivery, and what its sender was answered.
type delivered struct {
	alert, status string
	code          int
}

// doorway stands in front of Backout as the proxy does that the README asks for:
// its address stays while Backout is away, and it keeps what came through.
type doorway struct {
	*httptest.Server
	mu  sync.Mutex
	all []delivered
}

func newDoorway(s *shop) *doorway {
	d := &doorway{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if to, err := url.Parse(s.at("public")); err == nil {
				r.SetURL(to)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		d.note(body, answer.Code)
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	s.t.Cleanup(d.Close)
	return d
}

func (d *doorway) note(body []byte, code int) {
	var message struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	_ = json.Unmarshal(body, &message)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range message.Alerts {
		d.all = append(d.all, delivered{a.Labels["alertname"], a.Status, code})
	}
}

// told is everything that came through.
func (d *doorway) told() []delivered {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

// count is how often an alert was told with that answer.
func (d *doorway) count(want delivered) (n int) {
	for _, one := range d.told() {
		if one == want {
			n++
		}
	}
	return n
}

// alertmanagerYAML is what the README shows, with waits that suit a test.
const alertmanagerYAML = `
route: {receiver: backout, group_by: [service], group_wait: 200ms, group_interval: 1s, repeat_interval: 2s}
receivers:
  - name: backout
    webhook_configs:
      - url: %s/hooks/alertmanager
        send_resolved: true
        http_config: {authorization: {type: Bearer, credentials_file: %s}}
`

// alertmanager is a real Prometheus Alertmanager on a loopback port.
type alertmanager struct {
	t    *testing.T
	url  string
	proc *process
}

func startAlertmanager(t *testing.T, s *shop, door string) *alertmanager {
	t.Helper()
	bin := needed(t, "prometheus-alertmanager", "prometheus-alertmanager")
	dir := t.TempDir()
	token, config := filepath.Join(dir, "token"), filepath.Join(dir, "alertmanager.yml")
	for path, text := range map[string]string{token: secrets()["E2E_ALERTMANAGER_TOKEN"], config: fmt.Sprintf(alertmanagerYAML, door, token)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It says on standard error where it listens.
	line := fmt.Sprintf("exec %s --config.file=%s --storage.path=%s --web.listen-address=127.0.0.1:0 --cluster.listen-address= 2>&1", bin, config, filepath.Join(dir, "data"))
	m := &alertmanager{t: t, proc: must(launch(t, s.path("alertmanager.log"), nil, "/bin/sh", "-c", line))(t)}
	where := regexp.MustCompile(`address=(127\.0\.0\.1:\d+)`)
	if !s.eventually(readyLimit, func() bool { return where.MatchString(m.proc.out.String()) }) {
		t.Fatalf("Alertmanager does not say where it listens:\n%s", m.proc.out)
	}
	m.url = "http://" + where.FindStringSubmatch(m.proc.out.String())[1]
	if !s.eventually(readyLimit, m.ready) {
		t.Fatalf("Alertmanager is not ready:\n%s", m.proc.out)
	}
	return m
}

func (m *alertmanager) ready() bool {
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.url+"/-/ready", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// push says that an alert fires since a time or, when it ended, until when it did.
func (m *alertmanager) push(name string, since, ended time.Time) {
	m.t.Helper()
	a := map[string]any{
		"labels":      map[string]string{"alertname": name, "service": "checkout", "severity": "critical"},
		"annotations": map[string]string{"summary": "5xx above 5 %"}, "startsAt": since.Format(time.RFC3339Nano),
	}
	if !ended.IsZero() {
		a["endsAt"] = ended.Format(time.RFC3339Nano)
	}
	body := must(json.Marshal([]any{a}))(m.t)
	req := must(http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url+"/api/v2/alerts", bytes.NewReader(body)))(m.t)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	said, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		m.t.Fatalf("Alertmanager answered %s to %s: %s", resp.Status, body, said)
	}
}

// TestAlertmanager_overAnOutage: a real Alertmanager says what fires, says it again,
// and goes on saying it to a Backout that was killed, until what ended has ended.
func TestAlertmanager_overAnOutage(t *testing.T) {
	t.Parallel()
	needed(t, "prometheus-alertmanager", "prometheus-alertmanager")
	s := newShop(t, shopOptions{Kind: true})
	s.waitServing("dpl_good2")
	door := newDoorway(s)
	m := startAlertmanager(t, s, door.URL)
	until := func(what string, ok func() bool) {
		t.Helper()
		if !s.eventually(storyLimit, ok) {
			t.Fatalf("waited in vain until %s: %+v\n%s", what, door.told(), m.proc.out)
		}
	}

	began := time.Now().UTC().Truncate(time.Millisecond)
	m.push("First", began, time.Time{})
	s.waitIncident("INC-1", "opened by the first alert", func(inc *console.Incident) bool { return inc.Firing == 1 })
	until("it was said three times", func() bool { return door.count(delivered{"First", "firing", 200}) >= 3 })

	s.backout.kill9()
	away := time.NewTimer(outage)
	defer away.Stop()
	m.push("Second", began.Add(time.Second), time.Time{})
	m.push("First", began, time.Now().UTC())
	until("both were told to nobody", func() bool {
		return door.count(delivered{"Second", "firing", 502}) > 0 && door.count(delivered{"First", "resolved", 502}) > 0
	})
	select {
	case <-away.C:
	case <-t.Context().Done():
	}
	s.restart("")
	s.waitIncident("INC-1", "told of what happened meanwhile", func(inc *console.Incident) bool {
		return inc.Firing == 1 && len(inc.Signals) == 2
	})
	m.push("Second", began.Add(time.Second), time.Now().UTC())
	inc := s.waitIncident("INC-1", "without a firing alert", func(inc *console.Incident) bool { return inc.Firing == 0 })
	s.wantEachOnce(&inc)
	s.backout.stop(t)
	t.Logf("Alertmanager told: %+v", door.told())
}

// wantEachOnce compares what Backout knows with what was pushed: each alert fired once and
// ended once, whatever was said how often.
func (s *shop) wantEachOnce(inc *console.Incident) {
	s.t.Helper()
	if s.incident("INC-2").ID != "" || len(inc.Signals) != 2 {
		s.t.Errorf("a second incident, or not two signals: %+v", inc.Signals)
	}
	for _, sig := range inc.Signals {
		fired, ended := 0, 0
		for _, l := range inc.Timeline {
			if l.Actor == "http/alertmanager" && strings.Contains(l.Text, sig.Name) {
				fired += strings.Count(l.Text, "signal: ")
				ended += strings.Count(l.Text, "gone: ")
			}
		}
		if fired != 1 || ended != 1 || sig.Count != 1 || sig.Firing {
			s.t.Errorf("%s fired %d times and ended %d times: %+v\n%s", sig.Name, fired, ended, sig, told(inc))
		}
		for _, status := range []string{"firing", "resolved"} {
			id := fmt.Sprintf("%s/%d/%s", sig.Fingerprint, sig.StartsAt, status)
			var lines []orchestrator.WhyLine
			if err := s.get("/api/v1/why", url.Values{"id": {id}}, &lines); err != nil || len(lines) != 1 || lines[0].N != 1 {
				s.t.Errorf("why %s: %v %+v", id, err, lines)
			}
		}
	}
}
