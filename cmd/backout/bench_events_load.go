package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// eventsLoad posts alerts as Alertmanagers do: each sender has environments of
// its own and posts one message after another.
type eventsLoad struct {
	url, token string
	client     *http.Client
	senders    int
	// left is how many different alerts may still be sent; sent counts them by
	// environment, and each sender writes its own only.
	left  atomic.Int64
	sent  [eventEnvironments]int
	start time.Time
}

func newEventsLoad(url, token string, senders, most int) *eventsLoad {
	transport := &http.Transport{MaxIdleConnsPerHost: senders, MaxConnsPerHost: senders}
	l := &eventsLoad{url: url, token: token, senders: senders, start: time.Now(), client: &http.Client{Timeout: benchSettle, Transport: transport}}
	l.left.Store(int64(most))
	return l
}

// drive posts until the time is over or the alerts are, and returns how many
// different ones were taken.
func (l *eventsLoad) drive(ctx context.Context, until time.Time) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.client.CloseIdleConnections()
	var wg sync.WaitGroup
	failed := make(chan error, l.senders)
	for s := range l.senders {
		wg.Go(func() {
			if err := l.sender(ctx, s, until); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range l.sent {
		total += n
	}
	select {
	case err := <-failed:
		return 0, err
	default:
		return total, nil
	}
}

func (l *eventsLoad) sender(ctx context.Context, s int, until time.Time) error {
	var body []byte
	for e := s; time.Now().Before(until); e += l.senders {
		if e >= eventEnvironments {
			e = s
		}
		fresh := min(eventsNew, eventsEach-l.sent[e], int(l.left.Add(-eventsNew))+eventsNew)
		if fresh <= 0 {
			return nil
		}
		body = l.message(body[:0], e, fresh)
		if err := l.post(ctx, body); err != nil {
			return fmt.Errorf("posting alerts of %s: %w", benchEnvironment(e), err)
		}
		l.sent[e] += fresh
	}
	return nil
}

// message has fresh alerts of an environment, and in front of them repeats of
// what its last message had.
func (l *eventsLoad) message(b []byte, e, fresh int) []byte {
	b = append(b, `{"receiver":"backout","status":"firing","alerts":[`...)
	next := l.sent[e]
	first := max(0, next-eventsNew)
	for i := range eventRepeats {
		b = append(l.alert(b, e, first+i%fresh), ',')
	}
	for i := range fresh {
		if b = l.alert(b, e, next+i); i < fresh-1 {
			b = append(b, ',')
		}
	}
	b = append(b, `],"groupLabels":{"env":"`...)
	b = append(b, benchEnvironment(e)...)
	b = append(b, `"},"commonLabels":{"severity":"critical"},"commonAnnotations":{},"externalURL":"http://alertmanager.test","version":"4","groupKey":"{}:{env=\"`...)
	b = append(b, benchEnvironment(e)...)
	return append(b, `\"}","truncatedAlerts":0}`...)
}

// alert is alert i of an environment, shaped and sized as Alertmanager's are.
// Its fingerprint is a hash there too, so it is spread over all numbers.
func (l *eventsLoad) alert(b []byte, e, i int) []byte {
	b = append(b, `{"status":"firing","labels":{"alertname":"HighErrorRate","service":"`...)
	b = append(b, benchProject(e)...)
	b = append(b, `","env":"`...)
	b = append(b, benchEnvironment(e)...)
	b = append(b, `","instance":"10.0.0.`...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `:9090","severity":"critical"},"annotations":{"summary":"5xx above 5 % on instance `...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `","runbook_url":"https://runbooks.example.test/errors"},"startsAt":"`...)
	b = l.start.Add(time.Duration(i)*time.Millisecond).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.test/graph?g0.expr=errors","fingerprint":"`...)
	mixed := (uint64(e)<<32 | uint64(i)) * 0x9E3779B97F4A7C15 // odd, so no two are alike
	b = append(b, fmt.Sprintf("%016x", mixed)...)
	return append(b, `"}`...)
}

// post sends one message and checks that all of it was taken.
func (l *eventsLoad) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return fmt.Errorf("calling the hook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("reading the hook's answer: %w", err)
	}
	var taken struct{ Accepted, Quarantined int }
	if err := json.Unmarshal(text, &taken); err != nil || resp.StatusCode != http.StatusOK || taken.Accepted == 0 || taken.Quarantined != 0 {
		return fmt.Errorf("the hook answered %s: %s", resp.Status, text)
	}
	return nil
}
