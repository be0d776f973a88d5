package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slackMessage is a message as GET /_sandbox/messages lists it.
type slackMessage struct {
	TS       string          `json:"ts"`
	Channel  string          `json:"channel"`
	User     string          `json:"user"`
	Text     string          `json:"text"`
	ThreadTS string          `json:"thread_ts,omitempty"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// EphemeralTo is the only person who sees it; such a message is not in the history.
	EphemeralTo string `json:"ephemeral_to,omitempty"`
	// Edits counts chat.update and replacements by response URL.
	Edits   int  `json:"edits"`
	Deleted bool `json:"deleted,omitempty"`
}

// wire is the message in Slack's shape.
func (m *slackMessage) wire(metadata bool) object {
	w := object{"type": "message", "subtype": "bot_message", "bot_id": "B0BOT", "app_id": slackApp, "user": m.User, "team": slackTeam, "ts": m.TS, "text": m.Text}
	if m.ThreadTS != "" {
		w["thread_ts"] = m.ThreadTS
	}
	if len(m.Blocks) > 0 {
		w["blocks"] = m.Blocks
	}
	if metadata && len(m.Metadata) > 0 {
		w["metadata"] = m.Metadata
	}
	if m.Edits > 0 {
		w["edited"] = object{"user": m.User, "ts": m.TS}
	}
	return w
}

const (
	maxSlackText   = 40_000
	maxSlackBlocks = 50
)

// postMessage is chat.postMessage: not idempotent, each call is a new message.
func (s *slack) postMessage(in args) answer {
	channel, no := s.channel(in["channel"])
	if channel == "" {
		return no
	}
	if s.tooSoon(channel) {
		return s.refuse(refuseLimited).with("Retry-After", "1")
	}
	m, problem := s.message(in, channel)
	if problem != "" {
		return slackError(problem)
	}
	s.messages = append(s.messages, m)
	return slackOK(object{"channel": channel, "ts": m.TS, "message": m.wire(true)}).changed()
}

// postEphemeral is chat.postEphemeral: seen by one person, never in the history.
func (s *slack) postEphemeral(in args) answer {
	channel, no := s.channel(in["channel"])
	if channel == "" {
		return no
	}
	if s.user(in["user"]) == nil {
		return slackError("user_not_in_channel")
	}
	m, problem := s.message(in, channel)
	if problem != "" {
		return slackError(problem)
	}
	m.EphemeralTo = in["user"]
	s.messages = append(s.messages, m)
	return slackOK(object{"message_ts": m.TS}).changed()
}

// update is chat.update: doing it twice is doing it once.
func (s *slack) update(in args) answer {
	m := s.find(in["channel"], in["ts"])
	if m == nil || m.EphemeralTo != "" {
		return slackError("message_not_found")
	}
	edited, problem := s.message(in, m.Channel)
	if problem != "" {
		return slackError(problem)
	}
	m.replace(edited)
	return slackOK(object{"channel": m.Channel, "ts": m.TS, "text": m.Text, "message": m.wire(true)}).changed()
}

// replace takes over what a message shows; metadata stays unless given anew.
func (m *slackMessage) replace(by *slackMessage) {
	m.Text, m.Blocks = by.Text, by.Blocks
	if len(by.Metadata) > 0 {
		m.Metadata = by.Metadata
	}
	m.Edits++
}

// message reads the content arguments; problem is Slack's error code.
func (s *slack) message(in args, channel string) (m *slackMessage, problem string) {
	m = &slackMessage{Channel: channel, User: slackBot, Text: in["text"], ThreadTS: in["thread_ts"]}
	var blocks []json.RawMessage
	if text := in["blocks"]; text != "" {
		if err := json.Unmarshal([]byte(text), &blocks); err != nil || len(blocks) > maxSlackBlocks {
			return nil, "invalid_blocks"
		}
		m.Blocks = json.RawMessage(text)
	}
	if text := in["metadata"]; text != "" {
		var metadata struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if err := json.Unmarshal([]byte(text), &metadata); err != nil || metadata.Type == "" || metadata.Payload == nil {
			return nil, "invalid_metadata_format"
		}
		m.Metadata = json.RawMessage(text)
	}
	switch {
	case m.Text == "" && len(blocks) == 0 && in["attachments"] == "":
		return nil, "no_text"
	case len(m.Text) > maxSlackText:
		return nil, "msg_too_long"
	}
	m.TS = s.stamp()
	return m, ""
}

// stamp answers a timestamp no other message has.
func (s *slack) stamp() string {
	s.lastStamp = max(s.lastStamp+100, s.opts.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.lastStamp/1_000_000, s.lastStamp%1_000_000)
}

var channelID = regexp.MustCompile(`^[CDG][A-Z0-9]+$`)

// channel answers where a post goes: any well-formed id is a channel the bot is
// in, a person's id is the direct message with him.
func (s *slack) channel(id string) (string, answer) {
	switch {
	case channelID.MatchString(id):
		return id, answer{}
	case s.user(id) != nil:
		return directMessage(id), answer{}
	}
	return "", slackError("channel_not_found")
}

func directMessage(user string) string { return "D" + strings.TrimPrefix(user, "U") }

// tooSoon tells whether the channel had a message within the last second.
func (s *slack) tooSoon(channel string) bool {
	now := s.opts.Now()
	last, posted := s.lastPost[channel]
	if s.throttled && posted && now.Sub(last) < time.Second {
		return true
	}
	s.lastPost[channel] = now
	return false
}

func (s *slack) find(channel, ts string) *slackMessage {
	i := slices.IndexFunc(s.messages, func(m *slackMessage) bool {
		return m.TS == ts && !m.Deleted && (channel == "" || m.Channel == channel)
	})
	if i < 0 {
		return nil
	}
	return s.messages[i]
}

// history is conversations.history: newest first, metadata only on request.
func (s *slack) history(in args) answer {
	channel, no := s.channel(in["channel"])
	if channel == "" {
		return no
	}
	limit, err := strconv.Atoi(in["limit"])
	if err != nil || limit < 1 {
		limit = 100
	}
	limit = min(limit, 999)
	latest, inclusive := in["latest"], isTrue(in["inclusive"])
	if in["cursor"] != "" {
		latest, inclusive = strings.TrimPrefix(in["cursor"], "before:"), false
	}
	rows := []object{}
	cursor, more := "", false
	for _, m := range slices.Backward(s.messages) {
		if m.Channel != channel || m.EphemeralTo != "" || m.Deleted || !between(m.TS, in["oldest"], latest, inclusive) {
			continue
		}
		if len(rows) == limit {
			more = true
			break
		}
		rows = append(rows, m.wire(isTrue(in["include_all_metadata"])))
		cursor = "before:" + m.TS
	}
	if !more {
		cursor = ""
	}
	return slackOK(object{"messages": rows, "has_more": more, "pin_count": 0, "response_metadata": object{"next_cursor": cursor}})
}

func isTrue(text string) bool { return text == "1" || text == "true" }

// between compares timestamps as numbers; empty limits are open.
func between(ts, oldest, latest string, inclusive bool) bool {
	at, err := strconv.ParseFloat(ts, 64)
	if err != nil {
		return false
	}
	if from, err := strconv.ParseFloat(oldest, 64); err == nil && (at < from || at == from && !inclusive) {
		return false
	}
	to, err := strconv.ParseFloat(latest, 64)
	return err != nil || at < to || at == to && inclusive
}

// listed answers the messages of a channel, or all, ephemeral ones too.
func (s *slack) listed(channel string) []slackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []slackMessage{}
	for _, m := range s.messages {
		if channel == "" || m.Channel == channel {
			found = append(found, *m)
		}
	}
	return found
}

func (s *slack) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sandbox/messages", func(w http.ResponseWriter, r *http.Request) {
		show(w, s.listed(r.URL.Query().Get("channel")))
	})
	mux.HandleFunc("POST /_sandbox/slash", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in slashOrder) (any, error) { return s.slash(r.Context(), in) })
	})
	mux.HandleFunc("POST /_sandbox/click", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in clickOrder) (any, error) { return s.click(r.Context(), in) })
	})
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) { ask(w, r, s.setup) })
}
