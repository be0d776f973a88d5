package slack_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/slack"
)

// mind carries words out and remembers them.
type mind struct {
	mu    sync.Mutex
	heard []string
	slow  chan struct{} // when set, a command ends only after this does
}

func (m *mind) options() slack.HandlerOptions {
	return slack.HandlerOptions{
		Person: func(id string) (string, bool) {
			person, ok := map[string]string{"U01": "ann", "U02": "bob"}[id]
			return person, ok
		},
		Command: func(ctx context.Context, words, person, claimed, id string) (bool, string) {
			m.mu.Lock()
			m.heard = append(m.heard, fmt.Sprintf("%s|%s|%s|%v", words, person, claimed, id != ""))
			m.mu.Unlock()
			if m.slow != nil {
				select {
				case <-m.slow:
				case <-ctx.Done():
					return false, "it ended"
				}
			}
			return person != "", "heard: " + words
		},
	}
}

func (m *mind) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.heard, "\n")
}

type heard struct {
	Status    int
	Body      string
	TookMS    int64  `json:"took_ms"`
	TriggerID string `json:"trigger_id"`
	Error     string
}

func (w *workspace) slash(target, user, text string, more obj) (h heard) {
	w.Helper()
	order := obj{"user_id": user, "text": text, "url": target, "signing_secret": signing}
	maps.Copy(order, more)
	w.control("POST", "slash", order, &h)
	return h
}

func TestInbound_slashCommand(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{}
	target, _ := w.app(m.options())
	h := w.slash(target, "U01", "ack INC-1 &lt;now&gt; “it is mine”", nil)
	var said struct {
		Type string `json:"response_type"`
		Text string
	}
	if err := json.Unmarshal([]byte(h.Body), &said); err != nil || h.Status != 200 || said.Type != "ephemeral" || said.Text != `heard: ack INC-1 &lt;now&gt; "it is mine"` {
		t.Errorf("%+v %v", h, err)
	}
	w.slash(target, "U04", "", nil) // Known to Slack, not to us.
	if want := "ack INC-1 <now> \"it is mine\"|ann||true\nhelp||U04|true"; m.all() != want {
		t.Errorf("heard\n%s\nwant\n%s", m.all(), want)
	}
}

func TestInbound_notSlacksOwn(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{}
	target, _ := w.app(m.options())
	for name, more := range map[string]obj{
		"wrong secret": {"signing_secret": "other"}, "old": {"age_seconds": 302}, "from the future": {"age_seconds": -310},
	} {
		if h := w.slash(target, "U01", "stop INC-1", more); h.Status != 401 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	if m.all() != "" {
		t.Errorf("carried out: %s", m.all())
	}
}

// signed makes a request as Slack signs it.
func signed(t *testing.T, target, body string, at time.Time) *http.Request {
	t.Helper()
	stamp := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(signing))
	mac.Write([]byte("v0:" + stamp + ":" + body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestInbound_replayIsTakenOnce(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{}
	target, _ := w.app(m.options())
	body := url.Values{"user_id": {"U01"}, "text": {"now INC-1"}, "trigger_id": {"t1"}}.Encode()
	now := time.Now()
	for n, at := range []time.Time{now, now, now.Add(-time.Minute)} { // The last is signed anew, with the trigger of before.
		status, answer := send(t, signed(t, target, body, at))
		if status != 200 || strings.Contains(answer, "taken before") != (n > 0) {
			t.Errorf("%d: %d %s", n, status, answer)
		}
	}
	// The query is covered by no signature: it must change nothing.
	payload := url.QueryEscape(`{"type":"block_actions","user":{"id":"U01"},"trigger_id":"t9","actions":[{"type":"button","block_id":"b1","value":"close INC-1"}]}`)
	if status, _ := send(t, signed(t, target+"?payload="+payload, strings.Replace(body, "t1", "t2", 1), now)); status != 200 {
		t.Errorf("with a query: %d", status)
	}
	if want := "now INC-1|ann||true\nnow INC-1|ann||true"; m.all() != want {
		t.Errorf("heard %s", m.all())
	}
}

func TestInbound_badBodies(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{}
	target, _ := w.app(m.options())
	form := func(payload string) string { return url.Values{"payload": {payload}}.Encode() }
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"no form", "%zz", 400},
		{"nobody speaks", "text=ack", 400},
		{"no JSON", form("{"), 400},
		{"click of nobody", form(`{"type":"block_actions","actions":[{"type":"button","block_id":"b1","value":"ack INC-1"}]}`), 400},
		{"another kind of interaction", form(`{"type":"view_submission"}`), 200},
		{"a link", form(`{"type":"block_actions","user":{"id":"U01"},"trigger_id":"t","actions":[{"type":"button","block_id":"b1","value":""}]}`), 200},
		{"certificate check", "ssl_check=1", 200},
		{"too big", strings.Repeat("x", 1<<20+1), 413},
	} {
		if status, body := send(t, signed(t, target, tt.body, time.Now())); status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, status, body, tt.status)
		}
	}
	unsigned := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("text=ack"))
	get := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for r, want := range map[*http.Request]int{unsigned: 401, get: 405} {
		rec := httptest.NewRecorder()
		w.client.Handler(m.options()).ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("%s: %d, want %d", r.Method, rec.Code, want)
		}
	}
	if m.all() != "" {
		t.Errorf("carried out: %s", m.all())
	}
}

