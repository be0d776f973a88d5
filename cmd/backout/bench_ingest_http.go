package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// hookWay posts to /hooks/alertmanager, as one Alertmanager for each group does.
type hookWay struct {
	url, token string
	client     *http.Client
	// control is set when a server answers that does not count.
	control bool
}

func newHookWay(url, token string, senders int) *hookWay {
	transport := &http.Transport{MaxIdleConnsPerHost: senders, MaxConnsPerHost: senders}
	return &hookWay{url: url, token: token, client: &http.Client{Timeout: benchSettle, Transport: transport}}
}

func (w *hookWay) close() { w.client.CloseIdleConnections() }

// send posts one message and checks that all of it was taken.
func (w *hookWay) send(ctx context.Context, m *alertMessage) (busy bool, err error) {
	m.body = m.alertmanager(m.body[:0])
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(m.body))
	if err != nil {
		return false, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(req)
	if err != nil {
		return false, fmt.Errorf("calling the hook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return false, fmt.Errorf("reading the hook's answer: %w", err)
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return true, nil
	}
	if want := m.fresh + m.repeats(); resp.StatusCode != http.StatusOK || !w.control && !took(text, want) {
		return false, fmt.Errorf("the hook answered %s for %d alerts: %s", resp.Status, want, text)
	}
	return false, nil
}

// took reports whether an answer says that so many alerts were taken.
func took(answer []byte, want int) bool {
	var taken struct{ Accepted, Quarantined int }
	return json.Unmarshal(answer, &taken) == nil && taken.Accepted == want && taken.Quarantined == 0
}

// alertmanager is the message as Alertmanager writes it.
func (m *alertMessage) alertmanager(b []byte) []byte {
	b = append(b, `{"receiver":"backout","status":"firing","alerts":[`...)
	for i := range m.repeats() {
		b = append(m.alert(b, m.repeated(i)), ',')
	}
	for i := range m.fresh {
		if b = m.alert(b, m.first+i); i < m.fresh-1 {
			b = append(b, ',')
		}
	}
	b = append(b, `],"groupLabels":{"env":"`...)
	b = append(b, benchEnvironment(m.env)...)
	b = append(b, `"},"commonLabels":{"severity":"critical"},"commonAnnotations":{},"externalURL":"http://alertmanager.test","version":"4","groupKey":"{}:{env=\"`...)
	b = append(b, benchEnvironment(m.env)...)
	return append(b, `\"}","truncatedAlerts":0}`...)
}

// alert is alert i of the environment, shaped and sized as Alertmanager's are.
func (m *alertMessage) alert(b []byte, i int) []byte {
	b = append(b, `{"status":"firing","labels":{"alertname":"HighErrorRate","service":"`...)
	b = append(b, benchProject(m.env)...)
	b = append(b, `","env":"`...)
	b = append(b, benchEnvironment(m.env)...)
	b = append(b, `","instance":"10.0.0.`...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `:9090","severity":"critical"},"annotations":{"summary":"5xx above 5 % on instance `...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `","runbook_url":"https://runbooks.example.test/errors"},"startsAt":"`...)
	b = m.startsAt(i).AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.test/graph?g0.expr=errors","fingerprint":"`...)
	b = append(b, m.fingerprint(i)...)
	return append(b, `"}`...)
}
