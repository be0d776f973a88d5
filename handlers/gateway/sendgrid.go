package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// The kinds of mail events that say something is wrong with our own notices. A
// hard bounce is one recipient's affair; blocked is a whole provider's.
const (
	mailBlocked = "blocked"
	mailDropped = "dropped"
	mailSpam    = "spamreport"
)

// mailEvent is one event of SendGrid's Event Webhook, without the recipient.
type mailEvent struct {
	ID     loose           `json:"sg_event_id"`
	Event  loose           `json:"event"`
	Type   loose           `json:"type"`
	Reason loose           `json:"reason"`
	At     json.RawMessage `json:"timestamp"`
}

// mailTrouble gathers the events of one kind in a delivery.
type mailTrouble struct {
	ids     map[string]bool
	reasons map[string]int
	// from and to are Unix milliseconds.
	from, to int64
}

// address finds an e-mail address, also one that is escaped for JSON or a URL.
var address = regexp.MustCompile(`(?i)(?:\\"[^"\\]{1,64}\\"|[^\s<>\[\]{}()",;:&/\\]+)(?:@|%40|\\u0040)[^\s<>\[\]{}()"',;:=&/\\]+`)

// maxReasons bounds how many events of a delivery are looked at for the reason that
// is given most often.
const maxReasons = 200

// maskAddresses hides every e-mail address, for a text that is kept. It is not for
// what is still to be decoded: a backslash before an address is left behind.
func maskAddresses(body []byte) []byte { return address.ReplaceAll(body, []byte(mask)) }

// DecodeSendGrid reads SendGrid's Event Webhook. To set it up: in Mail Settings, Event
// Webhooks, one to /hooks/sendgrid with Bounced, Dropped and Spam Reports and Signature
// Verification on; its verification key as hooks.sendgrid.secret; match rules with
// source: sendgrid and the label kind.
//
// It makes one alert of each kind of trouble in a delivery of SendGrid's
// Event Webhook: blocked by a provider, dropped before it was sent, reported as
// spam. Its event_ids are the sg_event_ids, at most 64, for whoever counts distinct
// ones, its value how many there were; a delivery that comes again has the same id.
// What was delivered, opened and the like is ignored and counted. SendGrid never
// says that it is over.
func DecodeSendGrid(d Delivery) (Decoded, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(d.Body, &list); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	var out Decoded
	kinds := map[string]*mailTrouble{}
	for _, raw := range list {
		var e mailEvent
		if err := json.Unmarshal(raw, &e); err != nil || bytes.Equal(raw, []byte("null")) {
			out.add(badItem(d.Origin, "an event cannot be read: "+alertMistake(err), maskAddresses(raw)))
			continue
		}
		kind := e.kind()
		if kind == "" {
			out.Ignored++
			continue
		}
		if kinds[kind] == nil {
			kinds[kind] = &mailTrouble{ids: map[string]bool{}, reasons: map[string]int{}}
		}
		if why := kinds[kind].add(&e); why != "" {
			out.add(badItem(d.Origin, why, maskAddresses(raw)))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if len(kinds[kind].ids) > 0 {
			out.add(d.mailTrouble(kind, kinds[kind]))
		}
	}
	out.close(d.Origin, maskAddresses(d.Body))
	return out, nil
}

// kind is "" for an event that is no trouble.
func (e *mailEvent) kind() string {
	switch {
	case e.Event == "bounce" && e.Type == mailBlocked, e.Event == mailBlocked:
		return mailBlocked
	case e.Event == mailDropped, e.Event == mailSpam:
		return string(e.Event)
	}
	return ""
}

// add counts an event; the text says what is wrong with it.
func (m *mailTrouble) add(e *mailEvent) string {
	at, err := millis(e.At)
	switch {
	case err != nil:
		return "timestamp " + err.Error()
	case e.ID == "":
		return "sg_event_id is missing"
	}
	m.ids[mailID(string(e.ID))] = true
	if reason := strings.TrimSpace(string(e.Reason)); reason != "" && len(m.ids) <= maxReasons {
		m.reasons[cleanText(string(maskAddresses([]byte(reason))), maxTitle)]++
	}
	if at > 0 && (m.from == 0 || at < m.from) {
		m.from = at
	}
	m.to = max(m.to, at)
	return ""
}

// mailID makes an id fit to be kept; one that holds an address becomes a hash.
func mailID(id string) string {
	if address.MatchString(id) {
		sum := sha256.Sum256([]byte(id))
		return "sha256-" + hex.EncodeToString(sum[:16])
	}
	return cleanID(id, nil)
}

func (d Delivery) mailTrouble(kind string, m *mailTrouble) Item {
	ids := slices.Sorted(maps.Keys(m.ids))
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	ev := &orchestrator.Event{
		Source: sourceSendGrid, Type: orchestrator.AlertFiring, ID: kind + "/" + hex.EncodeToString(sum[:16]), Fingerprint: "sendgrid/" + kind,
		Name: "our mail is " + kind, Severity: "warning", Time: m.to, StartsAt: m.from, Value: strconv.Itoa(len(ids)),
		Labels: map[string]string{"kind": kind}, EventIDs: ids[:min(len(ids), maxEventIDs)],
	}
	switch kind {
	case mailBlocked:
		ev.Name = "mail providers block our mail"
	case mailSpam:
		ev.Name = "recipients report our mail as spam"
	case mailDropped:
		ev.Name = "SendGrid drops our mail unsent"
	}
	ev.Summary = fmt.Sprintf("%d in one delivery", len(ids))
	if reason := m.common(); reason != "" {
		ev.Summary += ", mostly: " + reason
	}
	return d.eventItem(ev, nil, false)
}

// common is the reason that is given most often, the first by name of equals.
func (m *mailTrouble) common() string {
	best := ""
	for _, reason := range slices.Sorted(maps.Keys(m.reasons)) {
		if best == "" || m.reasons[reason] > m.reasons[best] {
			best = reason
		}
	}
	return best
}
