package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// vercelAlert is one anomaly of an alerts.triggered webhook. It names no
// deployment: what serves is read from Vercel.
type vercelAlert struct {
	ID        string          `json:"alertId"`
	Type      string          `json:"type"`
	Metric    string          `json:"metric"`
	Title     string          `json:"title"`
	Unit      string          `json:"unit"`
	StartedAt json.RawMessage `json:"startedAt"`
	Count     json.Number     `json:"count"`
	Average   json.Number     `json:"average"`
	ZScore    json.Number     `json:"zscore"`
}

// vercelAlerts makes one event of each anomaly. Vercel never says that one is
// over. An error anomaly is critical, a usage anomaly a warning.
func (d Delivery) vercelAlerts(b *vercelBody, base orchestrator.Event) Decoded {
	var out Decoded
	alerts := b.Payload.Alerts
	if len(alerts) == 0 {
		alerts = []vercelAlert{{ID: b.Payload.GroupID, Title: "Vercel alert"}}
	}
	for i := range alerts {
		out.add(d.vercelAlert(b, base, i, &alerts[i]))
	}
	out.close(d.Origin, d.Body)
	return out
}

func (d Delivery) vercelAlert(b *vercelBody, ev orchestrator.Event, i int, a *vercelAlert) Item {
	starts, err := millis(a.StartedAt)
	if err == nil && starts == 0 {
		starts, err = millis(b.Payload.StartedAt)
	}
	if err != nil {
		return badItem(d.Origin, "startedAt of alert "+strconv.Itoa(i+1)+" "+err.Error(), d.Body)
	}
	part := a.ID
	if part == "" {
		part = strconv.Itoa(i)
	}
	var c cleaner
	ev.Type, ev.StartsAt, ev.ID = orchestrator.AlertFiring, starts, cleanID(identity(ev.ID, part), d.Body)
	ev.Name = c.text(a.Title, maxTitle)
	ev.Severity = "critical"
	if strings.Contains(strings.ToLower(a.Type), "usage") {
		ev.Severity = "warning"
	}
	ev.Fingerprint = cleanID(strings.Trim(a.Type+"/"+a.Metric, "/"), nil)
	if ev.Fingerprint == "" {
		ev.Fingerprint = ev.Name
	}
	ev.Summary, ev.Value = c.text(a.summary(), maxText), c.text(a.Count.String(), maxWord)
	ev.URL = c.text(b.Payload.Links.Observability, maxText)
	labels := map[string]string{
		"vercel_project": ev.Labels["vercel_project"], "vercel_slug": b.Payload.ProjectSlug, "type": a.Type, "metric": a.Metric,
	}
	maps.DeleteFunc(labels, func(_, v string) bool { return v == "" })
	ev.Labels = c.labels(labels)
	return d.eventItem(&ev, d.Body, c.lost)
}

// summary puts the figures into words.
func (a *vercelAlert) summary() string {
	if a.Count == "" {
		return ""
	}
	text := fmt.Sprintf("%s %s, usually %s", a.Count, a.Unit, a.Average)
	if a.ZScore != "" {
		text += fmt.Sprintf(" (z-score %s)", a.ZScore)
	}
	return strings.Join(strings.Fields(text), " ")
}