func TestInbound_clickSaysTheSameWords(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{}
	target, _ := w.app(m.options())
	out, err := w.do(card(t, checkout()))
	if err != nil {
		t.Fatal(err)
	}
	at := placeOf(t, out)
	click := obj{"user_id": "U02", "ts": at.TS, "action_id": "approve:back", "url": target, "signing_secret": signing}
	var h heard
	w.control("POST", "click", click, &h)
	if h.Status != 200 || h.Body != "" {
		t.Errorf("click: %+v", h)
	}
	if want := "approve INC-1 back preview=abc123|bob||true"; m.all() != want {
		t.Errorf("heard %s, want %s", m.all(), want)
	}
	until(t, "the outcome to be shown to the one who clicked", func() bool {
		all := w.messages()
		return len(all) == 2 && all[1].EphemeralTo == "U02" && all[1].Text == "heard: approve INC-1 back preview=abc123"
	})
	click["signing_secret"] = "other"
	if w.control("POST", "click", click, &h); h.Status != 401 {
		t.Errorf("forged click: %+v", h)
	}
}

func TestInbound_slowCommandAnswersInTime(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{slow: make(chan struct{})}
	o := m.options()
	o.Patience = 50 * time.Millisecond
	target, _ := w.app(o)
	h := w.slash(target, "U01", "rollback shop", nil)
	if h.Status != 200 || h.TookMS > 2000 || !strings.Contains(h.Body, "working on it") {
		t.Errorf("%+v", h)
	}
	w.control("POST", "fault", obj{"kind": "500_before", "path": "/commands/"}, nil) // The first delivery of the outcome fails.
	close(m.slow)
	until(t, "the outcome at the response URL", func() bool {
		all := w.messages()
		return len(all) == 2 && all[1].EphemeralTo == "U01" && all[1].Text == "heard: rollback shop"
	})
}

func TestInbound_closeStopsWhatRuns(t *testing.T) {
	t.Parallel()
	w, m := start(t), &mind{slow: make(chan struct{})}
	o := m.options()
	o.Patience = time.Millisecond
	in := w.client.Handler(o)
	rec := httptest.NewRecorder()
	in.ServeHTTP(rec, signed(t, "/", url.Values{"user_id": {"U01"}, "text": {"now"}, "trigger_id": {"t1"}}.Encode(), time.Now()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.Close(ctx); err == nil {
		t.Error("a running command was not reported")
	}
	if err := in.Close(t.Context()); err != nil {
		t.Errorf("the command went on: %v", err)
	}
}
