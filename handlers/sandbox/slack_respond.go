package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// responder is what a response_url leads to: usable five times within 30
// minutes (reference 2.1).
type responder struct {
	channel, user string
	ts            string // of the message whose button was pressed; "" for a command
	uses          int
	until         time.Time
}

const (
	responderUses = 5
	responderLife = 30 * time.Minute
)

// reaction is a body posted to a response_url, or answered to a command.
type reaction struct {
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks"`
	Type     string          `json:"response_type"` // ephemeral unless in_channel
	Replace  bool            `json:"replace_original"`
	Delete   bool            `json:"delete_original"`
	Metadata json.RawMessage `json:"metadata"`
}

// responder registers a new response_url of a kind: commands or actions.
func (s *slack) responder(kind string, r responder) string {
	id := s.dice.id(12)
	r.until = s.opts.Now().Add(responderLife)
	s.responders[id] = &r
	return s.base + "/" + kind + "/" + id
}

// respond is a POST to a response_url; it needs no token, its path is the secret.
func (s *slack) respond(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.responders[r.PathValue("id")]
	var in reaction
	switch err := json.Unmarshal(r.body, &in); {
	case to == nil:
		return asText(http.StatusNotFound, "no_such_url")
	case s.opts.Now().After(to.until):
		return asJSON(http.StatusNotFound, object{"ok": false, "error": "expired_url"})
	case to.uses >= responderUses:
		return asJSON(http.StatusNotFound, object{"ok": false, "error": "used_url"})
	case err != nil:
		return asText(http.StatusBadRequest, "invalid_payload")
	}
	to.uses++
	to.show(s, in)
	return asText(http.StatusOK, "ok").changed()
}

// show makes the reaction visible: it edits or deletes the message pressed, or
// adds one.
func (r *responder) show(s *slack, in reaction) {
	m := &slackMessage{Channel: r.channel, User: slackBot, Text: in.Text, Blocks: in.Blocks, Metadata: in.Metadata}
	original := s.find(r.channel, r.ts)
	switch {
	case in.Delete && original != nil:
		original.Deleted = true
		return
	case in.Replace && original != nil:
		original.replace(m)
		return
	case in.Type != "in_channel":
		m.EphemeralTo = r.user
	}
	m.TS = s.stamp()
	s.messages = append(s.messages, m)
}
