package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// Again reads a line of quarantine once more, so that it can be handed in again.
// An event that was read and that nobody claimed is taken as it was read: of a
// batch only this one comes again. What could not be read goes through the
// decoder of its origin; body is what is kept of it. vercelProjects is as in
// Options. The error says why the line cannot be handed in, for a person.
func Again(q *orchestrator.Quarantined, body []byte, vercelProjects map[string]string) ([]orchestrator.Event, error) {
	if q.Event != nil {
		ev := *q.Event
		ev.Inbox = 0
		if ev.Project == "" && (ev.Source == sourceVercel || ev.Source == sourceVercelDrain) {
			ev.Project = vercelProjects[ev.Labels["vercel_project"]]
		}
		return []orchestrator.Event{ev}, nil
	}
	// Who sent a body is not kept with it, so its events count as unsigned: they
	// are known and page, and start nothing by themselves.
	d := Delivery{Origin: q.Origin, Body: body, Unsigned: true, VercelProjects: vercelProjects}
	decoded, err := d.again(q)
	if err != nil {
		return nil, err
	}
	return eventsOf(q, decoded)
}

// again hands the body to the decoder of its origin.
func (d Delivery) again(q *orchestrator.Quarantined) (Decoded, error) {
	if project, ok := strings.CutPrefix(d.Origin, "nats/"); ok {
		if strings.Contains(q.Reason, wrongSubject) {
			return Decoded{}, errors.New("its account may not publish this type under that subject; publish it again under the right one")
		}
		d.Project = project
		return single(d.structured(bytes.TrimSpace(d.Body))), nil
	}
	if project, ok := strings.CutPrefix(d.Origin, tokenOrigin); ok {
		d.Project = project
		return DecodeCloudEvents(d)
	}
	switch d.Origin {
	case "http/" + sourceAlertmanager:
		d.Body = asDelivery(d.Body)
		return DecodeAlertmanager(d)
	case "http/" + sourceGrafana:
		d.Body = asDelivery(d.Body)
		return DecodeGrafana(d)
	case "http/" + sourceSentry, "http/" + sourceUptimeRobot:
		return Read(strings.TrimPrefix(d.Origin, "http/"), d)
	case "http/" + sourcePagerDuty:
		return DecodePagerDuty(d)
	case "http/" + sourceSendGrid:
		return DecodeSendGrid(d)
	case "http/" + sourceVercel:
		return DecodeVercel(d)
	case "http/" + sourceGitHub:
		return Decoded{}, errors.New("GitHub's bodies are not kept, they may hold secrets; redeliver it in the webhook's settings at GitHub")
	case "http/" + sourceVercelDrain:
		return Decoded{}, errors.New("lines of a log drain are not kept, so there is nothing to read again")
	case "http/" + sourceStripe:
		return DecodeStripe(d)
	case "http/" + sourceToss:
		return DecodeToss(d)
	case "http/" + sourceEvents:
		return DecodeCloudEvents(d)
	}
	return Decoded{}, fmt.Errorf("what came from %q cannot be handed in again: it is no delivery of a sender", d.Origin)
}

// asDelivery makes a message of Alertmanager of a single alert, which is what is
// kept when only one of a message was bad.
func asDelivery(body []byte) []byte {
	var alert struct {
		Alerts json.RawMessage `json:"alerts"`
		Status string          `json:"status"`
		Labels json.RawMessage `json:"labels"`
	}
	if json.Unmarshal(body, &alert) != nil || alert.Alerts != nil || alert.Labels == nil {
		return body
	}
	return append(append([]byte(`{"alerts":[`), body...), `]}`...)
}

// eventsOf are the events of a body that was read again; of a batch whose other
// items landed, those are known by their ids and count once.
func eventsOf(q *orchestrator.Quarantined, decoded Decoded) ([]orchestrator.Event, error) {
	var events []orchestrator.Event
	bad := ""
	for i := range decoded.Items {
		it := &decoded.Items[i]
		if it.Record.Event == nil {
			bad = it.Record.Bad.Reason
			continue
		}
		ev := *it.Record.Event
		if it.Keep != nil {
			ev.Blob = q.Blob
		}
		if id, unrouted := unroutedID(q); !unrouted || ev.ID == id {
			events = append(events, ev)
		}
	}
	switch {
	case len(events) > 0:
		return events, nil
	case bad != "":
		return nil, errors.New("it still cannot be read: " + bad)
	}
	return nil, errors.New("what is kept of it holds nothing that Backout has a use for")
}

// unroutedID is the id of the event that nobody claimed; earlier versions kept it
// at the end of the excerpt and no event.
func unroutedID(q *orchestrator.Quarantined) (id string, ok bool) {
	if !strings.HasPrefix(q.Reason, "unrouted: ") {
		return "", false
	}
	return q.Excerpt[strings.LastIndexByte(q.Excerpt, ' ')+1:], true
}
