package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// eventsPerPost keeps a delivery well under SendGrid's 768 KB.
const eventsPerPost = 500

// tell posts processed and delivered events for mails, late, signed and
// sometimes twice with the same sg_event_id (reference 1.4).
func (s *sendGrid) tell(mails []Mail) {
	s.mu.Lock()
	url := s.opts.EventURL
	s.mu.Unlock()
	if url == "" {
		return
	}
	for _, kind := range []string{"processed", "delivered"} {
		for part := range slices.Chunk(mails, eventsPerPost) {
			if err := s.post(url, kind, part); err != nil {
				s.opts.Logger.Error("mail events not sent", "event", kind, "error", err)
			}
		}
	}
}

func (s *sendGrid) post(url, kind string, mails []Mail) error {
	// Raw bytes matter: events end in comma, CR, LF and the body in CR, LF.
	var body bytes.Buffer
	body.WriteByte('[')
	for i, m := range mails {
		event, err := json.Marshal(s.event(kind, m))
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		if i > 0 {
			body.WriteString(",\r\n")
		}
		body.Write(event)
	}
	body.WriteString("]\r\n")
	header, err := s.sign(body.Bytes())
	if err != nil {
		return err
	}
	copies := 1
	if !s.opts.Kind && s.dice.oneIn(duplicateOneIn) {
		copies = 2
	}
	for range copies {
		s.courier.post(parcel{after: s.dice.upTo(s.opts.MaxLag), url: url, header: header, body: body.Bytes()})
	}
	return nil
}

// event has the custom_args as keys of its own; a reserved name loses.
func (s *sendGrid) event(kind string, m Mail) object {
	event := object{}
	maps.Copy(event, m.CustomArgs)
	event["email"], event["timestamp"], event["event"] = m.To, m.At.Unix(), kind
	event["sg_event_id"] = s.dice.id(11)
	event["sg_message_id"] = m.MessageID
	event["smtp-id"] = "<" + m.MessageID + "@sandbox.test>"
	if len(m.Categories) > 0 {
		event["category"] = m.Categories
	}
	if kind == "delivered" {
		event["response"] = "250 OK"
	}
	return event
}

// sign signs SHA-256(timestamp + raw body) by ECDSA, base64 of ASN.1.
func (s *sendGrid) sign(body []byte) (map[string]string, error) {
	stamp := strconv.FormatInt(s.opts.Now().Unix(), 10)
	sum := sha256.Sum256(append([]byte(stamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		return nil, fmt.Errorf("signing mail events: %w", err)
	}
	return map[string]string{
		"X-Twilio-Email-Event-Webhook-Signature": base64.StdEncoding.EncodeToString(signature),
		"X-Twilio-Email-Event-Webhook-Timestamp": stamp,
	}, nil
}
