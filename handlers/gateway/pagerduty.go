package gateway

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aimarketplace/backout/orchestrator"
)

// pagerDutyPath is where clients of PagerDuty's Events API v2 post to.
const pagerDutyPath = "/v2/enqueue"

// longestDedupKey is PagerDuty's bound, in characters.
const longestDedupKey = 255

// pagerDutyBody is an event of PagerDuty's Events API v2 (PagerDuty/api-schema)
// without its routing_key, which was taken out when it was compared.
type pagerDutyBody struct {
	Action   string `json:"event_action"`
	DedupKey loose  `json:"dedup_key"`
	Client   loose  `json:"client"`
	URL      loose  `json:"client_url"`
	Payload  struct {
		Summary   loose           `json:"summary"`
		Severity  loose           `json:"severity"`
		Source    loose           `json:"source"`
		Timestamp json.RawMessage `json:"timestamp"`
		Component loose           `json:"component"`
		Group     loose           `json:"group"`
		Class     loose           `json:"class"`
		Details   json.RawMessage `json:"custom_details"`
	} `json:"payload"`
}

// DecodePagerDuty reads one event in PagerDuty's shape. To set it up: a long random
// word as hooks.pagerduty.secret; in the sender /v2/enqueue of the public listener as
// PagerDuty's address (pagerduty_url, url) and the word as the routing or integration
// key; match rules with source: pagerduty.
//
// The dedup_key is the
// fingerprint; one is made when a trigger has none, and Decoded.DedupKey tells the
// sender. trigger fires, resolve ends it, acknowledge is of no use here: who may
// take an incident is known by name. Without a timestamp an event starts nothing
// automatic and no repeat of it is known by its id, since the next outage has the
// very same body.
func DecodePagerDuty(d Delivery) (Decoded, error) {
	var b pagerDutyBody
	if err := json.Unmarshal(d.Body, &b); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	key := strings.TrimSpace(string(b.DedupKey))
	if key == "" && b.Action == "trigger" {
		key = strings.ToLower(rand.Text())
	}
	if b.Action == "acknowledge" && key != "" {
		return Decoded{Ignored: 1, DedupKey: key}, nil
	}
	out := single(d.pagerDuty(&b, key))
	out.DedupKey = key
	return out, nil
}

func (d Delivery) pagerDuty(b *pagerDutyBody, key string) Item {
	at, err := pagerDutyTime(b.Payload.Timestamp)
	severity := strings.ToLower(string(b.Payload.Severity))
	switch {
	case !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, b.Action):
		return badItem(d.Origin, "event_action must be trigger, acknowledge or resolve, it is "+strconv.Quote(clip(b.Action, 40)), d.Body)
	case key == "":
		return badItem(d.Origin, "dedup_key is missing; only a trigger may leave it out", d.Body)
	case utf8.RuneCountInString(key) > longestDedupKey:
		return badItem(d.Origin, fmt.Sprintf("dedup_key is longer than %d characters", longestDedupKey), d.Body)
	case err != nil:
		return badItem(d.Origin, "payload.timestamp "+err.Error(), d.Body)
	}
	ev := &orchestrator.Event{Source: sourcePagerDuty, Type: orchestrator.AlertResolved, Time: at, Severity: severity}
	if b.Action == "trigger" {
		ev.Type, ev.StartsAt = orchestrator.AlertFiring, at
		switch {
		case b.Payload.Summary == "":
			return badItem(d.Origin, "payload.summary is missing", d.Body)
		case b.Payload.Source == "":
			return badItem(d.Origin, "payload.source is missing", d.Body)
		case !slices.Contains([]string{"critical", "error", "warning", "info"}, severity):
			return badItem(d.Origin, "payload.severity must be critical, error, warning or info, it is "+strconv.Quote(clip(severity, 40)), d.Body)
		}
	}
	var c cleaner
	c.pagerDuty(b, key, ev)
	stamp := strconv.FormatInt(at, 10)
	if at == 0 {
		stamp = rand.Text()
	}
	ev.ID = cleanID(identity(key, b.Action, stamp), d.Body)
	return d.eventItem(ev, d.Body, c.lost)
}

// pagerDutyTime also reads ISO 8601 without a colon in the zone, as PagerDuty's own
// examples are written.
func pagerDutyTime(raw json.RawMessage) (int64, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse("2006-01-02T15:04:05.999999999Z0700", text); err == nil {
			return said(t.UnixMilli())
		}
	}
	return millis(raw)
}

// pagerDuty carries the texts over.
func (c *cleaner) pagerDuty(b *pagerDutyBody, key string, ev *orchestrator.Event) {
	p := b.Payload
	ev.Fingerprint = cleanID(key, nil)
	ev.Name = c.text(firstText(p.Class, p.Summary, loose(key)), maxTitle)
	ev.Summary, ev.URL = c.text(string(p.Summary), maxText), c.text(string(b.URL), maxText)
	labels := map[string]string{}
	var details map[string]loose
	if json.Unmarshal(p.Details, &details) == nil {
		for name, value := range details {
			labels["details."+name] = string(value)
		}
	}
	maps.Copy(labels, map[string]string{
		"source": string(p.Source), "component": string(p.Component), "group": string(p.Group), "class": string(p.Class), "client": string(b.Client),
	})
	ev.Labels = c.fullLabels(labels)
}

// enqueue is PagerDuty's own path for the same source.
func (g *Gateway) enqueue(w http.ResponseWriter, r *http.Request) {
	r.SetPathValue("source", sourcePagerDuty)
	g.receive(w, r)
}

// answerEnqueued answers as PagerDuty does: 202 with the key, or 400 with what is
// wrong. A wrong event is kept in quarantine all the same.
func answerEnqueued(w http.ResponseWriter, d Decoded, unreadable error) {
	switch {
	case unreadable != nil:
		answerPagerDuty(w, http.StatusBadRequest, cleanText(unreadable.Error(), maxReason))
	case d.bad > 0:
		answerPagerDuty(w, http.StatusBadRequest, d.Items[0].Record.Bad.Reason)
	default:
		answerJSON(w, http.StatusAccepted, map[string]string{"status": "success", "message": "Event processed", "dedup_key": d.DedupKey})
	}
}

// answerPagerDuty is an error in PagerDuty's shape.
func answerPagerDuty(w http.ResponseWriter, status int, problem string) {
	answerJSON(w, status, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{problem}})
}
