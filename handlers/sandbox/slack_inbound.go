package sandbox

import (
	"bytes"
	"cmp"
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
)

// slashOrder is the body of POST /_sandbox/slash: a person types a command.
type slashOrder struct {
	UserID        string `json:"user_id"`
	ChannelID     string `json:"channel_id"` // empty: C0OPS
	Command       string `json:"command"`    // empty: /backout
	Text          string `json:"text"`
	URL           string `json:"url"`
	SigningSecret string `json:"signing_secret"`
	// AgeSeconds signs with a timestamp that far in the past; negative, in the future.
	AgeSeconds int `json:"age_seconds"`
}

// clickOrder is the body of POST /_sandbox/click: a person presses a button.
type clickOrder struct {
	UserID        string `json:"user_id"`
	TS            string `json:"ts"`
	ActionID      string `json:"action_id"`
	Value         string `json:"value"` // empty: the button's own
	URL           string `json:"url"`
	SigningSecret string `json:"signing_secret"`
	AgeSeconds    int    `json:"age_seconds"`
	// Stale presses a button the message no longer shows, as an old screen can.
	Stale bool `json:"stale"`
}

// heard is what came back for a command or a click.
type heard struct {
	Status      int    `json:"status"` // 0: no answer within 3 s
	Body        string `json:"body"`
	TookMS      int64  `json:"took_ms"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
	Error       string `json:"error,omitempty"` // operation_timeout or why it failed
}

func (s *slack) slash(ctx context.Context, in slashOrder) (any, error) {
	s.mu.Lock()
	u := s.user(in.UserID)
	channel := cmp.Or(in.ChannelID, "C0OPS")
	trigger, response := s.dice.id(8), s.responder("commands", responder{channel: channel, user: in.UserID})
	s.mu.Unlock()
	if u == nil {
		return nil, fmt.Errorf("no user %q: set him up first", in.UserID)
	}
	form := url.Values{
		"team_id": {slackTeam}, "team_domain": {"aim"}, "channel_id": {channel}, "channel_name": {"ops"},
		"user_id": {u.ID}, "user_name": {u.Name}, "command": {cmp.Or(in.Command, "/backout")}, "text": {in.Text}, "response_url": {response},
		"trigger_id": {trigger}, "api_app_id": {slackApp}, "is_enterprise_install": {"false"}, "token": {"unused"},
	}
	h := s.send(ctx, signedForm{url: in.URL, secret: in.SigningSecret, age: in.AgeSeconds, form: form})
	h.TriggerID, h.ResponseURL = trigger, response
	s.showAnswer(h, response)
	return h, nil
}

func (s *slack) click(ctx context.Context, in clickOrder) (any, error) {
	s.mu.Lock()
	u, m := s.user(in.UserID), s.find("", in.TS)
	if u == nil || m == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("no user %q or no message %q", in.UserID, in.TS)
	}
	pressed, err := m.button(in)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	trigger, response := s.dice.id(8), s.responder("actions", responder{channel: m.Channel, user: u.ID, ts: m.TS})
	pressed["action_ts"] = s.stamp()
	payload, err := json.Marshal(object{
		"type": "block_actions", "user": object{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": slackTeam}, "api_app_id": slackApp,
		"token": "unused", "team": object{"id": slackTeam, "domain": "aim"}, "channel": object{"id": m.Channel, "name": "ops"},
		"container": object{"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": m.EphemeralTo != ""},
		"message":   m.wire(true), "trigger_id": trigger, "response_url": response, "actions": []object{pressed},
	})
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("encoding the click: %w", err)
	}
	h := s.send(ctx, signedForm{url: in.URL, secret: in.SigningSecret, age: in.AgeSeconds, form: url.Values{"payload": {string(payload)}}})
	h.TriggerID, h.ResponseURL = trigger, response
	return h, nil
}

// button finds the pressed button among the message's blocks.
func (m *slackMessage) button(in clickOrder) (object, error) {
	pressed := object{"type": "button", "action_id": in.ActionID, "block_id": "b1", "value": in.Value}
	if in.Stale {
		return pressed, nil
	}
	var blocks []struct {
		ID       string   `json:"block_id"`
		Elements []object `json:"elements"`
		Extra    object   `json:"accessory"`
	}
	if len(m.Blocks) > 0 {
		if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
			return nil, fmt.Errorf("reading the blocks of message %s: %w", m.TS, err)
		}
	}
	for _, block := range blocks {
		for _, e := range append(block.Elements, block.Extra) {
			if e["action_id"] != in.ActionID || (in.Value != "" && e["value"] != in.Value) {
				continue
			}
			pressed["block_id"], pressed["value"], pressed["text"] = cmp.Or(block.ID, "b1"), e["value"], e["text"]
			return pressed, nil
		}
	}
	return nil, fmt.Errorf("message %s shows no button %q with value %q", m.TS, in.ActionID, in.Value)
}

// signedForm is a signed form on its way to the app.
type signedForm struct {
	url, secret string
	age         int // seconds
	form        url.Values
}

// send posts the form once, signed; Slack does not retry commands or clicks.
func (s *slack) send(ctx context.Context, d signedForm) heard {
	body := []byte(d.form.Encode())
	// The receiver compares with its own clock, so this one is real even in tests.
	stamp := strconv.FormatInt(time.Now().Unix()-int64(d.age), 10)
	mac := hmac.New(sha256.New, []byte(d.secret))
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return heard{Error: err.Error()}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	begin := time.Now()
	status, text, err := s.post(r)
	h := heard{Status: status, Body: text, TookMS: time.Since(begin).Milliseconds()}
	var late interface{ Timeout() bool }
	switch {
	case err == nil:
	case errors.As(err, &late) && late.Timeout():
		h.Status, h.Error = 0, "operation_timeout"
	default:
		h.Error = err.Error()
	}
	return h
}

func (s *slack) post(r *http.Request) (int, string, error) {
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(text), errors.Join(err, resp.Body.Close())
}

// showAnswer puts the direct answer to a command into the channel.
func (s *slack) showAnswer(h heard, response string) {
	if h.Status != http.StatusOK || strings.TrimSpace(h.Body) == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := response[strings.LastIndex(response, "/")+1:]
	var in reaction
	if err := json.Unmarshal([]byte(h.Body), &in); err != nil {
		in = reaction{Text: h.Body}
	}
	s.responders[id].show(s, in)
}
