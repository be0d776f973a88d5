package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/slack"
	"github.com/aimarketplace/backout/orchestrator"
)

// speaker is a way a person says something; id is different for each thing said.
type speaker struct {
	name string
	say  func(ctx context.Context, words, id string) error
}

// cliSpeaker opens the real admin listener and speaks as the CLI does.
func (r *benchRig) cliSpeaker(token string) (speaker, error) {
	api := r.api(prometheus.NewRegistry(), gateway.ParseWords)
	ln, err := r.listen("the admin listener", "127.0.0.1:0", api.Handler())
	if err != nil {
		return speaker{}, err
	}
	c := &client{base: "http://" + ln.Addr().String(), token: token, http: &http.Client{Timeout: benchSettle, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	r.onClose("the CLI", func() error { c.http.CloseIdleConnections(); return nil })
	return speaker{"CLI", func(ctx context.Context, words, _ string) error {
		reply, err := c.say(ctx, words)
		if err == nil && !reply.OK {
			err = errors.New(reply.Text)
		}
		return err
	}}, nil
}

// chat is Slack's real handler. It is patient, so that what is measured is the
// outcome and not "working on it".
func (r *benchRig) chat(secret string) (http.Handler, error) {
	c, err := slack.New(slack.Options{BotToken: "none", SigningSecret: secret, Channel: "C0BENCH", Logger: r.o.Logger})
	if err != nil {
		return nil, err
	}
	in := c.Handler(slack.HandlerOptions{Person: r.slackPerson, Command: r.slackCommand, Patience: benchSettle})
	r.onClose("the chat", func() error {
		ctx, cancel := stopContext()
		defer cancel()
		return in.Close(ctx)
	})
	return in, nil
}

// chatSpeaker posts slash commands, signed as Slack signs them.
func chatSpeaker(address, secret string) speaker {
	c := &http.Client{Timeout: benchSettle, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	return speaker{"chat", func(ctx context.Context, words, id string) error {
		form := url.Values{"command": {"/backout"}, "text": {words}, "user_id": {benchSlackUser}, "trigger_id": {id}}.Encode()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form))
		if err != nil {
			return fmt.Errorf("building the slash command: %w", err)
		}
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = io.WriteString(mac, "v0:"+at+":"+form)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Slack-Request-Timestamp", at)
		req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		resp, err := c.Do(req)
		if err != nil {
			return fmt.Errorf("sending the slash command: %w", err)
		}
		defer func() { _ = resp.Body.Close() }()
		var answer struct{ Text string }
		if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the chat handler answered %s: %w", resp.Status, err)
		}
		if !strings.HasPrefix(answer.Text, benchPerson+" has ") {
			return errors.New(answer.Text)
		}
		return nil
	}}
}

// said is how one acknowledgement went; again counts how often it had to be said
// again before it was taken.
type said struct {
	way   int
	took  time.Duration
	again int
	err   error
}

// acknowledge says count acknowledgements at the steady rate, in turn by each way,
// and returns how each went. A slow one does not hold back the next.
func (b *stormBench) acknowledge(ctx context.Context, name string, count int) ([]said, error) {
	ended := make(chan said, count)
	ticks := time.NewTicker(time.Second / time.Duration(b.acks))
	defer ticks.Stop()
	for i := range count {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		go func() {
			words := "ack " + orchestrator.IncidentName(b.acked[i%len(b.acked)])
			ended <- b.sayOnce(ctx, i%len(b.speakers), words, fmt.Sprintf("%s-%d", name, i))
		}()
	}
	all := make([]said, count)
	for i := range all {
		if all[i] = <-ended; all[i].err != nil {
			return nil, fmt.Errorf("acknowledging by %s: %w", b.speakers[all[i].way].name, all[i].err)
		}
		b.said, b.saidAgain = b.said+all[i].again+1, b.saidAgain+all[i].again
	}
	return all, nil
}

// sayOnce says an acknowledgement, again when it is answered with an error as a
// person would, and takes the time until it is done.
func (b *stormBench) sayOnce(ctx context.Context, way int, words, id string) said {
	start := time.Now()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for again := 0; ; again++ {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return said{way: way, err: ctx.Err()}
		}
		err := b.speakers[way].say(ctx, words, fmt.Sprintf("%s-%d", id, again))
		if err == nil || time.Since(start) > benchSettle {
			return said{way, time.Since(start), again, err}
		}
		pause.Reset(retryAfter)
	}
}

// ackLineOf is what was said by one way, before and in the storm.
func ackLineOf(way int, name string, quiet, storm []said) ackLine {
	l := ackLine{Way: name}
	times := func(all []said) (out []time.Duration) {
		for _, s := range all {
			if s.way == way {
				out = append(out, s.took)
				l.Again += s.again
			}
		}
		return out
	}
	l.Quiet, l.Storm = rank(times(quiet)), rank(times(storm))
	return l
}
