package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	fastjson "github.com/goccy/go-json"

	"github.com/aimarketplace/backout/orchestrator"
)

// alertmanagerBody is the webhook of Prometheus Alertmanager, version 4
// (prometheus/alertmanager notify/webhook, template.Data). Only what is used is
// read: a sender's template may add to it.
type alertmanagerBody[A any] struct {
	Alerts          []A `json:"alerts"`
	TruncatedAlerts int `json:"truncatedAlerts"`
}

type alertmanagerAlert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    json.RawMessage   `json:"startsAt"`
	EndsAt      json.RawMessage   `json:"endsAt"`
	Fingerprint string            `json:"fingerprint"`
}

// DecodeAlertmanager makes one event of each alert. Whose it is stays open: the
// labels go along, and the fold routes by the match rules. An alert that is not
// in the message says nothing, least of all that it is resolved.
func DecodeAlertmanager(d Delivery) (Decoded, error) {
	var body alertmanagerBody[alertmanagerAlert]
	if len(d.Body) > keepOver || fastjson.Unmarshal(d.Body, &body) != nil || body.Alerts == nil {
		return d.alertsOneByOne()
	}
	out := Decoded{Items: make([]Item, 0, len(body.Alerts)), Truncated: body.TruncatedAlerts}
	for i := range body.Alerts {
		it, lost := d.alertmanagerItem(&body.Alerts[i], body.TruncatedAlerts, nil)
		if lost || it.Record.Bad != nil {
			return d.alertsOneByOne()
		}
		out.add(it)
	}
	return out, nil
}

// alertsOneByOne is the careful way, for bodies that hold something wrong or
// something long: each alert is read by itself and knows its own bytes.
func (d Delivery) alertsOneByOne() (Decoded, error) {
	var body alertmanagerBody[json.RawMessage]
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	if body.Alerts == nil {
		return Decoded{}, errors.New("alerts is missing; this is not Alertmanager's webhook, version 4")
	}
	out := Decoded{Truncated: body.TruncatedAlerts}
	for _, raw := range body.Alerts {
		var a alertmanagerAlert
		if err := json.Unmarshal(raw, &a); err != nil || bytes.Equal(raw, []byte("null")) {
			out.add(badItem(d.Origin, "an alert cannot be read: "+alertMistake(err), raw))
			continue
		}
		it, lost := d.alertmanagerItem(&a, body.TruncatedAlerts, raw)
		if lost && it.Keep == nil {
			it.Keep = RedactBytes(raw)
		}
		out.add(it)
	}
	out.close(d.Origin, d.Body)
	return out, nil
}

func alertMistake(err error) string {
	if err == nil {
		return "it is null"
	}
	return mistake(err)
}

// alertmanagerItem makes an event of one alert; lost says that texts were cut.
func (d Delivery) alertmanagerItem(a *alertmanagerAlert, truncated int, raw []byte) (it Item, lost bool) {
	starts, err := millis(a.StartsAt)
	if err != nil {
		return badItem(d.Origin, "startsAt "+err.Error(), raw), false
	}
	ends, err := millis(a.EndsAt)
	if err != nil {
		return badItem(d.Origin, "endsAt "+err.Error(), raw), false
	}
	if a.Fingerprint == "" {
		return badItem(d.Origin, "fingerprint is missing", raw), false
	}
	ev := &orchestrator.Event{Source: sourceAlertmanager, Type: orchestrator.AlertFiring, Time: starts, StartsAt: starts}
	switch a.Status {
	case "firing":
	case "resolved":
		ev.Type, ev.Time = orchestrator.AlertResolved, ends
	default:
		return badItem(d.Origin, "status must be firing or resolved, it is "+strconv.Quote(clip(a.Status, 40)), raw), false
	}
	var c cleaner
	c.alertmanager(a, ev)
	if truncated > 0 && ev.Labels != nil {
		ev.Labels["truncated_alerts"] = strconv.Itoa(truncated)
	}
	return d.eventItem(ev, raw, false), c.lost
}

// alertmanager carries the texts over.
func (c *cleaner) alertmanager(a *alertmanagerAlert, ev *orchestrator.Event) {
	ev.Fingerprint = cleanID(a.Fingerprint, nil)
	ev.ID = ev.Fingerprint + "/" + strconv.FormatInt(ev.StartsAt, 10) + "/" + a.Status
	ev.Labels = c.labels(a.Labels)
	ev.Name = c.text(a.Labels["alertname"], maxTitle)
	ev.Severity = strings.ToLower(c.text(firstOf(a.Labels, "severity"), maxWord))
	if ev.Severity == "" {
		ev.Severity = "warning"
	}
	ev.Release = c.text(firstOf(a.Labels, "release", "deployment"), maxWord)
	ev.Summary = c.text(firstOf(a.Annotations, "summary", "description", "message", "title"), maxText)
	ev.Value = c.text(a.Annotations["value"], maxWord)
}

func firstOf(m map[string]string, keys ...string) string {
	for _, k := range keys {
		if v := m[k]; v != "" {
			return v
		}
	}
	return ""
}
